// FastCGIApp: requests, responses and what goes wrong, by real workers on real sockets.
import FastCGIWire
import Foundation
import Testing

private func probe() throws -> WorkerProcess {
  try WorkerProcess(Programs.outside.get().appendingPathComponent("worker").path)
}

@Suite("A worker in Swift")
struct WorkerTests {
  @Test("The hello of the README is 15 lines, and serves by FastCGI and by CGI")
  func helloOfTheReadme() throws {
    #expect(try Programs.readmeBlock(from: "import FastCGIApp").split(separator: "\n").count <= 15)
    let program = try Programs.outside.get().appendingPathComponent("hello").path
    let worker = try WorkerProcess(program)
    let client = try worker.connect()
    let first = try client.request("/", ["REMOTE_ADDR": "192.0.2.1"])
    #expect(first.status == "200" && first["Content-Type"] == "text/plain; charset=utf-8")
    #expect(first["Cache-Control"] == "no-store")
    #expect(first.text.hasPrefix("Hello, 192.0.2.1.\nThis is request 1 of this worker.\n"))
    let second = try client.request("/", method: "POST", body: Array("12345".utf8))
    #expect(second.text.hasSuffix("This is request 2 of this worker.\n5 bytes were sent to it so far.\n"))
    let cgi = try run(program, [], ["REQUEST_METHOD": "POST", "CONTENT_LENGTH": "3"], input: Array("abcdef".utf8))
    #expect(cgi.status == 0 && cgi.errors.isEmpty)
    #expect(
      try Reply(output: cgi.output).text.hasSuffix("request 1 of this worker.\n3 bytes were sent to it so far.\n"))
  }

  @Test("Variables come whole, whatever they hold")
  func variables() throws {
    let client = try probe().connect()
    let long = String(repeating: "x", count: 20_000)
    let reply = try client.request("/variables", ["A": "1=2", "EMPTY": "", "LONG": long, "UMLAUT": "ä"])
    for line in ["A=1=2", "EMPTY=", "LONG=\(long)", "UMLAUT=ä", "FCGI_ROLE=RESPONDER", "PATH_INFO=/variables"] {
      #expect(reply.text.split(separator: "\n").contains(Substring(line)), "\(line.prefix(20))")
    }
    // A name that is only the beginning of another is not there.
    #expect(try client.request("/raw", ["QUERY_STRING_2": "no"]).text == "")
    #expect(try client.request("/raw", ["QUERY_STRING": "a\u{1}ä"]).text == "a\u{1}ä")
  }

  @Test("A body is read in pieces, and all at once up to a limit")
  func bodies() throws {
    let client = try probe().connect()
    let body = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    #expect(try client.request("/pieces", method: "POST", body: body).body == body)
    #expect(try client.request("/collect", method: "POST", body: Array(body[..<1000])).body == Array(body[..<1000]))
    #expect(try client.request("/collect", method: "POST", body: Array(body[..<1001])).status == "413")
    #expect(try client.request("/collect", method: "POST", body: []).body.isEmpty)
    // Without CONTENT_LENGTH the stream's end is the body's.
    let unsaid = ["CONTENT_LENGTH": ""]
    #expect(
      try client.request("/collect", method: "POST", unsaid, body: Array(body[..<1000])).body == Array(body[..<1000]))
    #expect(try client.request("/collect", method: "POST", unsaid, body: Array(body[..<1001])).status == "413")
  }

  @Test("A body that ends early is no body: the handler gets an error, and the worker goes on")
  func bodyCutShort() throws {
    let worker = try probe()
    let short = try worker.connect()
      .request("/collect", method: "POST", ["CONTENT_LENGTH": "10"], body: Array("12345".utf8))
    #expect(short["Status"] == "400 Bad Request" && short.errors.isEmpty && short.appStatus == 1)
    let leaving = try worker.connect()
    try leaving.begin(["REQUEST_METHOD": "POST", "PATH_INFO": "/collect", "CONTENT_LENGTH": "10"])
    try leaving.sendBody(Array("12345".utf8))
    leaving.shutdownSending()
    _ = try? leaving.reply()
    #expect(try worker.connect().request().text == "request 3\n")
  }

  @Test("A body that nobody read does not disturb the connection's next request", arguments: [1, 8192, 300_000])
  func unreadBodies(bytes: Int) throws {
    let client = try probe().connect()
    let body = [UInt8](repeating: 1, count: bytes)
    for number in 1...3 {
      #expect(try client.request("/", method: "POST", body: body).text == "request \(number)\n")
    }
    #expect(try client.request("/").text == "request 4\n")
  }

  @Test("One that is too large to be read away costs the connection, not the answer")
  func hugeUnreadBody() throws {
    let worker = try probe()
    let client = try worker.connect()
    let body = [UInt8](repeating: 1, count: 3 << 20)
    #expect(try client.request("/", method: "POST", body: body).text == "request 1\n")
    #expect(client.isClosed())
    #expect(try worker.connect().request("/").text == "request 2\n")
  }

  @Test("A response leaves as it is written, and large ones whole")
  func streaming() throws {
    let client = try probe().connect()
    try client.begin(["REQUEST_METHOD": "POST", "PATH_INFO": "/echo-late", "CONTENT_LENGTH": "6"])
    // The rest of the body is only sent when the beginning of the answer is here.
    try client.waitForOutput("first\n")
    try client.sendBody(Array("second".utf8))
    try client.endBody()
    #expect(try client.reply().text == "first\nsecond")
    let large = try client.request("/large")
    #expect(large.body.count == 3_000_003 && large.text.hasSuffix("aend"))
    let head = try client.request("/large", method: "HEAD")
    #expect(head.status == "200" && head.body.isEmpty && head["Content-Type"] == "text/plain; charset=utf-8")
  }

  @Test("Fields are set and added, and the head says what was said")
  func fields() throws {
    let client = try probe().connect()
    let reply = try client.request("/fields")
    #expect(reply.fields.filter { $0.name.lowercased() == "x-once" }.map(\.value) == ["2"])
    #expect(reply.fields.filter { $0.name == "Set-Cookie" }.map(\.value) == ["a=1", "b=2"])
    // Without a body, no type of it.
    #expect(reply["Content-Type"] == nil && reply.body.isEmpty)
    #expect(try client.request("/status", ["QUERY_STRING": "404"])["Status"] == "404 Not Found")
    let redirect = try client.request("/redirect")
    #expect(redirect["Location"] == "/elsewhere" && redirect["Status"] == "303 See Other")
  }

  @Test(
    "No name and no value can begin another field",
    arguments: [
      ("X-A", "a\r\nX-B: b"), ("X-A", "a\nX-B: b"), ("X-A", "a\rb"), ("X-A", "a\u{7F}"), ("X-A", "\u{1B}"),
      ("X A", "a"), ("X-A:", "a"), ("X-A\r\nX-B", "a"), ("", "a"), ("Ü", "a"), ("Status", "200"), ("status", "1"),
    ])
  func injection(name: String, value: String) throws {
    let reply = try probe().connect().request("/field", ["X_NAME": name, "X_VALUE": value])
    #expect(reply.status == "500" && reply.fields.map(\.name).sorted() == ["Content-Type", "Status"])
    #expect(reply.errors.contains("is not valid") && reply.errors.filter { $0 == "\n" }.count == 1)
  }

  @Test("What may stand in a field does")
  func goodFields() throws {
    let reply = try probe().connect().request("/field", ["X_NAME": "X-a_1!~", "X_VALUE": "a\tb, \"ä\" : c"])
    #expect(reply.status == "200" && reply["X-a_1!~"] == "a\tb, \"ä\" : c")
  }

  @Test("A handler that throws has answered with 500, and left one line")
  func throwing() throws {
    let client = try probe().connect()
    let reply = try client.request("/throw")
    #expect(reply["Status"] == "500 Internal Server Error" && reply.appStatus == 1)
    #expect(reply.errors == "GET /throw: no\\u{A}FAKE LINE\\u{1B}[31m\n")
    for status in ["0", "100", "600"] {
      let reply = try client.request("/status", ["QUERY_STRING": status])
      #expect(reply.status == "500" && reply.errors.contains("\(status) is no status"))
    }
    let late = try client.request("/throw-late")
    #expect(late.status == "200" && late.text == "half" && late.errors == "GET /throw-late: late\n")
    #expect(late.appStatus == 1)
    let field = try client.request("/field-late")
    #expect(field.text == "body" && field.errors.contains("already sent"))
    let fine = try client.request("/log", ["QUERY_STRING": "a\r\nb"])
    #expect(fine.errors == "a\\u{D}\\u{A}b\n" && fine.status == "200" && fine.appStatus == 0)
  }

  @Test("A request that is over can be held, and does nothing")
  func keptRequest() throws {
    let client = try probe().connect()
    _ = try client.request("/keep")
    let reply = try client.request("/kept")
    #expect(reply.errors.contains("the request is over") && reply.body == Array("500 Internal Server Error\n".utf8))
  }

  @Test("A client that leaves is no fault of the worker's")
  func leavingClient() throws {
    let worker = try probe()
    for _ in 1...3 {
      let client = try worker.connect()
      try client.begin(["REQUEST_METHOD": "GET", "PATH_INFO": "/large"])
      try client.endBody()
      try client.waitForOutput("aaa")
    }
    #expect(try worker.connect().request("/").text == "request 4\n")
    #expect(worker.errors.isEmpty)
  }
}

