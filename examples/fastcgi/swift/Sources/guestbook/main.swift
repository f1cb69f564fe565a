// A guestbook as a FastCGI worker: GET shows it, POST adds to it. Any number of workers share one database.
//   guestbook DATABASE

import FastCGIApp
import Glibc

/// Why a request is not done, for its client to read.
struct Refusal: Error {
  var status: Int
  var words: String
}

/// The most bytes of a form: of name and message in percent-encoding, each character of at most four bytes.
let formBytes = 16_384

/// Whether another site's page sent its visitor's browser here. Browsers say so, over plain HTTP in Origin alone.
func isFromElsewhere(_ request: Request) -> Bool {
  if let site = request["HTTP_SEC_FETCH_SITE"] { return site == "cross-site" }
  guard let origin = request["HTTP_ORIGIN"]?.lowercased(), let host = request["HTTP_HOST"]?.lowercased() else {
    return false
  }
  return !["http://" + host, "https://" + host].contains(origin)
}

func add(_ request: Request, to book: Book) throws {
  if isFromElsewhere(request) {
    throw Refusal(status: 403, words: "The form has to be sent from this page.")
  }
  let type = request["CONTENT_TYPE"]?.split(separator: ";").first.map { $0.lowercased() }
  guard type == "application/x-www-form-urlencoded" else {
    throw Refusal(status: 415, words: "An entry comes as a form, application/x-www-form-urlencoded.")
  }
  let body: [UInt8]
  do {
    body = try request.body.collect(upTo: formBytes)
  } catch FastCGIError.bodyTooLarge {
    throw Refusal(status: 413, words: "That is more than \(formBytes) bytes.")
  }
  try book.add(try Entry(form: body))
}

func answer(_ request: Request, _ response: Response, _ book: Book) throws {
  let place = (request["SCRIPT_NAME"] ?? "") + (request["PATH_INFO"] ?? "")
  guard ["", "/"].contains(request["PATH_INFO"] ?? "") else {
    throw Refusal(status: 404, words: "There is nothing here.")
  }
  switch request.method {
  case "GET", "HEAD":
    try send(page(of: try book.latest()), response)
  case "POST":
    try add(request, to: book)
    try response.redirect(to: place.isEmpty ? "/" : percentEncoded(place))
  default:
    try response.set("Allow", "GET, HEAD, POST")
    throw Refusal(status: 405, words: "A guestbook is read by GET, and written in by POST.")
  }
}

/// A page of what `main` holds, under a policy that lets it do nothing but be looked at and send its form.
func send(_ main: String, _ response: Response) throws {
  var random = SystemRandomNumberGenerator()
  let nonce = String(random.next(), radix: 36) + String(random.next(), radix: 36)
  try response.set("Content-Type", "text/html; charset=utf-8")
  try response.set(
    "Content-Security-Policy",
    "default-src 'none'; style-src 'nonce-\(nonce)'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
  try response.set("X-Content-Type-Options", "nosniff")
  try response.set("Referrer-Policy", "same-origin")
  try response.set("Cache-Control", "no-store")
  try response.write(document(main, nonce: nonce))
}

func fail(_ code: Int32, _ words: String) -> Never {
  let line = "guestbook: \(words)\n"
  write(2, line, line.utf8.count)
  exit(code)
}

// 64 and 74: EX_USAGE and EX_IOERR of sysexits.h.
guard CommandLine.arguments.count == 2 else { fail(64, "usage: guestbook DATABASE") }
do {
  let book = try Book(path: CommandLine.arguments[1])
  try Worker.run { request, response in
    try response.set("X-Worker", "\(getpid()) \(request.number)")
    do {
      try answer(request, response, book)
    } catch let refusal as Refusal {
      response.status = refusal.status
      try send(page(of: refusal, back: request["SCRIPT_NAME"] ?? "/"), response)
    }
  }
} catch {
  fail(74, "\(error)")
}
