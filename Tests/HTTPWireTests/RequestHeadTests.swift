import Testing

@testable import HTTPWire

@Suite struct RequestHeadTests {
  static let accepted = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\n\r\nGET /x?y=z HTTP/1.1\r\nhost:a:8080\r\nAccept: */*\r\n\r\n",
    "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \t Chunked \t\r\nConnection: foo, Close\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
    "BREW /pot HTTP/1.1\r\nHost: [::1]\r\nX-Empty:\r\nX-Text: caf\u{e9} \u{1F375}\r\n\r\n",
    "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
  ]

  @Test(arguments: accepted) func aHeadIsTheSameHoweverItIsCut(_ request: String) {
    let bytes = array(request)
    let whole = parse(bytes + array("GET /next"))
    #expect(whole.verdict == .complete(end: bytes.count))
    let slow = parseByteByByte(bytes)
    #expect(slow.verdict == .complete(end: bytes.count))
    #expect(slow.seen == bytes.count)
    #expect(slow.head == whole.head)
    for cut in 0..<bytes.count {
      var parser = RequestHeadParser()
      var head = RequestHead()
      let limits = HeadLimits()
      #expect(parser.parse(bytes.span.extracting(0..<cut), from: 0, limits: limits, into: &head) == .needMore)
      #expect(
        parser.parse(bytes.span, from: 0, limits: limits, into: &head) == .complete(end: bytes.count))
      #expect(head == whole.head)
    }
  }

  @Test func rangesNameTheirParts() {
    let bytes = array("\r\nPOST /a?b HTTP/1.1\r\nHost: example.org \t\r\nX-One:\t two words \r\nEmpty: \r\n\r\n")
    let (verdict, head) = parse(bytes)
    #expect(verdict == .complete(end: bytes.count))
    #expect(head.method == .post)
    #expect(text(bytes, head.methodRange) == "POST")
    #expect(text(bytes, head.targetRange) == "/a?b")
    #expect(head.fields.map { text(bytes, $0.name) } == ["Host", "X-One", "Empty"])
    #expect(head.fields.map { text(bytes, $0.value) } == ["example.org", "two words", ""])
    #expect(head.fields.map(\.known) == [.host, .other, .other])
    #expect(head.value(of: .host).map { text(bytes, $0) } == "example.org")
    #expect(head.value(of: .cookie) == nil)
    #expect(head.value(of: .other) == nil)
  }

  @Test func rangesFollowBytesThatMove() {
    let request = array("GET /path HTTP/1.1\r\nHost: example.org\r\nX-A: b\r\n\r\n")
    let limits = HeadLimits()
    for cut in 1..<request.count {
      var parser = RequestHeadParser()
      var head = RequestHead()
      let before = array("earlier") + request[..<cut]
      #expect(parser.parse(before.span, from: 7, limits: limits, into: &head) == .needMore)
      #expect(
        parser.parse(request.span, from: 0, limits: limits, into: &head) == .complete(end: request.count))
      #expect(text(request, head.targetRange) == "/path")
      #expect(head.fields.map { text(request, $0.name) } == ["Host", "X-A"])
      #expect(head.fields.map { text(request, $0.value) } == ["example.org", "b"])
    }
  }

  @Test func pipelinedRequestsAreReadOneAfterTheOther() {
    let bytes = array(
      "GET /1 HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nPUT /2 HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n")
    var parser = RequestHeadParser()
    var head = RequestHead()
    guard case .complete(let end) = parser.parse(bytes.span, from: 0, limits: HeadLimits(), into: &head) else {
      Issue.record("the first request is not complete")
      return
    }
    #expect(text(bytes, head.targetRange) == "/1")
    #expect(
      parser.parse(bytes.span, from: end, limits: HeadLimits(), into: &head) == .complete(end: bytes.count))
    #expect(text(bytes, head.targetRange) == "/2")
    #expect(head.fields.count == 2)
    #expect(head.contentLength == 0)
  }

  @Test func persistenceFollowsVersionAndConnection() {
    let expectations: [(String, Bool)] = [
      ("1.1\r\nHost: a", true), ("1.1\r\nHost: a\r\nConnection: close", false),
      ("1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: x, CLOSE", false), ("1.0", false),
      ("1.0\r\nConnection: Keep-Alive", true), ("1.0\r\nConnection: keep-alive, close", false),
      ("1.1\r\nHost: a\r\nConnection: closed", true), ("1.1\r\nHost: a\r\nConnection: ,", true),
    ]
    for (rest, keepAlive) in expectations {
      let (verdict, head) = parse(array("GET / HTTP/\(rest)\r\n\r\n"))
      if case .complete = verdict {} else { Issue.record("\(rest) is not accepted") }
      #expect(head.keepAlive == keepAlive, "\(rest)")
    }
  }

  @Test func framingAndExpectation() {
    func head(_ version: String, _ fields: String) -> RequestHead {
      parse(array("POST / HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n\r\n")).head
    }
    #expect(head("1.1", "Content-Length: 0012").contentLength == 12)
    #expect(head("1.1", "Content-Length: 9223372036854775807").contentLength == Int.max)
    #expect(head("1.1", "Transfer-Encoding: chunked").chunked)
    #expect(head("1.1", "Transfer-Encoding: chunked\r\nExpect: 100-Continue").expectContinue)
    #expect(head("1.1", "Content-Length: 1\r\nExpect: 100-continue").expectContinue)
    #expect(!head("1.1", "Expect: 100-continue").expectContinue)
    #expect(!head("1.0", "Content-Length: 1\r\nExpect: 100-continue").expectContinue)
  }

  @Test func aVerdictOfRefusalStaysUntilReset() {
    var parser = RequestHeadParser()
    var head = RequestHead()
    let bad = array("\u{16}\u{03}\u{01}")
    let good = array("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let verdict = parser.parse(bad.span, from: 0, limits: HeadLimits(), into: &head)
    #expect(verdict == .refused(Refusal(status: 400, reason: "a TLS handshake where plain HTTP is spoken")))
    #expect(parser.parse(good.span, from: 0, limits: HeadLimits(), into: &head) == verdict)
    parser.reset()
    #expect(parser.parse(good.span, from: 0, limits: HeadLimits(), into: &head) == .complete(end: good.count))
  }
}
