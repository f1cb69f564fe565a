// A worker that does what its tests ask for by PATH_INFO. They build it in a package of its own, as an outside one.
import FastCGIApp

struct Fault: Error, CustomStringConvertible {
  var description: String
}

/// Kept beyond its request, as no handler should.
var kept: (request: Request, response: Response)?

@MainActor func answer(_ request: Request, _ response: Response) throws {
  switch request["PATH_INFO"] ?? "" {
  case "/variables":
    for (name, value) in request.variables.sorted(by: { $0.key < $1.key }) { try response.write("\(name)=\(value)\n") }
  case "/raw":
    try response.write(request.bytes(of: "QUERY_STRING") ?? [])
  case "/pieces":
    var buffer = [UInt8](repeating: 0, count: 1000)
    while case let count = try request.body.read(into: &buffer), count > 0 {
      try response.write(buffer.span.extracting(..<count))
    }
  case "/collect":
    try response.write(try request.body.collect(upTo: 1000))
  case "/echo-late":
    try response.write("first\n")
    try response.flush()
    try response.write(try request.body.collect(upTo: 1000))
  case "/throw":
    throw Fault(description: "no\nFAKE LINE\u{1B}[31m")
  case "/throw-late":
    try response.write("half")
    try response.flush()
    throw Fault(description: "late")
  case "/field":
    try response.add(request["X_NAME"] ?? "", request["X_VALUE"] ?? "")
  case "/field-late":
    try response.write("body")
    try response.set("X-Late", "1")
  case "/fields":
    try response.set("X-Once", "1")
    try response.set("x-once", "2")
    try response.add("Set-Cookie", "a=1")
    try response.add("Set-Cookie", "b=2")
  case "/status":
    response.status = request["QUERY_STRING"].flatMap { Int($0) } ?? 0
  case "/redirect":
    try response.redirect(to: "/elsewhere")
  case "/log":
    request.log(request["QUERY_STRING"] ?? "")
  case "/large":
    try response.write([UInt8](repeating: 0x61, count: 3_000_000))
    try response.write("end")
  case "/keep":
    kept = (request, response)
  case "/kept":
    guard let (request, response) = kept else { throw Fault(description: "nothing was kept") }
    try response.write("\(request["PATH_INFO"] ?? "none"), \(request.variables.count)\n")
  default:
    try response.write("request \(request.number)\n")
  }
}

try Worker.run(answer)
