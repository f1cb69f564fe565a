import Testing

@testable import HTTPWire

@Suite struct ResponseTests {
  @Test func aHeadIsWritten() {
    var output: [UInt8] = []
    ResponseWriter.appendStatusLine(200, to: &output)
    ResponseWriter.appendField("Content-Length", 0, to: &output)
    ResponseWriter.appendField("X-Number", Int.min, to: &output)
    ResponseWriter.appendField("Server", "tollgate", to: &output)
    ResponseWriter.appendField("ETag", array("\"é\""), to: &output)
    let source = array("Name: value")
    ResponseWriter.appendField(source.span, name: 0..<4, value: 6..<11, to: &output)
    ResponseWriter.appendHeadEnd(to: &output)
    ResponseWriter.appendStatusLine(404, to: &output)
    ResponseWriter.appendStatusLine(299, reason: 6..<11, of: source.span, to: &output)
    ResponseWriter.appendChunkHeader(0xABC_DEF0, to: &output)
    let expected = """
      HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Number: -9223372036854775808\r\nServer: tollgate\r\n\
      ETag: "é"\r\nName: value\r\n\r\nHTTP/1.1 404 Not Found\r\nHTTP/1.1 299 value\r\nabcdef0\r\n
      """
    #expect(text(output, 0..<output.count) == expected)
  }

  @Test func noValueBeginsALineOfItsOwn() {
    var output: [UInt8] = []
    ResponseWriter.appendField("Location", "/a\r\nSet-Cookie: b\0", to: &output)
    ResponseWriter.appendField("Location", array("/a\r\nSet-Cookie: b\0"), to: &output)
    let source = array("N/a\r\nS: b\u{7f}")
    ResponseWriter.appendField(source.span, name: 0..<1, value: 1..<source.count, to: &output)
    let line = "Location: /a  Set-Cookie: b \r\n"
    #expect(text(output, 0..<output.count) == line + line + "N: /a  S: b \r\n")
  }

  @Test func everyStatusHasAPhraseOfItsClass() {
    let known = [
      (100, "Continue"), (204, "No Content"), (206, "Partial Content"), (301, "Moved Permanently"),
      (304, "Not Modified"), (400, "Bad Request"), (413, "Content Too Large"), (414, "URI Too Long"),
      (416, "Range Not Satisfiable"), (431, "Request Header Fields Too Large"), (500, "Internal Server Error"),
      (502, "Bad Gateway"), (503, "Service Unavailable"), (504, "Gateway Timeout"),
      (505, "HTTP Version Not Supported"), (299, "OK"), (399, "Multiple Choices"), (499, "Bad Request"),
      (599, "Internal Server Error"),
    ]
    for (status, phrase) in known { #expect(ResponseWriter.reasonPhrase(status) == phrase) }
    for status in 100...599 { #expect(!ResponseWriter.reasonPhrase(status).isEmpty) }
  }

  @Test func aHeadIsReadAndNotBeforeItIsWhole() {
    let bytes = array("HTTP/1.1 404 Not Found\r\nContent-TYPE:  text/html \r\nA: 1\r\na: 2\r\nEmpty:\r\n\r\nbody")
    for count in 0..<bytes.count - 4 {
      if case .needMore = ResponseHead.parse(bytes.span.extracting(0..<count)) { continue }
      Issue.record("a verdict after \(count) bytes")
    }
    guard case .complete(let head, let end) = ResponseHead.parse(bytes.span) else {
      Issue.record("no head")
      return
    }
    #expect(end == bytes.count - 4)
    #expect(head.status == 404 && head.minorVersion == 1 && head.reason == "Not Found")
    #expect(head.fields.map(\.name) == ["content-type", "a", "a", "empty"])
    #expect(head.first("content-type") == "text/html")
    #expect(head.first("a") == "1")
    #expect(head.first("empty") == "")
    #expect(head.first("b") == nil)
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\n\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 +20 OK\r\n\r\n", "\r\n\r\n", "HTTP/1.1 200 OK\r\nA b\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", "hello\r\n",
  ]) func aMalformedHeadIsSaidToBe(_ response: String) {
    guard case .malformed(let why) = ResponseHead.parse(array(response).span) else {
      Issue.record("\(response.debugDescription) is taken")
      return
    }
    #expect(!why.isEmpty)
  }

  @Test func aStatusLineMayEndWithTheCode() {
    for line in ["HTTP/1.0 200", "HTTP/1.0 200 "] {
      guard case .complete(let head, _) = ResponseHead.parse(array(line + "\r\n\r\n").span) else {
        Issue.record("\(line) is not taken")
        continue
      }
      #expect(head.minorVersion == 0 && head.reason.isEmpty)
    }
  }
}
