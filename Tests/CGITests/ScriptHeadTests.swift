import Testing

@testable import CGI

@Suite struct ScriptHeadTests {
  private func parse(_ output: [UInt8], limit: Int = 65536) -> (verdict: ScriptHeadVerdict, head: ScriptHead) {
    var parser = ScriptHeadParser()
    var head = ScriptHead()
    return (parser.parse(output.span, limitBytes: limit, into: &head), head)
  }

  /// In one go and byte by byte; the two must agree.
  private func read(_ output: String, limit: Int = 65536) -> (verdict: ScriptHeadVerdict, head: ScriptHead) {
    let bytes = Array(output.utf8)
    let whole = parse(bytes, limit: limit)
    var parser = ScriptHeadParser()
    var head = ScriptHead()
    var verdict = ScriptHeadVerdict.needMore
    for count in 0...bytes.count where verdict == .needMore {
      verdict = parser.parse(bytes.span.extracting(0..<count), limitBytes: limit, into: &head)
    }
    #expect(verdict == whole.verdict, "\(output.debugDescription)")
    if case .complete = verdict { #expect(head == whole.head, "\(output.debugDescription)") }
    return whole
  }

  private func fields(_ output: String, _ head: ScriptHead) -> [String] {
    let bytes = Array(output.utf8)
    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
    return head.fields.map { "\(text($0.name))=\(text($0.value))" }
  }

  @Test(arguments: [
    "Content-Type: text/plain\n\nbody\n", "Content-Type: text/plain\r\n\r\nbody\r\n",
    "content-type:text/plain\r\n\nbody", "Status: 404 Not Found\nContent-Type: text/html\n\n",
    "Location: /other?x\n\n", "Location: http://x/\n\n", "Status: 204\n\n\0binary",
  ]) func aHeadIsTheSameHoweverItIsCut(_ output: String) {
    let bytes = Array(output.utf8)
    let whole = read(output)
    guard case .complete(let start) = whole.verdict else {
      Issue.record("\(output.debugDescription): \(whole.verdict)")
      return
    }
    for cut in 0..<start {
      var parser = ScriptHeadParser()
      var head = ScriptHead()
      #expect(parser.parse(bytes.span.extracting(0..<cut), limitBytes: 1000, into: &head) == .needMore)
      #expect(parser.parse(bytes.span, limitBytes: 1000, into: &head) == .complete(bodyStart: start))
      #expect(head == whole.head)
    }
  }

  @Test func aDocumentHasItsStatusAndFields() {
    let output = """
      Status: 404 Not there\nContent-Type: text/html\nX-A:  b \nSet-Cookie: c\nset-cookie: d\n\
      Server-Timing: db;dur=5\nContent-Length: 12\n\n
      """
    let (verdict, head) = read(output)
    #expect(verdict == .complete(bodyStart: output.utf8.count))
    #expect(head.kind == .document)
    #expect(head.status == 404)
    #expect(head.reasonRange.map { String(decoding: Array(output.utf8)[$0], as: UTF8.self) } == "Not there")
    #expect(head.contentLength == 12)
    #expect(
      fields(output, head) == [
        "Content-Type=text/html", "X-A=b", "Set-Cookie=c", "set-cookie=d", "Server-Timing=db;dur=5",
      ])
    #expect(read("Content-Type: a\n\n").head.status == 200)
    #expect(read("Status: 404\n\n").head.reasonRange == nil)
  }

  @Test func whatIsTheGatewaysOrTheConnectionsIsNotPassedOn() {
    let output = """
      Connection: close\nKEEP-ALIVE: x\nTransfer-Encoding: chunked\nTE: x\nTrailer: x\nUpgrade: x\n\
      Proxy-Authenticate: x\nProxy-Connection: x\nDate: x\nServer: x\nProxy: kept\nDated: kept\n\
      Content-Type: a\n\n
      """
    #expect(fields(output, read(output).head) == ["Proxy=kept", "Dated=kept", "Content-Type=a"])
  }

  @Test func redirectsAreToldApart() {
    let local = "Location: /a/b?c\n\n"
    #expect(read(local).head.kind == .localRedirect(10..<16))
    #expect(read("Location: /\n\n").head.kind == .localRedirect(10..<11))
    let client: [(String, ScriptHead.Kind, Int)] = [
      ("Location: http://x/\n\n", .clientRedirect, 302), ("Location: //x/\n\n", .clientRedirect, 302),
      ("Location: /a\nContent-Type: b\n\n", .clientRedirect, 302),
      ("Location: /a\nStatus: 303 See Other\n\n", .clientRedirect, 303),
      ("Status: 301\nLocation: http://x/\n\n", .clientRedirect, 301),
      ("Status: 201 Created\nLocation: /a\n\n", .document, 201), ("Location: a/b\n\n", .clientRedirect, 302),
    ]
    for (output, kind, status) in client {
      let (verdict, head) = read(output)
      #expect(verdict == .complete(bodyStart: output.utf8.count))
      #expect(head.kind == kind && head.status == status, "\(output.debugDescription)")
      #expect(fields(output, head).contains { $0.hasPrefix("Location=") })
      #expect(head.location != nil)
    }
  }

