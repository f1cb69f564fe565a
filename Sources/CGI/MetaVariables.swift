// The meta-variables of RFC 3875 4.1, those that servers commonly add to them, and the HTTP_ variables.

import HTTPWire

/// Makes the meta-variables of a request.
public enum MetaVariables {
  /// PATH where the configuration sets none: of scripts and workers, and to look up a command by.
  public static let searchPath = "/usr/local/bin:/usr/bin:/bin"

  /// The names that the builder computes, present or not: the configuration cannot set them.
  private static let computed = [
    "CONTENT_LENGTH", "CONTENT_TYPE", "DOCUMENT_ROOT", "GATEWAY_INTERFACE", "HTTPS", "PATH_INFO",
    "PATH_TRANSLATED", "QUERY_STRING", "REDIRECT_STATUS", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT",
    "REQUEST_METHOD", "REQUEST_SCHEME", "REQUEST_URI", "SCRIPT_FILENAME", "SCRIPT_NAME", "SERVER_ADDR",
    "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE",
  ]

  /// Whether a variable of this name is computed for each request, so that a configured one is left out. Those of the
  /// request's fields, HTTP_, are not among them.
  public static func isComputed(_ name: [UInt8]) -> Bool {
    computed.contains { $0.utf8.elementsEqual(name) }
  }

  /// Adds every meta-variable of a request to `sink`, each name once.
  ///
  /// AUTH_TYPE, REMOTE_IDENT and REMOTE_USER are not computed: no authentication is done here.
  ///
  /// - Parameters:
  ///   - bytes: the span that the ranges of `head` and `target` index.
  ///   - head: a head that the parser called complete.
  ///   - target: the target of that head.
  ///   - context: what else is known.
  public static func build<Sink: VariableSink>(
    _ bytes: Span<UInt8>, head: RequestHead, target: RequestTarget, context: RequestContext,
    into sink: inout Sink
  ) {
    addRequest(bytes, head, target, context, &sink)
    addScript(context, &sink)
    addParties(bytes, target, context, &sink)
    addFields(bytes, head, target, passesAuthorization: context.passesAuthorization, &sink)
    addConfigured(bytes, head, context, &sink)
  }

  /// CONTENT_LENGTH of a body whose length was not known from its head: one that came in chunks (RFC 3875, section
  /// 4.1.2, and 4.2).
  public static func addContentLength<Sink: VariableSink>(_ count: Int, into sink: inout Sink) {
    add("CONTENT_LENGTH", count, &sink)
  }

  // MARK: The variables of RFC 3875

  private static func addRequest<Sink: VariableSink>(
    _ bytes: Span<UInt8>, _ head: RequestHead, _ target: RequestTarget, _ context: RequestContext,
    _ sink: inout Sink
  ) {
    add("GATEWAY_INTERFACE", "CGI/1.1", &sink)
    add("SERVER_PROTOCOL", head.minorVersion == 0 ? "HTTP/1.0" : "HTTP/1.1", &sink)
    sink.add("REQUEST_METHOD".utf8.span, bytes.extracting(head.methodRange))
    sink.add("REQUEST_URI".utf8.span, bytes.extracting(head.targetRange))
    add("REQUEST_SCHEME", context.https ? "https" : "http", &sink)
    if context.https { add("HTTPS", "on", &sink) }
    // Set even without a query (RFC 3875 4.1.7).
    sink.add("QUERY_STRING".utf8.span, bytes.extracting(target.query ?? 0..<0))
    if let length = context.contentLength { add("CONTENT_LENGTH", length, &sink) }
    if let type = head.value(of: .contentType), !type.isEmpty {
      sink.add("CONTENT_TYPE".utf8.span, bytes.extracting(type))
    }
    // php-cgi built with force-cgi-redirect, as Debian's is, runs nothing without it.
    add("REDIRECT_STATUS", "200", &sink)
  }

