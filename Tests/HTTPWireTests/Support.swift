// What the tests of this module share: parsing of strings, in one go and cut at every offset, and a seeded
// generator, so that a failure can be repeated.

import Testing

@testable import HTTPWire

func array(_ text: String) -> [UInt8] { Array(text.utf8) }

func text(_ bytes: [UInt8], _ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

/// Parses in one go with a fresh parser.
func parse(_ bytes: [UInt8], limits: HeadLimits = HeadLimits()) -> (verdict: HeadVerdict, head: RequestHead) {
  var parser = RequestHeadParser()
  var head = RequestHead()
  let verdict = parser.parse(bytes.span, from: 0, limits: limits, into: &head)
  return (verdict, head)
}

/// Feeds one byte more at a time, until the verdict is not `.needMore` or all bytes are there.
func parseByteByByte(
  _ bytes: [UInt8], limits: HeadLimits = HeadLimits()
) -> (verdict: HeadVerdict, head: RequestHead, seen: Int) {
  var parser = RequestHeadParser()
  var head = RequestHead()
  for count in 0...bytes.count {
    let verdict = parser.parse(bytes.span.extracting(0..<count), from: 0, limits: limits, into: &head)
    if verdict != .needMore { return (verdict, head, count) }
  }
  return (.needMore, head, bytes.count)
}

/// The status that a request is refused with; nil when it is not refused. Checks that the cut does not matter.
func refusedStatus(_ bytes: [UInt8], limits: HeadLimits = HeadLimits()) -> Int? {
  let whole = parse(bytes, limits: limits).verdict
  #expect(parseByteByByte(bytes, limits: limits).verdict == whole)
  if case .refused(let refusal) = whole { return refusal.status }
  return nil
}

/// A small generator with a seed (the xorshift* family).
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }
}
