#!/usr/bin/python3
# The times table, in Python without a module.
print("""Content-Type: text/html; charset=utf-8

<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The times table</title>
<link rel="stylesheet" href="/table.css">
<h1>The times table</h1>
<table>""")
for row in range(1, 13):
    print(f"<tr><th>{row}" + "".join(f"<td>{row * column}" for column in range(1, 13)))
print("</table>\n<p>Twelve rows, made anew for each request, or once for all.</p>")
