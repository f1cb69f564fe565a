import Testing

@testable import HTTPWire

@Suite struct NameTests {
  static let spellings: [(FieldName, String)] = [
    (.host, "Host"), (.contentLength, "Content-Length"), (.transferEncoding, "Transfer-Encoding"),
    (.connection, "Connection"), (.expect, "Expect"), (.range, "Range"), (.ifRange, "If-Range"),
    (.ifNoneMatch, "If-None-Match"), (.ifModifiedSince, "If-Modified-Since"), (.ifMatch, "If-Match"),
    (.ifUnmodifiedSince, "If-Unmodified-Since"), (.userAgent, "User-Agent"), (.referer, "Referer"),
    (.contentType, "Content-Type"), (.authorization, "Authorization"),
    (.proxyAuthorization, "Proxy-Authorization"), (.cookie, "Cookie"), (.te, "TE"), (.trailer, "Trailer"),
    (.upgrade, "Upgrade"), (.keepAlive, "Keep-Alive"), (.proxy, "Proxy"),
    (.acceptEncoding, "Accept-Encoding"),
  ]

  private func name(_ text: String) -> FieldName {
    let bytes = array(text)
    return FieldName(bytes.span, 0..<bytes.count)
  }

  @Test func everyKnownFieldNameIsFoundInAnyCase() {
    #expect(Self.spellings.count + 1 == FieldName.allCases.count)
    for (known, spelling) in Self.spellings {
      #expect(name(spelling) == known)
      #expect(name(spelling.uppercased()) == known)
      #expect(name(spelling.lowercased()) == known)
    }
  }

  @Test func aNameThatDiffersInOneByteIsNotKnown() {
    for (_, spelling) in Self.spellings {
      #expect(name(spelling + "x") == .other)
      #expect(name("x" + spelling) == .other)
      #expect(name(String(spelling.dropLast()) + "~") == .other)
      if spelling.contains("-") { #expect(name(spelling.replacing("-", with: "_")) == .other) }
    }
    #expect(name("") == .other)
    // A byte that becomes a letter where bit 5 is set without a look at the rest.
    #expect(name("T\u{5}") == .other)
    #expect(name("Keep\rAlive") == .other)
  }

  @Test func methodsAreCaseSensitive() {
    let all: [(String, HTTPWire.Method)] = [
      ("GET", .get), ("HEAD", .head), ("POST", .post), ("PUT", .put), ("DELETE", .delete),
      ("OPTIONS", .options), ("TRACE", .trace), ("CONNECT", .connect), ("PATCH", .patch), ("get", .other),
      ("PROPFIND", .other), ("GETS", .other), ("VERSION-CONTROL", .other),
    ]
    for (spelling, method) in all {
      let bytes = array(spelling)
      #expect(HTTPWire.Method(bytes.span, 0..<bytes.count) == method)
    }
  }

  @Test func tokensAreThoseOfTheGrammar() {
    let marks = Set("!#$%&'*+-.^_`|~".utf8)
    for value in 0...255 {
      let byte = UInt8(value)
      let letter = (0x41...0x5A).contains(value) || (0x61...0x7A).contains(value)
      let expected = letter || (0x30...0x39).contains(value) || marks.contains(byte)
      #expect(ASCII.isToken(byte) == expected, "byte \(value)")
    }
  }

  @Test func hostsAreValidated() {
    func host(_ authority: String) -> String? {
      let bytes = array(authority)
      guard let range = Authority.host(bytes.span, 0..<bytes.count) else { return nil }
      return text(bytes, range)
    }
    #expect(host("example.org") == "example.org")
    #expect(host("example.org:8080") == "example.org")
    #expect(host("example.org:") == "example.org")
    #expect(host("127.0.0.1:65535") == "127.0.0.1")
    #expect(host("[::1]:80") == "[::1]")
    #expect(host("[::ffff:192.0.2.1]") == "[::ffff:192.0.2.1]")
    #expect(host("a%20b") == "a%20b")
    for bad in [
      "", ":80", "a:b", "a:65536", "a:80:80", "a b", "user@host", "a/b", "[::1", "[]", "[:]", "[::1]x", "[::g]",
      "a%2", "a%zz", "a\"b", "a<b", "a?b", "a:+1", "[::1]:80:80", "é",
    ] {
      #expect(host(bad) == nil, "\(bad)")
    }
  }
}
