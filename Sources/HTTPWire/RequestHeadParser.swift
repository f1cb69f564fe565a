// The request line and the field lines of RFC 9112 3 and 5, one byte after the other: each byte is looked
// at once, however the head is cut into pieces, and a fault is refused at the byte that makes it one.

/// What a head parser says about the bytes that it was shown.
public enum HeadVerdict: Sendable, Equatable {
  /// All is well so far; call again with the same bytes and more.
  case needMore
  /// The head is complete, and `end` is the index just behind its empty line.
  case complete(end: Int)
  /// The head is refused; the connection can carry no further request.
  case refused(Refusal)
}

/// Reads the head of one request after the other.
///
/// The parser remembers how far it came, so that a head that comes byte by byte costs linear time. Strict
/// where laxity would let two readers of one message disagree: lines end with CRLF and nothing else, no
/// folding, no space before a colon, no control characters.
public struct RequestHeadParser: Sendable {
  private enum Phase: UInt8 {
    case idle, emptyLines, method, target, version
    case fieldStart, fieldName, valueStart, value, valueEnd, headEnd
  }

  /// How many empty lines may stand before a request line (RFC 9112 2.2 asks for at least one).
  private static let emptyLineCount = 4

  private var phase = Phase.idle
  /// The `start` of the last call; the indices below count from the same zero as it.
  private var start = 0
  private var emptyLines = 0
  /// Where the request line begins.
  private var lineStart = 0
  /// The next byte to look at.
  private var position = 0
  /// Where the element that is being read begins.
  private var mark = 0
  private var name = 0..<0
  private var failure: Refusal?

  /// A parser at the beginning of a request.
  public init() {}

  /// Forgets a head that is not complete. Needed only before `bytes` of another connection or request.
  public mutating func reset() { self = RequestHeadParser() }

  /// Reads on in a request's head.
  ///
  /// Between two calls for one head the caller may append to the bytes, and may move them as long as
  /// `start` says where the same request now begins.
  ///
  /// - Parameters:
  ///   - bytes: what was received.
  ///   - start: where the request begins in `bytes`.
  ///   - limits: how large the head may be.
  ///   - head: filled step by step; whole only with `.complete`. Its ranges index `bytes`.
  /// - Returns: `.refused` with 400, 414, 417, 431, 501 or 505 as soon as a fault is seen; the same verdict
  ///   for any further call until ``reset()``. After `.complete` the parser is ready for the next request.
  public mutating func parse(
    _ bytes: Span<UInt8>, from start: Int, limits: HeadLimits, into head: inout RequestHead
  ) -> HeadVerdict {
    if let failure { return .refused(failure) }
    if phase == .idle {
      head.clear()
      self.start = start
      position = start
      phase = .emptyLines
    } else if start != self.start {
      follow(to: start, &head)
    }
    do throws(Refusal) {
      if phase.rawValue <= Phase.version.rawValue {
        guard try readRequestLine(bytes, limits, &head) else { return .needMore }
      }
      guard try readFields(bytes, limits, &head) else { return .needMore }
      try head.conclude(bytes)
    } catch {
      failure = error
      return .refused(error)
    }
    let end = position
    phase = .idle
    emptyLines = 0
    return .complete(end: end)
  }

  private mutating func follow(to start: Int, _ head: inout RequestHead) {
    let distance = start - self.start
    head.shift(by: distance)
    lineStart += distance
    position += distance
    mark += distance
    name = name.shifted(by: distance)
    self.start = start
  }

  // MARK: The request line

  private mutating func readRequestLine(
    _ bytes: Span<UInt8>, _ limits: HeadLimits, _ head: inout RequestHead
  ) throws(Refusal) -> Bool {
    if phase == .emptyLines {
      guard try skipEmptyLines(bytes) else { return false }
      lineStart = position
      mark = position
      phase = .method
    }
    // Nothing behind the bound is looked at, so that the verdict does not depend on how the bytes come.
    let lineIsTighter = limits.requestLineBytes + 2 <= limits.headBytes
    let bound = lineStart + (lineIsTighter ? limits.requestLineBytes + 2 : limits.headBytes)
    let end = min(bytes.count, bound)
    if try readMethod(bytes, end, limits, &head), try readTarget(bytes, end, &head),
      try readVersion(bytes, end, &head)
    {
      return true
    }
    if position < bound { return false }
    if !lineIsTighter { throw Self.headTooLarge(limits) }
    let limit = LimitHit(key: "request_line", value: limits.requestLineBytes)
    throw Refusal(status: 414, reason: "a request line over its limit", limit: limit)
  }

