import Testing

@testable import HTTPWire

@Suite struct RequestTargetTests {
  private func resolve(
    _ target: String, method: String = "GET", host: String = "h"
  ) -> (target: RequestTarget, refusal: Refusal?, bytes: [UInt8]) {
    let bytes = array("\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    let (verdict, head) = parse(bytes)
    #expect(verdict == .complete(end: bytes.count), "\(target)")
    var result = RequestTarget()
    result.path = array("left over from before")
    let refusal = result.parse(bytes.span, head: head)
    return (result, refusal, bytes)
  }

  @Test(arguments: [
    ("/", "/"), ("/a", "/a"), ("/a/", "/a/"), ("/a/b", "/a/b"), ("//a", "/a"), ("/a//b///c", "/a/b/c"),
    ("/a//", "/a/"), ("/.", "/"), ("/./", "/"), ("/a/.", "/a/"), ("/a/./b", "/a/b"), ("/a/..", "/"),
    ("/a/../", "/"), ("/a/b/..", "/a/"), ("/a/b/../c", "/a/c"), ("/a/b/../../c", "/c"), ("/...", "/..."),
    ("/..a", "/..a"), ("/a..", "/a.."), ("/.a", "/.a"), ("/%61", "/a"), ("/a%20b", "/a b"),
    ("/a/%2e%2E/b", "/b"), ("/%2e/a", "/a"), ("/%252e%252e/a", "/%2e%2e/a"), ("/%252f", "/%2f"),
    ("/%25", "/%"), ("/a%3Fb", "/a?b"), ("/a%23b", "/a#b"), ("/a/b/.%2e/", "/a/"), ("//", "/"),
    ("/a/..//b", "/b"), ("/%c3%a9", "/\u{e9}"), ("/a\\..\\b", "/a\\..\\b"), ("http://x", "/"),
    ("http://x/a/../b", "/b"), ("HTTP://x?q", "/"), ("https://x:1/", "/"),
  ]) func aPathIsDecodedOnceAndResolved(_ target: String, _ path: String) {
    let result = resolve(target)
    #expect(result.refusal == nil)
    #expect(result.target.path == array(path))
  }

  @Test(arguments: [
    ("/..", 400), ("/../a", 400), ("/a/../..", 400), ("/a/../../b", 400), ("/%2e%2e/etc/passwd", 400),
    ("/.%2e", 400), ("//..", 400), ("/./..", 400), ("/%00", 400), ("/a%00.cgi", 400), ("/a%2fb", 404),
    ("/a%2Fb", 404), ("/..%2f..%2fetc", 404), ("/%", 400), ("/%4", 400), ("/%4g", 400), ("/%g4", 400),
    ("/%%41", 400), ("/a#b", 400), ("/a?b#c", 400), ("/#", 400), ("*", 400), ("a", 400), ("a/b", 400),
    ("ftp://x/", 400), ("http:///a", 400), ("http://", 400), ("http:/a", 400), ("http://u@x/", 400),
    ("http://x:99999/", 400), ("http://x#f", 400), ("?q", 400), ("/%u0041", 400), ("/%2", 400),
    ("http://x/../a", 400), ("file:///etc/passwd", 400), ("x:80", 400),
  ]) func aBadTargetIsRefused(_ target: String, _ status: Int) {
    #expect(resolve(target).refusal?.status == status)
  }

  @Test func theQueryIsRaw() {
    for (target, query) in [
      ("/a", nil), ("/a?", ""), ("/a?b", "b"), ("/a?b=%00%2f&c?d/../", "b=%00%2f&c?d/../"), ("http://x?q", "q"),
      ("http://x/a?%", "%"),
    ] as [(String, String?)] {
      let result = resolve(target)
      #expect(result.refusal == nil)
      #expect(result.target.query.map { text(result.bytes, $0) } == query, "\(target)")
    }
  }

  @Test func theTargetsAuthorityReplacesHost() {
    for (target, host, authority) in [
      ("/", "h:80", "h:80"), ("http://x:81/a", "h", "x:81"), ("http://[::1]", "h", "[::1]"),
      ("http://x/", "", "x"),
    ] {
      let result = resolve(target, host: host)
      #expect(result.refusal == nil)
      #expect(result.target.authority.map { text(result.bytes, $0) } == authority, "\(target)")
    }
  }

  @Test func theServerAsAWholeHasItsForms() {
    #expect(resolve("*", method: "OPTIONS").target.isAsterisk)
    #expect(resolve("*", method: "OPTIONS", host: "").target.authority == nil)
    #expect(resolve("http://x", method: "OPTIONS").target.isAsterisk)
    #expect(!resolve("http://x/", method: "OPTIONS").target.isAsterisk)
    #expect(!resolve("/", method: "OPTIONS").target.isAsterisk)
    #expect(resolve("**", method: "OPTIONS").refusal?.status == 400)
  }

  @Test func connectHasAHostAndAPort() {
    let result = resolve("x:443", method: "CONNECT")
    #expect(result.refusal == nil)
    #expect(result.target.authority.map { text(result.bytes, $0) } == "x:443")
    for bad in ["x", "x:", "/", "http://x:1/", "*", "x:1/a"] {
      #expect(resolve(bad, method: "CONNECT").refusal?.status == 400, "\(bad)")
    }
  }

  @Test func noPathKeepsADotSegmentWhateverTheTargetIs() {
    var random = Seeded(state: 77)
    let pieces = ["/", "/", ".", "..", "a", "%2e", "%61", "//", "b.", "?"]
    var accepted = 0
    for _ in 0..<3000 {
      let count = Int.random(in: 0...8, using: &random)
      let result = resolve("/" + (0..<count).map { _ in pieces.randomElement(using: &random)! }.joined())
      guard result.refusal == nil else { continue }
      accepted += 1
      let path = String(decoding: result.target.path, as: UTF8.self)
      #expect(path.hasPrefix("/"))
      #expect(!path.contains("//"))
      #expect(path.split(separator: "/").allSatisfy { $0 != "." && $0 != ".." }, "\(path)")
    }
    #expect(accepted > 1000)
  }
}
