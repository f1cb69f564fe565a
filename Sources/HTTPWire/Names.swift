// The methods and field names that the gateway acts on. A name is compared by packing it into words of
// eight bytes, which are exact (no hash that a peer could collide with) and fold to constants.

/// Eight characters in one word, the first in the lowest byte; a missing one is 0.
@inline(__always)
private func word(
  _ first: Unicode.Scalar, _ second: Unicode.Scalar = "\0", _ third: Unicode.Scalar = "\0",
  _ fourth: Unicode.Scalar = "\0", _ fifth: Unicode.Scalar = "\0", _ sixth: Unicode.Scalar = "\0",
  _ seventh: Unicode.Scalar = "\0", _ eighth: Unicode.Scalar = "\0"
) -> UInt64 {
  let low = UInt64(first.value) | UInt64(second.value) << 8 | UInt64(third.value) << 16
  let middle = UInt64(fourth.value) << 24 | UInt64(fifth.value) << 32 | UInt64(sixth.value) << 40
  return low | middle | UInt64(seventh.value) << 48 | UInt64(eighth.value) << 56
}

/// Up to eight bytes of `bytes` from `start`, none at or past `end`, packed like ``word``.
@inline(__always)
private func packed(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, lowercase: Bool) -> UInt64 {
  var result: UInt64 = 0
  var shift: UInt64 = 0
  var index = start
  let stop = min(end, start + 8)
  while index < stop {
    let byte = bytes[index]
    result |= UInt64(lowercase ? ASCII.lowercase(byte) : byte) &<< shift
    shift += 8
    index += 1
  }
  return result
}

/// A request method (RFC 9110 9, RFC 5789). Methods are case-sensitive.
public enum Method: UInt8, Sendable, CaseIterable {
  case get, head, post, put, delete, options, trace, connect, patch
  /// Any other token; `RequestHead.methodRange` has its bytes.
  case other

  /// Whether to make a request twice comes to the same as to make it once (RFC 9110, section 9.2.2).
  public var isIdempotent: Bool {
    switch self {
    case .get, .head, .put, .delete, .options, .trace: true
    case .post, .patch, .connect, .other: false
    }
  }

  /// The method that the token in `range` names.
  init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    guard range.count <= 8 else {
      self = .other
      return
    }
    switch packed(bytes, range.lowerBound, range.upperBound, lowercase: false) {
    case word("G", "E", "T"): self = .get
    case word("H", "E", "A", "D"): self = .head
    case word("P", "O", "S", "T"): self = .post
    case word("P", "U", "T"): self = .put
    case word("D", "E", "L", "E", "T", "E"): self = .delete
    case word("O", "P", "T", "I", "O", "N", "S"): self = .options
    case word("T", "R", "A", "C", "E"): self = .trace
    case word("C", "O", "N", "N", "E", "C", "T"): self = .connect
    case word("P", "A", "T", "C", "H"): self = .patch
    default: self = .other
    }
  }
}

/// A field name that the gateway knows (RFC 9110 5.1). Field names are case-insensitive.
public enum FieldName: UInt8, Sendable, CaseIterable {
  case host, contentLength, transferEncoding, connection, expect, range, ifRange, ifNoneMatch
  case ifModifiedSince, ifMatch, ifUnmodifiedSince, userAgent, referer, contentType, authorization
  case proxyAuthorization, cookie, te, trailer, upgrade, keepAlive, proxy, acceptEncoding
  /// Any other name; `Field.name` has its bytes.
  case other

  /// The name that the token in `range` spells.
  public init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    let start = range.lowerBound
    let end = range.upperBound
    guard range.count >= 2, range.count <= 19 else {
      self = .other
      return
    }
    let first = packed(bytes, start, end, lowercase: true)
    switch range.count {
    case 2...8:
      self = FieldName(short: first)
    case 9...16:
      self = FieldName(first, packed(bytes, start + 8, end, lowercase: true))
    default:
      let second = packed(bytes, start + 8, end, lowercase: true)
      self = FieldName(first, second, packed(bytes, start + 16, end, lowercase: true))
    }
  }

  private init(short first: UInt64) {
    switch first {
    case word("h", "o", "s", "t"): self = .host
    case word("e", "x", "p", "e", "c", "t"): self = .expect
    case word("r", "a", "n", "g", "e"): self = .range
    case word("i", "f", "-", "r", "a", "n", "g", "e"): self = .ifRange
    case word("i", "f", "-", "m", "a", "t", "c", "h"): self = .ifMatch
    case word("r", "e", "f", "e", "r", "e", "r"): self = .referer
    case word("c", "o", "o", "k", "i", "e"): self = .cookie
    case word("t", "e"): self = .te
    case word("t", "r", "a", "i", "l", "e", "r"): self = .trailer
    case word("u", "p", "g", "r", "a", "d", "e"): self = .upgrade
    case word("p", "r", "o", "x", "y"): self = .proxy
    default: self = .other
    }
  }

  private init(_ first: UInt64, _ second: UInt64) {
    switch (first, second) {
    case (word("c", "o", "n", "t", "e", "n", "t", "-"), word("l", "e", "n", "g", "t", "h")):
      self = .contentLength
    case (word("c", "o", "n", "t", "e", "n", "t", "-"), word("t", "y", "p", "e")):
      self = .contentType
    case (word("c", "o", "n", "n", "e", "c", "t", "i"), word("o", "n")):
      self = .connection
    case (word("u", "s", "e", "r", "-", "a", "g", "e"), word("n", "t")):
      self = .userAgent
    case (word("k", "e", "e", "p", "-", "a", "l", "i"), word("v", "e")):
      self = .keepAlive
    case (word("i", "f", "-", "n", "o", "n", "e", "-"), word("m", "a", "t", "c", "h")):
      self = .ifNoneMatch
    case (word("a", "c", "c", "e", "p", "t", "-", "e"), word("n", "c", "o", "d", "i", "n", "g")):
      self = .acceptEncoding
    case (word("a", "u", "t", "h", "o", "r", "i", "z"), word("a", "t", "i", "o", "n")):
      self = .authorization
    default: self = .other
    }
  }

  private init(_ first: UInt64, _ second: UInt64, _ third: UInt64) {
    switch (first, second, third) {
    case (
      word("t", "r", "a", "n", "s", "f", "e", "r"), word("-", "e", "n", "c", "o", "d", "i", "n"), word("g")
    ): self = .transferEncoding
    case (
      word("i", "f", "-", "m", "o", "d", "i", "f"), word("i", "e", "d", "-", "s", "i", "n", "c"), word("e")
    ): self = .ifModifiedSince
    case (
      word("i", "f", "-", "u", "n", "m", "o", "d"), word("i", "f", "i", "e", "d", "-", "s", "i"),
      word("n", "c", "e")
    ): self = .ifUnmodifiedSince
    case (
      word("p", "r", "o", "x", "y", "-", "a", "u"), word("t", "h", "o", "r", "i", "z", "a", "t"),
      word("i", "o", "n")
    ): self = .proxyAuthorization
    default: self = .other
    }
  }
}