  private mutating func skipEmptyLines(_ bytes: Span<UInt8>) throws(Refusal) -> Bool {
    while position < bytes.count {
      let byte = bytes[position]
      if byte == ASCII.lineFeed { throw .malformed(Refusal.bareLineFeed) }
      if byte != ASCII.carriageReturn { return true }
      guard position + 1 < bytes.count else { return false }
      guard bytes[position + 1] == ASCII.lineFeed else { throw .malformed(Refusal.bareCarriageReturn) }
      emptyLines += 1
      if emptyLines > Self.emptyLineCount { throw .malformed("too many empty lines before a request") }
      position += 2
    }
    return false
  }

  private mutating func readMethod(
    _ bytes: Span<UInt8>, _ end: Int, _ limits: HeadLimits, _ head: inout RequestHead
  ) throws(Refusal) -> Bool {
    guard phase == .method else { return true }
    let longest = mark + limits.methodBytes
    while position < end {
      let byte = bytes[position]
      if ASCII.isToken(byte) {
        if position >= longest { throw Self.methodTooLong(limits) }
        position += 1
        continue
      }
      guard byte == ASCII.space, position > mark else { throw Self.notAMethod(byte, first: position == mark) }
      head.methodRange = mark..<position
      head.method = Method(bytes, mark..<position)
      position += 1
      mark = position
      phase = .target
      return true
    }
    return false
  }

  private static func methodTooLong(_ limits: HeadLimits) -> Refusal {
    let limit = LimitHit(key: "request_method", value: limits.methodBytes)
    return Refusal(status: 501, reason: "a method longer than any that exists", limit: limit)
  }

  private static func notAMethod(_ byte: UInt8, first: Bool) -> Refusal {
    if byte == ASCII.lineFeed { return .malformed(Refusal.bareLineFeed) }
    // The content type of a TLS record that carries a handshake (RFC 8446 5.1).
    if first, byte == 0x16 { return .malformed("a TLS handshake where plain HTTP is spoken") }
    return .malformed("a request that does not begin with a method and a space")
  }

  private mutating func readTarget(
    _ bytes: Span<UInt8>, _ end: Int, _ head: inout RequestHead
  ) throws(Refusal) -> Bool {
    guard phase == .target else { return true }
    var index = position
    while index < end, bytes[index] &- 0x21 < 0x5E { index += 1 }
    position = index
    guard index < end else { return false }
    switch bytes[index] {
    case ASCII.space where index > mark: break
    case ASCII.space: throw .malformed("more than one space in the request line")
    case ASCII.lineFeed: throw .malformed(Refusal.bareLineFeed)
    case ASCII.carriageReturn: throw .malformed("a request line without a protocol version")
    default: throw .malformed("a byte in the target that is not printable ASCII")
    }
    head.targetRange = mark..<index
    position = index + 1
    mark = position
    phase = .version
    return true
  }

  private mutating func readVersion(
    _ bytes: Span<UInt8>, _ end: Int, _ head: inout RequestHead
  ) throws(Refusal) -> Bool {
    guard phase == .version else { return true }
    while position < end {
      let byte = bytes[position]
      let fits: Bool
      switch position - mark {
      case 0: fits = byte == UInt8(ascii: "H")
      case 1, 2: fits = byte == UInt8(ascii: "T")
      case 3: fits = byte == UInt8(ascii: "P")
      case 4: fits = byte == UInt8(ascii: "/")
      case 5: fits = ASCII.isDigit(byte)
      case 6: fits = byte == UInt8(ascii: ".")
      case 7:
        fits = ASCII.isDigit(byte)
        if fits { head.minorVersion = try Self.minorVersion(major: bytes[position - 2], minor: byte) }
      case 8: fits = byte == ASCII.carriageReturn
      default:
        if byte != ASCII.lineFeed { throw .malformed(Refusal.bareCarriageReturn) }
        position += 1
        phase = .fieldStart
        return true
      }
      if !fits {
        if byte == ASCII.lineFeed { throw .malformed(Refusal.bareLineFeed) }
        throw .malformed("a request line that does not end with HTTP/1.1 or HTTP/1.0")
      }
      position += 1
    }
    return false
  }

