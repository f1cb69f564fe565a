import HTTPWire
import Testing

@testable import CGI

/// Keeps what it is given, in order.
private struct ListSink: VariableSink {
  var entries: [(name: String, value: String)] = []

  mutating func add(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    entries.append((Self.text(name), Self.text(value)))
  }

  private static func text(_ span: Span<UInt8>) -> String {
    String(decoding: (0..<span.count).map { span[$0] }, as: UTF8.self)
  }
}

private func array(_ text: String) -> [UInt8] { Array(text.utf8) }

@Suite struct MetaVariableTests {
  private func context() -> RequestContext {
    var context = RequestContext()
    context.scriptName = array("/cgi-bin/a.sh")
    context.documentRoot = array("/srv/www")
    context.scriptFilename = array("/srv/www/cgi-bin/a.sh")
    context.serverAddress = array("127.0.0.1")
    context.serverPort = 8080
    context.serverSoftware = array("Tollgate/0.1")
    context.remoteAddress = array("192.0.2.7")
    context.remotePort = 50000
    return context
  }

  /// The variables of a request; fails on a name that comes twice.
  private func variables(_ request: String, _ context: RequestContext) -> [String: String] {
    let bytes = array("earlier" + request)
    var parser = RequestHeadParser()
    var head = RequestHead()
    let verdict = parser.parse(bytes.span, from: 7, limits: HeadLimits(), into: &head)
    #expect(verdict == .complete(end: bytes.count))
    var target = RequestTarget()
    #expect(target.parse(bytes.span, head: head) == nil)
    var sink = ListSink()
    MetaVariables.build(bytes.span, head: head, target: target, context: context, into: &sink)
    var result: [String: String] = [:]
    for (name, value) in sink.entries {
      #expect(result[name] == nil, "\(name) twice")
      #expect(!value.utf8.contains(0), "NUL in \(name)")
      result[name] = value
    }
    return result
  }

  @Test func everyMetaVariableOfARequestWithABody() {
    var context = context()
    context.pathInfo = array("/x y")
    context.contentLength = 5
    context.environment = [RequestContext.Variable(name: array("LANG"), value: array("C.UTF-8"))]
    let request = """
      POST /cgi-bin/a.sh/x%20y?q=1&r=%00 HTTP/1.1\r\nHost: example.org:8080\r\nContent-Length: 5\r\n\
      Content-Type: text/plain\r\nAccept: */*\r\n\r\n
      """
    let expected = [
      "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1", "REQUEST_METHOD": "POST",
      "REQUEST_URI": "/cgi-bin/a.sh/x%20y?q=1&r=%00", "REQUEST_SCHEME": "http", "QUERY_STRING": "q=1&r=%00",
      "CONTENT_LENGTH": "5", "CONTENT_TYPE": "text/plain", "REDIRECT_STATUS": "200",
      "SCRIPT_NAME": "/cgi-bin/a.sh", "SCRIPT_FILENAME": "/srv/www/cgi-bin/a.sh", "DOCUMENT_ROOT": "/srv/www",
      "PATH_INFO": "/x y", "PATH_TRANSLATED": "/srv/www/x y", "SERVER_NAME": "example.org",
      "SERVER_ADDR": "127.0.0.1", "SERVER_PORT": "8080", "SERVER_SOFTWARE": "Tollgate/0.1",
      "REMOTE_ADDR": "192.0.2.7", "REMOTE_HOST": "192.0.2.7", "REMOTE_PORT": "50000",
      "HTTP_HOST": "example.org:8080", "HTTP_ACCEPT": "*/*", "LANG": "C.UTF-8",
      "PATH": "/usr/local/bin:/usr/bin:/bin",
    ]
    #expect(variables(request, context) == expected)
  }

