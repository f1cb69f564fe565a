// The authority of a target and the value of Host: uri-host [ ":" port ] (RFC 9110 4.2, RFC 3986 3.2).

/// Reads `host[:port]`.
public enum Authority {
  /// The host in an authority, without its port; an IPv6 address keeps its brackets.
  ///
  /// User information, which RFC 9110 4.2.4 tells recipients to treat as an error, is not accepted, nor
  /// is a port over 65535. An empty port (`host:`) is.
  ///
  /// - Returns: the host's range within `range`, or nil when the authority is empty or malformed.
  public static func host(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int>? {
    guard let first = range.first else { return nil }
    let end: Int
    if bytes[first] == UInt8(ascii: "[") {
      guard let close = addressEnd(bytes, range) else { return nil }
      end = close
    } else {
      guard let stop = nameEnd(bytes, range), stop > first else { return nil }
      end = stop
    }
    if end == range.upperBound { return first..<end }
    guard bytes[end] == UInt8(ascii: ":"), isPort(bytes, end + 1..<range.upperBound) else { return nil }
    return first..<end
  }

  /// The index behind the `]` of an IPv6 literal, or nil when what stands between the brackets is none.
  private static func addressEnd(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    var colons = 0
    for index in range.dropFirst() {
      let byte = bytes[index]
      if byte == UInt8(ascii: "]") {
        // The shortest address is "::", the longest one with an IPv4 tail has 45 characters.
        let length = index - range.lowerBound - 1
        return colons >= 2 && length <= 45 ? index + 1 : nil
      }
      if byte == UInt8(ascii: ":") {
        colons += 1
      } else if ASCII.hexValue(byte) == nil, byte != UInt8(ascii: ".") {
        return nil
      }
    }
    return nil
  }

  /// The index behind a registered name or IPv4 address (the colon or the end), or nil at a byte that
  /// neither may have.
  private static func nameEnd(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    var index = range.lowerBound
    while index < range.upperBound, bytes[index] != UInt8(ascii: ":") {
      if bytes[index] == UInt8(ascii: "%") {
        guard index + 2 < range.upperBound, ASCII.hexValue(bytes[index + 1]) != nil,
          ASCII.hexValue(bytes[index + 2]) != nil
        else { return nil }
        index += 3
      } else {
        guard isRegisteredName(bytes[index]) else { return nil }
        index += 1
      }
    }
    return index
  }

  /// `unreserved` and `sub-delims` of RFC 3986.
  private static func isRegisteredName(_ byte: UInt8) -> Bool {
    if ASCII.isLetter(byte) || ASCII.isDigit(byte) { return true }
    switch Unicode.Scalar(byte) {
    case "-", ".", "_", "~", "!", "$", "&", "'", "(", ")", "*", "+", ",", ";", "=": return true
    default: return false
    }
  }

  private static func isPort(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    if range.isEmpty { return true }
    guard let port = ASCII.decimal(bytes, range) else { return false }
    return port <= 65535
  }
}
