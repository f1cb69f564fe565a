import Testing

@testable import HTTPWire

@Suite struct ConditionTests {
  private func range(_ value: String, _ length: Int) -> RangeVerdict {
    let bytes = array("?" + value + "9")
    return ByteRange.parse(bytes.span, 1..<bytes.count - 1, length: length)
  }

  @Test func singleRangesAreCutFromTheRepresentation() {
    let expectations: [(String, RangeVerdict)] = [
      ("bytes=0-0", .part(0..<1)), ("bytes=0-499", .part(0..<500)), ("bytes=500-", .part(500..<1000)),
      ("bytes=999-5000", .part(999..<1000)), ("bytes=-1", .part(999..<1000)), ("bytes=-5000", .part(0..<1000)),
      ("BYTES=1-2", .part(1..<3)), ("bytes=0-99999999999999999999", .part(0..<1000)),
      ("bytes=-99999999999999999999", .part(0..<1000)), ("bytes=0000-0001", .part(0..<2)),
      ("bytes=1000-", .unsatisfiable), ("bytes=1000-1001", .unsatisfiable), ("bytes=-0", .unsatisfiable),
      ("bytes=99999999999999999999-", .unsatisfiable),
    ]
    for (value, verdict) in expectations { #expect(range(value, 1000) == verdict, "\(value)") }
  }

  @Test(arguments: [
    "", "bytes", "bytes=", "bytes=-", "bytes=--1", "bytes=1", "bytes=2-1", "bytes=0-1,3-4", "bytes=0-1,",
    "bytes= 0-1", "bytes=0 -1", "bytes=a-b", "bytes=0-1-2", "bytes=+0-1", "items=0-1", "bytes 0-1", "bytes=0x0-1",
  ]) func whatIsNoSingleRangeMeansTheWhole(_ value: String) {
    #expect(range(value, 1000) == .whole)
  }

  @Test func aRepresentationOfNoBytesHasNoPart() {
    #expect(range("bytes=0-", 0) == .unsatisfiable)
    #expect(range("bytes=-5", 0) == .whole)
  }

  @Test func entityTagsAreCompared() {
    func matches(_ list: String, _ etag: String, weak: Bool) -> Bool {
      let bytes = array("?" + list + "?")
      return EntityTag.matches(bytes.span, 1..<bytes.count - 1, etag: array(etag), weak: weak)
    }
    #expect(matches("\"a\"", "\"a\"", weak: false))
    #expect(matches("\"a\"", "\"a\"", weak: true))
    #expect(!matches("\"a\"", "\"b\"", weak: true))
    #expect(!matches("\"a\"", "\"ab\"", weak: true))
    #expect(matches("*", "\"a\"", weak: false))
    #expect(matches("\"x\" , \"y\",,\"a\"", "\"a\"", weak: false))
    #expect(matches("W/\"a\"", "\"a\"", weak: true))
    #expect(matches("\"a\"", "W/\"a\"", weak: true))
    #expect(!matches("W/\"a\"", "\"a\"", weak: false))
    #expect(!matches("W/\"a\"", "W/\"a\"", weak: false))
    #expect(matches("\"x,\\\", \"a\"", "\"a\"", weak: false))
    #expect(!matches("\"x\" \"a\"", "\"a\"", weak: true))
    #expect(!matches("a, \"a\"", "\"a\"", weak: true))
    #expect(!matches("\"a", "\"a\"", weak: true))
    #expect(!matches("w/\"a\"", "\"a\"", weak: true))
    #expect(!matches("\"x y\", \"a\"", "\"a\"", weak: true))
    #expect(!matches("", "\"a\"", weak: true))
  }
}
