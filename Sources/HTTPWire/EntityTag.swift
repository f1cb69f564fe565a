// Entity tags and the lists of them in If-Match, If-None-Match and If-Range (RFC 9110 8.8.3, 13.1).

/// Compares entity tags.
public enum EntityTag {
  /// Whether a list of entity tags, or `*`, matches the tag of a representation that exists.
  ///
  /// - Parameters:
  ///   - bytes: the span that `list` indexes.
  ///   - list: the value of If-Match, If-None-Match or If-Range.
  ///   - etag: the tag of the representation, with its quotes and its `W/` if it is weak.
  ///   - weak: true for the weak comparison of If-None-Match, false for the strong one of If-Match and
  ///     If-Range (RFC 9110 8.8.3.2).
  /// - Returns: false also for what is behind the first fault of syntax.
  public static func matches(
    _ bytes: Span<UInt8>, _ list: Range<Int>, etag: Span<UInt8>, weak: Bool
  ) -> Bool {
    let trimmed = ASCII.trimmed(bytes, list)
    if trimmed.count == 1, bytes[trimmed.lowerBound] == UInt8(ascii: "*") { return true }
    let own = 0..<etag.count
    let ownIsWeak = isWeak(etag, own)
    let ownTag = ownIsWeak ? 2..<etag.count : own
    var index = trimmed.lowerBound
    while index < trimmed.upperBound {
      if ASCII.isWhitespace(bytes[index]) || bytes[index] == UInt8(ascii: ",") {
        index += 1
        continue
      }
      let tagIsWeak = isWeak(bytes, index..<trimmed.upperBound)
      let start = tagIsWeak ? index + 2 : index
      guard let end = tagEnd(bytes, start..<trimmed.upperBound) else { return false }
      if weak || !(tagIsWeak || ownIsWeak), equal(bytes, start..<end, etag, ownTag) { return true }
      index = end
      while index < trimmed.upperBound, ASCII.isWhitespace(bytes[index]) { index += 1 }
      if index < trimmed.upperBound, bytes[index] != UInt8(ascii: ",") { return false }
    }
    return false
  }

  /// The same with the tag in an array.
  public static func matches(
    _ bytes: Span<UInt8>, _ list: Range<Int>, etag: [UInt8], weak: Bool
  ) -> Bool {
    matches(bytes, list, etag: etag.span, weak: weak)
  }

  private static func isWeak(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    range.count >= 2 && bytes[range.lowerBound] == UInt8(ascii: "W")
      && bytes[range.lowerBound + 1] == UInt8(ascii: "/")
  }

  /// The index behind the closing quote of the tag that begins `range`, or nil when none does.
  private static func tagEnd(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    guard let first = range.first, bytes[first] == UInt8(ascii: "\"") else { return nil }
    for index in range.dropFirst() {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\"") { return index + 1 }
      // etagc has no space and no control character.
      if byte <= ASCII.space || byte == 0x7F { return nil }
    }
    return nil
  }

  private static func equal(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ other: Span<UInt8>, _ otherRange: Range<Int>
  ) -> Bool {
    guard range.count == otherRange.count else { return false }
    for offset in 0..<range.count
    where bytes[range.lowerBound + offset] != other[otherRange.lowerBound + offset] { return false }
    return true
  }
}