  static let malformed: [(String, String)] = [
    ("\n", "the header block has no Content-Type, Location or Status"),
    ("X-A: b\n\n", "the header block has no Content-Type, Location or Status"),
    ("Hello\n\n", "line 1 («Hello»): no colon"),
    ("Content-Type: a\nHello, world\n\n", "line 2 («Hello, world»): no colon"),
    ("Content-Type : a\n\n", "line 1 («Content-Type : a»): a character before the colon that no name may have"),
    ("<p style=\"a: b\">\n", "line 1 («<p style=\"a: b\">»): a character before the colon that no name may have"),
    ("X: a\n b: c\n", "line 2 («b: c»): a folded line".replacing("«b", with: "« b")),
    (": a\n", "line 1 («: a»): no name before the colon"),
    ("X: a\rb\n", "line 1 («X: a»): a carriage return in the line"),
    ("X: a\r\r\n", "line 1 («X: a»): a carriage return in the line"),
    ("X: a\0b\n", "line 1 («X: a»): NUL in the line"),
    ("X: a\u{1b}[1m\n", "line 1 («X: a»): a control character in the line"),
    ("X: a\u{7f}", "line 1 («X: a»): a control character in the line"),
    ("Status: abc\n", "line 1 («Status: abc»): a Status that is not a code from 200 to 599 and a reason"),
    ("Status: 200OK\n", "line 1 («Status: 200OK»): a Status that is not a code from 200 to 599 and a reason"),
    ("Status: 99\n", "line 1 («Status: 99»): a Status that is not a code from 200 to 599 and a reason"),
    ("Status: 600\n", "line 1 («Status: 600»): a Status that is not a code from 200 to 599 and a reason"),
    ("Status: 2000\n", "line 1 («Status: 2000»): a Status that is not a code from 200 to 599 and a reason"),
    ("Status:\n", "line 1 («Status:»): a Status that is not a code from 200 to 599 and a reason"),
    ("Status: 100 Continue\n", "line 1 («Status: 100 Continue»): a Status of an interim response"),
    ("Status: 101\n", "line 1 («Status: 101»): a Status of an interim response"),
    ("Status: 200\nStatus: 200\n", "line 2 («Status: 200»): a second Status"),
    ("Content-Type: a\ncontent-type: b\n", "line 2 («content-type: b»): a second Content-Type"),
    ("Location: /a\nLocation: /a\n", "line 2 («Location: /a»): a second Location"),
    ("Location:\n", "line 1 («Location:»): an empty Location"),
    ("Content-Length: 1\nContent-Length: 1\n", "line 2 («Content-Length: 1»): a second Content-Length"),
    (
      "Content-Length: -1\n",
      "line 1 («Content-Length: -1»): a Content-Length that is not one decimal number in range"
    ),
    ("\(String(repeating: "x", count: 50))\n", "line 1 («\(String(repeating: "x", count: 40))»): no colon"),
  ]

  @Test(arguments: malformed) func aMalformedHeadIsNamedByItsLine(_ output: String, _ reason: String) {
    #expect(read(output).verdict == .malformed(reason: reason))
  }

  @Test func theBlockIsLimited() {
    let output = "Content-Type: a\n\nbody"
    #expect(read(output, limit: 17).verdict == .complete(bodyStart: 17))
    #expect(read(output, limit: 16).verdict == .tooLarge)
    #expect(read("Content-Type: a\r\n\r\n", limit: 18).verdict == .tooLarge)
    #expect(read(String(repeating: "x", count: 100), limit: 50).verdict == .tooLarge)
    #expect(read("Content-Type: a\n", limit: 50).verdict == .needMore)
    #expect(read("", limit: 50).verdict == .needMore)
  }

  @Test func aHeadIsReusedWithoutWhatWasBefore() {
    var parser = ScriptHeadParser()
    var head = ScriptHead()
    let first = Array("Status: 500 x\nLocation: /a\nContent-Length: 3\n\n".utf8)
    #expect(parser.parse(first.span, limitBytes: 100, into: &head) == .complete(bodyStart: first.count))
    #expect(parser.parse(first.span, limitBytes: 100, into: &head) == .complete(bodyStart: first.count))
    parser.reset()
    let second = Array("Content-Type: a\n\n".utf8)
    #expect(parser.parse(second.span, limitBytes: 100, into: &head) == .complete(bodyStart: second.count))
    #expect(head == parse(second).head)
    #expect(head.location == nil && head.contentLength == nil && head.status == 200)
  }

  @Test func mutatedOutputGivesOneVerdictHoweverItIsCut() {
    var state: UInt64 = 12345
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    let seeds = [
      "Content-Type: text/plain\r\nX: y\n\nbody", "Status: 302 Found\nLocation: http://x/\n\n", "Location: /a\r\n\r\n",
    ]
    var complete = 0
    var malformed = 0
    for _ in 0..<2000 {
      var scalars = Array(seeds[random(seeds.count)].unicodeScalars)
      for _ in 0..<random(3) { scalars[random(scalars.count)] = Unicode.Scalar(UInt8(random(128))) }
      var text = ""
      text.unicodeScalars.append(contentsOf: scalars)
      switch read(text, limit: 40).verdict {
      case .complete: complete += 1
      case .malformed: malformed += 1
      default: break
      }
    }
    #expect(complete > 100 && malformed > 100)
  }
}