  private static func addScript<Sink: VariableSink>(_ context: RequestContext, _ sink: inout Sink) {
    add("SCRIPT_NAME", context.scriptName, &sink)
    if !context.scriptFilename.isEmpty { add("SCRIPT_FILENAME", context.scriptFilename, &sink) }
    if !context.documentRoot.isEmpty { add("DOCUMENT_ROOT", context.documentRoot, &sink) }
    guard let pathInfo = context.pathInfo, !pathInfo.isEmpty else { return }
    add("PATH_INFO", pathInfo, &sink)
    if let translated = context.pathTranslated {
      add("PATH_TRANSLATED", translated, &sink)
    } else if !context.documentRoot.isEmpty {
      var translated = context.documentRoot
      while translated.last == UInt8(ascii: "/") { translated.removeLast() }
      add("PATH_TRANSLATED", translated + pathInfo, &sink)
    }
  }

  private static func addParties<Sink: VariableSink>(
    _ bytes: Span<UInt8>, _ target: RequestTarget, _ context: RequestContext, _ sink: inout Sink
  ) {
    if let host = usableHost(bytes, target) {
      sink.add("SERVER_NAME".utf8.span, bytes.extracting(host))
    } else if context.serverAddress.isEmpty {
      add("SERVER_NAME", "localhost", &sink)
    } else if context.serverAddress.contains(UInt8(ascii: ":")) {
      // An IPv6 address stands in brackets here (RFC 3875 4.1.14).
      add("SERVER_NAME", [UInt8(ascii: "[")] + context.serverAddress + [UInt8(ascii: "]")], &sink)
    } else {
      add("SERVER_NAME", context.serverAddress, &sink)
    }
    add("SERVER_ADDR", context.serverAddress, &sink)
    add("SERVER_PORT", context.serverPort, &sink)
    add("SERVER_SOFTWARE", context.serverSoftware, &sink)
    add("REMOTE_ADDR", context.remoteAddress, &sink)
    // No name is looked up: RFC 3875 4.1.9 has the address take its place.
    add("REMOTE_HOST", context.remoteAddress, &sink)
    if let port = context.remotePort { add("REMOTE_PORT", port, &sink) }
  }

  /// The host that the request names, without its port. Narrower than the grammar of a host, which allows
  /// quotes and the like: scripts paste SERVER_NAME into links.
  private static func usableHost(_ bytes: Span<UInt8>, _ target: RequestTarget) -> Range<Int>? {
    guard let authority = target.authority, let host = Authority.host(bytes, authority) else { return nil }
    if bytes[host.lowerBound] == UInt8(ascii: "[") { return host }
    for index in host {
      let byte = bytes[index]
      let plain = ASCII.isLetter(byte) || ASCII.isDigit(byte)
      if !plain, byte != UInt8(ascii: "."), byte != UInt8(ascii: "-"), byte != UInt8(ascii: "_") { return nil }
    }
    return host
  }

  // MARK: The variables of the configuration

  private static func addConfigured<Sink: VariableSink>(
    _ bytes: Span<UInt8>, _ head: RequestHead, _ context: RequestContext, _ sink: inout Sink
  ) {
    var hasPath = false
    for (index, variable) in context.environment.enumerated() {
      let name = variable.name
      if isComputed(name) { continue }
      if isFieldVariable(name, bytes, head) { continue }
      // The last of several with one name counts: two entries would leave the choice to the program.
      if context.environment[(index + 1)...].contains(where: { $0.name == name }) { continue }
      hasPath = hasPath || "PATH".utf8.elementsEqual(name)
      add(name, variable.value, &sink)
    }
    if !hasPath { add("PATH", searchPath, &sink) }
  }

  // MARK: Adding

  static func add<Sink: VariableSink>(_ name: String, _ value: String, _ sink: inout Sink) {
    sink.add(name.utf8.span, value.utf8.span)
  }

  static func add<Sink: VariableSink>(_ name: String, _ value: [UInt8], _ sink: inout Sink) {
    sink.add(name.utf8.span, value.span)
  }

  static func add<Sink: VariableSink>(_ name: [UInt8], _ value: [UInt8], _ sink: inout Sink) {
    sink.add(name.span, value.span)
  }

  static func add<Sink: VariableSink>(_ name: String, _ value: Int, _ sink: inout Sink) {
    var digits: [UInt8] = []
    ResponseWriter.appendDecimal(value, to: &digits)
    sink.add(name.utf8.span, digits.span)
  }
}
