// A request's head as ranges of the bytes that it was read from, and what its fields say about the
// message itself: framing, persistence, expectation (RFC 9112 6 and 9, RFC 9110 10.1.1).

/// One field line of a head.
public struct Field: Sendable, Equatable {
  /// Where its name stands.
  public var name: Range<Int>
  /// Where its value stands, without the white space around it; may be empty.
  public var value: Range<Int>
  /// Which name it is, if it is one the gateway knows.
  public var known: FieldName

  /// A field line by its ranges.
  public init(name: Range<Int>, value: Range<Int>, known: FieldName) {
    self.name = name
    self.value = value
    self.known = known
  }
}

/// The head of a request. Made to be reused from request to request: its storage stays.
///
/// Every range indexes the span that was given to the parser's last call.
public struct RequestHead: Sendable, Equatable {
  /// The method (RFC 9110 9).
  public var method = Method.other
  /// Where the method stands.
  public var methodRange = 0..<0
  /// Where the request target stands; printable ASCII only (RFC 9112 3.2).
  public var targetRange = 0..<0
  /// The minor version: 0 for HTTP/1.0, 1 for HTTP/1.1.
  public var minorVersion = 1
  /// The field lines, in their order.
  public var fields: [Field] = []
  /// Whether the connection may serve another request, by version and Connection (RFC 9112 9.3).
  public var keepAlive = false
  /// The length of the body in bytes, when Content-Length says it.
  public var contentLength: Int?
  /// Whether the body is chunked (RFC 9112 7.1). Then there is no `contentLength`.
  public var chunked = false
  /// Whether the client waits for 100 before it sends a body (RFC 9110 10.1.1). Never for HTTP/1.0.
  public var expectContinue = false

  private var present: UInt32 = 0
  private var saysClose = false
  private var saysKeepAlive = false

  /// An empty head.
  public init() {}

  /// The value of the first field line with this name, or nil. `.other` is never found.
  public func value(of name: FieldName) -> Range<Int>? {
    guard has(name) else { return nil }
    for field in fields where field.known == name { return field.value }
    return nil
  }

  private func has(_ name: FieldName) -> Bool { present & (1 &<< UInt32(name.rawValue)) != 0 }

  mutating func clear() {
    method = .other
    methodRange = 0..<0
    targetRange = 0..<0
    minorVersion = 1
    fields.removeAll(keepingCapacity: true)
    keepAlive = false
    contentLength = nil
    chunked = false
    expectContinue = false
    present = 0
    saysClose = false
    saysKeepAlive = false
  }

  /// Moves every range by `distance`, after the caller has moved the bytes.
  mutating func shift(by distance: Int) {
    methodRange = methodRange.shifted(by: distance)
    targetRange = targetRange.shifted(by: distance)
    for index in fields.indices {
      fields[index].name = fields[index].name.shifted(by: distance)
      fields[index].value = fields[index].value.shifted(by: distance)
    }
  }

  /// Takes one complete field line and what it says about the message.
  mutating func add(_ bytes: Span<UInt8>, name: Range<Int>, value: Range<Int>) throws(Refusal) {
    let known = FieldName(bytes, name)
    let repeated = known != .other && has(known)
    fields.append(Field(name: name, value: value, known: known))
    if known == .other { return }
    present |= 1 &<< UInt32(known.rawValue)
    switch known {
    case .host: try noteHost(bytes, value, repeated: repeated)
    case .contentLength: try noteContentLength(bytes, value, repeated: repeated)
    case .transferEncoding: try noteTransferEncoding(bytes, value, repeated: repeated)
    case .connection: noteConnection(bytes, value)
    case .expect: try noteExpect(bytes, value)
    default: break
    }
  }

  /// What only the whole head can tell, at its empty line.
  mutating func conclude(_ bytes: Span<UInt8>) throws(Refusal) {
    if let host = value(of: .host) {
      if host.isEmpty, bytes[targetRange.lowerBound] == UInt8(ascii: "/") {
        throw .malformed("an empty Host with a target that names no host")
      }
    } else if minorVersion == 1 {
      throw .malformed("an HTTP/1.1 request without Host")
    }
    // Two lengths are the root of request smuggling: no guess is made which one counts.
    if chunked, contentLength != nil {
      throw .malformed("Content-Length together with Transfer-Encoding")
    }
    keepAlive = !saysClose && (minorVersion == 1 || saysKeepAlive)
    expectContinue = expectContinue && (chunked || contentLength ?? 0 > 0)
  }

  private func noteHost(_ bytes: Span<UInt8>, _ value: Range<Int>, repeated: Bool) throws(Refusal) {
    if repeated { throw .malformed("more than one Host") }
    if !value.isEmpty, Authority.host(bytes, value) == nil {
      throw .malformed("a Host that is no host and port")
    }
  }

  private mutating func noteContentLength(
    _ bytes: Span<UInt8>, _ value: Range<Int>, repeated: Bool
  ) throws(Refusal) {
    if repeated { throw .malformed("more than one Content-Length") }
    guard let length = ASCII.decimal(bytes, value) else {
      throw .malformed("a Content-Length that is not one decimal number in range")
    }
    contentLength = length
  }

  private mutating func noteTransferEncoding(
    _ bytes: Span<UInt8>, _ value: Range<Int>, repeated: Bool
  ) throws(Refusal) {
    // RFC 9112 6.1: a 1.0 message with this field is to be treated as faulty.
    if minorVersion == 0 { throw .malformed("Transfer-Encoding in an HTTP/1.0 request") }
    if repeated { throw .malformed("more than one Transfer-Encoding") }
    if ASCII.equals(bytes, value, "chunked") {
      chunked = true
      return
    }
    var members = 0
    var chunkedFirst = false
    ASCII.forEachMember(bytes, value) { member in
      if members == 0 { chunkedFirst = ASCII.equals(bytes, member, "chunked") }
      members += 1
    }
    if members == 0 { throw .malformed("an empty Transfer-Encoding") }
    // chunked is the last coding and applied once (RFC 9112 6.1), so nothing may come after it.
    if chunkedFirst { throw .malformed("a Transfer-Encoding in which chunked is not alone") }
    throw Refusal(status: 501, reason: "a transfer coding other than chunked")
  }

  private mutating func noteConnection(_ bytes: Span<UInt8>, _ value: Range<Int>) {
    var close = saysClose
    var keep = saysKeepAlive
    ASCII.forEachMember(bytes, value) { option in
      if ASCII.equals(bytes, option, "close") { close = true }
      if ASCII.equals(bytes, option, "keep-alive") { keep = true }
    }
    saysClose = close
    saysKeepAlive = keep
  }

  private mutating func noteExpect(_ bytes: Span<UInt8>, _ value: Range<Int>) throws(Refusal) {
    // RFC 9110 10.1.1: in a 1.0 request the expectation is ignored.
    if minorVersion == 0 { return }
    guard ASCII.equals(bytes, value, "100-continue") else {
      throw Refusal(status: 417, reason: "an expectation other than 100-continue")
    }
    expectContinue = true
  }
}

extension Range<Int> {
  func shifted(by distance: Int) -> Range<Int> { lowerBound + distance..<upperBound + distance }
}