@Suite("The end of a worker in Swift")
struct TerminationTests {
  @Test("It ends with 0 where it waits: for a connection, on a kept one, after one that closed", arguments: [15, 10])
  func idle(signal: Int32) throws {
    let kept = try probe()
    let client = try kept.connect()
    #expect(try client.request("/").status == "200")
    kept.signal(signal)
    #expect(client.isClosed() && kept.ending() == 0)

    let left = try probe()
    #expect(try left.connect().request("/", keepConnection: false).status == "200")
    left.signal(signal)
    #expect(left.ending() == 0)
  }

  @Test("It ends while it waits for what follows FCGI_GET_VALUES")
  func afterValues() throws {
    let worker = try probe()
    let client = try worker.connect()
    #expect(try client.values().multiplexesConnections == false)
    worker.signal(SIGTERM)
    #expect(worker.ending() == 0)
  }

  @Test("It finishes the request in hand, though its body has yet to come")
  func serving() throws {
    let worker = try probe()
    let client = try worker.connect()
    try client.begin(["REQUEST_METHOD": "POST", "PATH_INFO": "/echo-late", "CONTENT_LENGTH": "6"])
    try client.waitForOutput("first\n")
    // More than one, as from somebody impatient; none of them breaks the read that waits for the body.
    for _ in 1...3 {
      worker.signal(SIGTERM)
      usleep(20_000)
    }
    try client.sendBody(Array("second".utf8))
    try client.endBody()
    #expect(try client.reply().text == "first\nsecond")
    #expect(worker.ending() == 0)
  }

  @Test("No signal is missed, whenever it comes")
  func atAnyMoment() throws {
    for delay in stride(from: 0, to: 2000, by: 100) {
      let worker = try probe()
      let client = try worker.connect()
      _ = try client.request("/", keepConnection: false)
      usleep(UInt32(delay))
      worker.signal(SIGTERM)
      #expect(worker.ending() == 0, "after \(delay) microseconds")
    }
  }
}
