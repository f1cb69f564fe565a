// Name-value pairs (3.4): two lengths of one or four bytes, then the name, then the value.

/// Where a pair's name and value stand in the bytes that it was read from.
public struct NameValuePair: Sendable, Equatable {
  /// The longest name or value that can be written, in bytes: a length has 31 bits.
  public static let maximumBytes = 0x7FFF_FFFF

  /// The name; may be empty.
  public let name: Range<Int>
  /// The value; may be empty. Its upper bound is where the next pair begins.
  public let value: Range<Int>

  /// Reads the pair that begins at the index `from`.
  ///
  /// - Returns: nil when the bytes end before the pair does. A pair may straddle records: keep the bytes from
  ///   `from` on, and read again with more behind them. Lengths come from a stranger and may be anything up to
  ///   2 GiB each, so what is kept needs a limit.
  public init?(_ bytes: Span<UInt8>, from: Int) {
    var index = from
    guard let nameBytes = Self.readLength(bytes, &index), let valueBytes = Self.readLength(bytes, &index) else {
      return nil
    }
    // Each length is compared with what is left, and nothing is added before it is known to be there: a sum of
    // two lengths that wraps is how a reader comes to write behind its buffer.
    guard nameBytes <= bytes.count - index else { return nil }
    let nameEnd = index + nameBytes
    guard valueBytes <= bytes.count - nameEnd else { return nil }
    name = index..<nameEnd
    value = nameEnd..<nameEnd + valueBytes
  }

  private static func readLength(_ bytes: Span<UInt8>, _ index: inout Int) -> Int? {
    guard index < bytes.count else { return nil }
    let first = bytes[index]
    guard first >= 0x80 else {
      index += 1
      return Int(first)
    }
    guard bytes.count - index >= 4 else { return nil }
    let upper = Int(first & 0x7F) << 24 | Int(bytes[index + 1]) << 16
    let lower = Int(bytes[index + 2]) << 8 | Int(bytes[index + 3])
    index += 4
    return upper | lower
  }

  /// How many bytes the length `length` takes: one up to 127, else four.
  static func lengthBytes(_ length: Int) -> Int { length < 0x80 ? 1 : 4 }

  /// Calls `put` with each byte of the length `length`, which is at most ``maximumBytes``.
  static func encodeLength(_ length: Int, _ put: (UInt8) -> Void) {
    if length < 0x80 {
      put(UInt8(length))
    } else {
      put(UInt8(length >> 24) | 0x80)
      put(UInt8(length >> 16 & 0xFF))
      put(UInt8(length >> 8 & 0xFF))
      put(UInt8(length & 0xFF))
    }
  }
}