  @Test func whatIsNotThereIsNotSetButTheQueryIs() {
    let found = variables("GET /cgi-bin/a.sh HTTP/1.0\r\n\r\n", context())
    #expect(found["QUERY_STRING"] == "")
    #expect(found["SERVER_PROTOCOL"] == "HTTP/1.0")
    let absent = [
      "CONTENT_LENGTH", "CONTENT_TYPE", "PATH_INFO", "PATH_TRANSLATED", "HTTP_HOST", "HTTPS", "AUTH_TYPE",
    ]
    for name in absent { #expect(found[name] == nil, "\(name)") }
  }

  @Test func whereNoFileStandsForThePathNoneIsNamed() {
    var context = context()
    (context.scriptFilename, context.documentRoot, context.pathInfo) = ([], [], array("/x"))
    let found = variables("GET /cgi-bin/a.sh/x HTTP/1.0\r\n\r\n", context)
    for name in ["SCRIPT_FILENAME", "DOCUMENT_ROOT", "PATH_TRANSLATED"] { #expect(found[name] == nil, "\(name)") }
    #expect(found["PATH_INFO"] == "/x" && found["SCRIPT_NAME"] == "/cgi-bin/a.sh")
  }

  @Test func theServersNameIsWhatTheRequestSaysIfItIsPlain() {
    for (host, name) in [
      ("example.org", "example.org"), ("example.org:1", "example.org"), ("[::1]:80", "[::1]"), ("a_b", "a_b"),
      ("x'y", "127.0.0.1"), ("a%20b", "127.0.0.1"),
    ] {
      #expect(variables("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n", context())["SERVER_NAME"] == name)
    }
    var six = context()
    six.serverAddress = array("::1")
    six.https = true
    let found = variables("GET / HTTP/1.0\r\n\r\n", six)
    #expect(found["SERVER_NAME"] == "[::1]")
    #expect(found["SERVER_ADDR"] == "::1")
    #expect(found["HTTPS"] == "on")
    #expect(found["REQUEST_SCHEME"] == "https")
    six.serverAddress = []
    #expect(variables("GET / HTTP/1.0\r\n\r\n", six)["SERVER_NAME"] == "localhost")
  }

  @Test func anAbsoluteTargetReplacesHost() {
    let found = variables("GET http://right:81/a HTTP/1.1\r\nHost: wrong\r\n\r\n", context())
    #expect(found["HTTP_HOST"] == "right:81")
    #expect(found["SERVER_NAME"] == "right")
    #expect(found["REQUEST_URI"] == "http://right:81/a")
  }

  @Test func fieldsBecomeVariables() {
    let found = variables(
      """
      GET / HTTP/1.1\r\nHost: a\r\nX-One-2: a\r\nAccept: b\r\nx-ONE-2: c\r\nCookie: d=1\r\nX-Empty:\r\n\
      X-One-2:\r\ncookie: e=2\r\nUser-Agent: caf\u{e9}\r\n\r\n
      """, context())
    #expect(found["HTTP_X_ONE_2"] == "a, c, ")
    #expect(found["HTTP_ACCEPT"] == "b")
    #expect(found["HTTP_COOKIE"] == "d=1; e=2")
    #expect(found["HTTP_X_EMPTY"] == "")
    #expect(found["HTTP_USER_AGENT"] == "caf\u{e9}")
  }

  @Test func whatMustNotReachAProgramDoesNot() {
    let found = variables(
      """
      POST / HTTP/1.1\r\nHost: a\r\nProxy: http://evil\r\nPROXY: x\r\nContent_Length: 99\r\nX_Forwarded_For: x\r\n\
      Content-Length: 1\r\nContent-Type: t\r\nAuthorization: Basic x\r\nProxy-Authorization: Basic x\r\n\
      Connection: x\r\nKeep-Alive: x\r\nTE: x\r\nTrailer: x\r\nUpgrade: x\r\nX.Dot: x\r\nX!y: x\r\n\
      X-Good: y\r\nX_Good: z\r\n\r\n
      """, context())
    let passed = found.keys.filter { $0.hasPrefix("HTTP_") }.sorted()
    #expect(passed == ["HTTP_HOST", "HTTP_X_GOOD"])
    #expect(found["HTTP_X_GOOD"] == "y")
    // No body was read, whatever the head says.
    #expect(found["CONTENT_LENGTH"] == nil)
    let chunked = variables("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", context())
    #expect(chunked["HTTP_TRANSFER_ENCODING"] == nil)
  }

  @Test func onlyWhoMayIsToldTheAuthorization() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic eDp5\r\nProxy-Authorization: Basic x\r\n\r\n"
    var context = context()
    #expect(variables(request, context)["HTTP_AUTHORIZATION"] == nil)
    context.passesAuthorization = true
    let found = variables(request, context)
    #expect(found["HTTP_AUTHORIZATION"] == "Basic eDp5")
    #expect(found["HTTP_PROXY_AUTHORIZATION"] == nil)
  }

  @Test func theConfigurationAddsAndNeverOverrides() {
    var context = context()
    let configured = [
      ("PATH", "/opt/bin"), ("SCRIPT_NAME", "/evil"), ("CONTENT_LENGTH", "7"), ("PATH_INFO", "/x"),
      ("HTTP_X_GOOD", "configured"), ("HTTP_OTHER", "configured"), ("TWICE", "1"), ("TWICE", "2"),
      ("HTTPS", "on"),
    ]
    context.environment = configured.map { RequestContext.Variable(name: array($0.0), value: array($0.1)) }
    let found = variables("GET / HTTP/1.1\r\nHost: a\r\nX-Good: y\r\n\r\n", context)
    #expect(found["PATH"] == "/opt/bin")
    #expect(found["SCRIPT_NAME"] == "/cgi-bin/a.sh")
    #expect(found["CONTENT_LENGTH"] == nil)
    #expect(found["PATH_INFO"] == nil)
    #expect(found["HTTPS"] == nil)
    #expect(found["HTTP_X_GOOD"] == "y")
    #expect(found["HTTP_OTHER"] == "configured")
    #expect(found["TWICE"] == "2")
  }

  @Test func anEnvironmentIsEntriesEndedByNUL() {
    var sink = EnvironmentSink()
    sink.add(array("A").span, array("b=c").span)
    sink.add(array("EMPTY").span, array("").span)
    for (name, value) in [("BAD=NAME", "x"), ("", "x"), ("NUL", "a\0b"), ("N\0L", "a")] {
      sink.add(array(name).span, array(value).span)
    }
    #expect(sink.bytes == array("A=b=c\0EMPTY=\0"))
    #expect(sink.count == 2)
    #expect(sink.rejected == 4)
    sink.reset()
    #expect(sink.bytes.isEmpty && sink.count == 0 && sink.rejected == 0)
  }
}
