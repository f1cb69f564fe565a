// The Range field for bytes (RFC 9110 14.1.2 and 14.2): one range, or the whole.

/// What a Range field asks of a representation.
public enum RangeVerdict: Sendable, Equatable {
  /// The whole of it: 200. The field is to be ignored.
  case whole
  /// The bytes in this range, which is not empty: 206.
  case part(Range<Int>)
  /// Nothing of it: 416.
  case unsatisfiable
}

/// Reads the value of Range.
public enum ByteRange {
  /// What `bytes=first-last`, `bytes=first-` or `bytes=-suffix` means for `length` bytes.
  ///
  /// A value of another unit, of several ranges or of bad syntax is `.whole`, as RFC 9110 14.2 allows;
  /// so is a suffix of a representation of no bytes, which would be an empty part.
  public static func parse(_ bytes: Span<UInt8>, _ range: Range<Int>, length: Int) -> RangeVerdict {
    let unit = "bytes="
    let start = range.lowerBound + unit.utf8.count
    guard start < range.upperBound, ASCII.equals(bytes, range.lowerBound..<start, unit) else { return .whole }
    guard var dash = range.last else { return .whole }
    for index in start..<range.upperBound where bytes[index] == UInt8(ascii: "-") {
      dash = index
      break
    }
    guard bytes[dash] == UInt8(ascii: "-"), isDigits(bytes, start..<dash),
      isDigits(bytes, dash + 1..<range.upperBound)
    else { return .whole }
    // What does not fit Int lies behind any representation.
    let last = ASCII.decimal(bytes, dash + 1..<range.upperBound) ?? Int.max
    if dash == start {
      if dash + 1 == range.upperBound { return .whole }
      if last == 0 { return .unsatisfiable }
      return length == 0 ? .whole : .part(length - min(last, length)..<length)
    }
    let first = ASCII.decimal(bytes, start..<dash) ?? Int.max
    if dash + 1 < range.upperBound, last < first { return .whole }
    if first >= length { return .unsatisfiable }
    return .part(first..<min(last, length - 1) + 1)
  }

  /// Digits only, or nothing.
  private static func isDigits(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    for index in range where !ASCII.isDigit(bytes[index]) { return false }
    return true
  }
}
