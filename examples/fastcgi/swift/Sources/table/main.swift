// The times table as a FastCGI worker in Swift.
import FastCGIApp
import Glibc

func table() -> String {
  var page = """
    <!doctype html>
    <html lang="en">
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>The times table</title>
    <link rel="stylesheet" href="/table.css">
    <h1>The times table</h1>
    <table>

    """
  for row in 1...12 {
    page += "<tr><th>\(row)"
    for column in 1...12 { page += "<td>\(row * column)" }
    page += "\n"
  }
  return page + "</table>\n<p>Twelve rows, made anew for each request, or once for all.</p>\n"
}

try Worker.run { request, response in
  try response.set("Content-Type", "text/html; charset=utf-8")
  try response.set("X-Worker", "\(getpid()) \(request.number)")
  try response.write(table())
}