  private static func minorVersion(major: UInt8, minor: UInt8) throws(Refusal) -> Int {
    guard major == UInt8(ascii: "1"), minor <= UInt8(ascii: "1") else {
      throw Refusal(status: 505, reason: "a version other than HTTP/1.1 and HTTP/1.0")
    }
    return Int(minor - UInt8(ascii: "0"))
  }

  // MARK: The field lines

  private mutating func readFields(
    _ bytes: Span<UInt8>, _ limits: HeadLimits, _ head: inout RequestHead
  ) throws(Refusal) -> Bool {
    let bound = lineStart + limits.headBytes
    let end = min(bytes.count, bound)
    while position < end {
      switch phase {
      case .fieldStart: try startLine(bytes[position], limits, head.fields.count)
      case .fieldName: try readName(bytes, end)
      case .valueStart: skipWhitespace(bytes, end)
      case .value: try readValue(bytes, end)
      case .valueEnd:
        guard bytes[position] == ASCII.lineFeed else { throw .malformed(Refusal.bareCarriageReturn) }
        // The white space before CR is no part of the value; the CR itself is one byte back.
        try head.add(bytes, name: name, value: ASCII.trimmed(bytes, mark..<position - 1))
        position += 1
        phase = .fieldStart
      default:
        guard bytes[position] == ASCII.lineFeed else { throw .malformed(Refusal.bareCarriageReturn) }
        position += 1
        return true
      }
    }
    if position >= bound { throw Self.headTooLarge(limits) }
    return false
  }

  private static func headTooLarge(_ limits: HeadLimits) -> Refusal {
    let limit = LimitHit(key: "request_head", value: limits.headBytes)
    return Refusal(status: 431, reason: "a request head over its limit", limit: limit)
  }

  private mutating func startLine(_ byte: UInt8, _ limits: HeadLimits, _ count: Int) throws(Refusal) {
    if byte == ASCII.carriageReturn {
      position += 1
      phase = .headEnd
      return
    }
    guard ASCII.isToken(byte) else {
      if byte == ASCII.lineFeed { throw .malformed(Refusal.bareLineFeed) }
      if ASCII.isWhitespace(byte) { throw .malformed("a folded field line") }
      throw .malformed("a field line that does not begin with a name")
    }
    if count >= limits.fieldCount {
      let limit = LimitHit(key: "request_fields", value: limits.fieldCount)
      throw Refusal(status: 431, reason: "too many fields", limit: limit)
    }
    mark = position
    phase = .fieldName
  }

  private mutating func readName(_ bytes: Span<UInt8>, _ end: Int) throws(Refusal) {
    var index = position
    while index < end, ASCII.isToken(bytes[index]) { index += 1 }
    position = index
    guard index < end else { return }
    let byte = bytes[index]
    guard byte == UInt8(ascii: ":") else {
      if byte == ASCII.lineFeed { throw .malformed(Refusal.bareLineFeed) }
      if ASCII.isWhitespace(byte) { throw .malformed("white space in or behind a field name") }
      if byte == ASCII.carriageReturn { throw .malformed("a field line without a colon") }
      throw .malformed("a character in a field name that may not be there")
    }
    name = mark..<index
    position = index + 1
    phase = .valueStart
  }

  private mutating func skipWhitespace(_ bytes: Span<UInt8>, _ end: Int) {
    while position < end, ASCII.isWhitespace(bytes[position]) { position += 1 }
    if position < end {
      mark = position
      phase = .value
    }
  }

  private mutating func readValue(_ bytes: Span<UInt8>, _ end: Int) throws(Refusal) {
    var index = position
    while index < end, ASCII.isFieldContent(bytes[index]) { index += 1 }
    position = index
    guard index < end else { return }
    guard bytes[index] == ASCII.carriageReturn else {
      if bytes[index] == ASCII.lineFeed { throw .malformed(Refusal.bareLineFeed) }
      throw .malformed("a control character in a field value")
    }
    position = index + 1
    phase = .valueEnd
  }
}
