// The character classes that HTTP's grammar is built from (RFC 9110 5.6, RFC 5234 B.1) and comparisons
// that ignore the case of ASCII letters. Bytes only: no locale, no Unicode.

/// Classes of bytes and comparisons of byte ranges, as the grammar of HTTP uses them.
public enum ASCII {
  static let tab: UInt8 = 0x09
  static let lineFeed: UInt8 = 0x0A
  static let carriageReturn: UInt8 = 0x0D
  static let space: UInt8 = 0x20

  /// Whether `byte` may stand in a token: `tchar` of RFC 9110 5.6.2.
  @inlinable
  public static func isToken(_ byte: UInt8) -> Bool {
    // One bit a byte of the lower half of the table: no memory is touched, and no global initialised.
    let upper: UInt64 = 0x57FF_FFFF_C7FF_FFFE
    let lower: UInt64 = 0x03FF_6CFA_0000_0000
    if byte >= 0x80 { return false }
    return (byte < 64 ? lower : upper) &>> UInt64(byte & 63) & 1 == 1
  }

  /// Whether `byte` may stand in a field's value: HTAB, SP, VCHAR and obs-text (RFC 9110 5.5).
  @inlinable
  public static func isFieldContent(_ byte: UInt8) -> Bool {
    byte >= 0x20 ? byte != 0x7F : byte == 0x09
  }

  /// Whether `byte` is a decimal digit.
  @inlinable
  public static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  /// Whether `byte` is an ASCII letter of either case.
  @inlinable
  public static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

  /// `byte` with an upper-case ASCII letter made lower-case.
  @inlinable
  public static func lowercase(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

  /// The value of a hexadecimal digit of either case, or nil for any other byte.
  @inlinable
  public static func hexValue(_ byte: UInt8) -> UInt8? {
    if isDigit(byte) { return byte &- 0x30 }
    let letter = (byte | 0x20) &- 0x61
    return letter < 6 ? letter + 10 : nil
  }

  /// Whether `byte` is optional white space: SP or HTAB (RFC 9110 5.6.3).
  @inlinable
  public static func isWhitespace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  /// Whether the bytes in `range` are those of `text`, the case of ASCII letters ignored.
  ///
  /// - Parameter text: in lower case.
  public static func equals(_ bytes: Span<UInt8>, _ range: Range<Int>, _ text: String) -> Bool {
    guard range.count == text.utf8.count else { return false }
    let expected = text.utf8.span
    let start = range.lowerBound
    for offset in 0..<expected.count where lowercase(bytes[start + offset]) != expected[offset] { return false }
    return true
  }

  /// Whether two ranges of the same bytes are equal, the case of ASCII letters ignored.
  public static func equals(_ bytes: Span<UInt8>, _ one: Range<Int>, _ other: Range<Int>) -> Bool {
    guard one.count == other.count else { return false }
    let distance = other.lowerBound - one.lowerBound
    for index in one where lowercase(bytes[index]) != lowercase(bytes[index + distance]) { return false }
    return true
  }

  /// `range` without the white space at both its ends.
  public static func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
    var lower = range.lowerBound
    var upper = range.upperBound
    while lower < upper, isWhitespace(bytes[lower]) { lower += 1 }
    while upper > lower, isWhitespace(bytes[upper - 1]) { upper -= 1 }
    return lower..<upper
  }

  /// A number of decimal digits and nothing else: no sign, no space.
  ///
  /// - Returns: nil when `range` is empty, holds another byte, or the number does not fit `Int`.
  public static func decimal(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    guard !range.isEmpty else { return nil }
    var number = 0
    for index in range {
      let digit = bytes[index] &- 0x30
      guard digit < 10 else { return nil }
      let (product, tooLarge) = number.multipliedReportingOverflow(by: 10)
      let (sum, carried) = product.addingReportingOverflow(Int(digit))
      if tooLarge || carried { return nil }
      number = sum
    }
    return number
  }

  /// Calls `body` with each member of a comma-separated list, trimmed; empty members are skipped
  /// (RFC 9110 5.6.1.2). For lists of tokens: a quoted string with a comma would be taken apart.
  static func forEachMember(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void
  ) {
    var start = range.lowerBound
    for index in range.lowerBound...range.upperBound
    where index == range.upperBound || bytes[index] == UInt8(ascii: ",") {
      let member = trimmed(bytes, start..<index)
      if !member.isEmpty { body(member) }
      start = index + 1
    }
  }
}
