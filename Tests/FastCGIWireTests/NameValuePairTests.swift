import Testing

@testable import FastCGIWire

@Suite struct NameValuePairTests {
  static let lengths = [0, 1, 127, 128, 255, 256, 65_535, 70_000]

  @Test(arguments: lengths, lengths) func lengthsOfOneAndFourBytesAreRead(_ nameBytes: Int, _ valueBytes: Int) {
    let name = [UInt8](repeating: 1, count: nameBytes)
    let value = [UInt8](repeating: 2, count: valueBytes)
    let encoded = encodedPair(name, value)
    let bytes = array("before") + encoded + array("behind")
    let pair = NameValuePair(bytes.span, from: 6)
    let nameStart = 6 + encoded.count - nameBytes - valueBytes
    #expect(pair?.name == nameStart..<nameStart + nameBytes)
    #expect(pair?.value == nameStart + nameBytes..<6 + encoded.count)
    let short = Array(encoded.dropLast())
    #expect(NameValuePair(short.span, from: 0) == nil)
  }

  @Test func theExampleOfTheSpecificationIsRead() {
    let content = array("\u{0B}\u{02}SERVER_PORT80\u{0B}\u{0E}SERVER_ADDR199.170.183.42")
    #expect(
      pairs(content) == [
        [array("SERVER_PORT"), array("80")], [array("SERVER_ADDR"), array("199.170.183.42")],
      ])
  }

  @Test func aPairThatIsNotWholeIsNotRead() {
    let encoded = encodedPair([UInt8](repeating: 1, count: 130), [UInt8](repeating: 2, count: 5))
    for count in 0..<encoded.count {
      let part = Array(encoded[..<count])
      #expect(NameValuePair(part.span, from: 0) == nil)
    }
    #expect(NameValuePair(encoded.span, from: 0) != nil)
  }

  @Test func aShortLengthMayBeWrittenInFourBytes() {
    let bytes: [UInt8] = [0x80, 0, 0, 1, 0x80, 0, 0, 0, 0x41]
    let pair = NameValuePair(bytes.span, from: 0)
    #expect(pair?.name == 8..<9 && pair?.value == 9..<9)
  }

  @Test(
    arguments: [
      [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0xFF, 1], [1, 0xFF, 0xFF, 0xFF, 0xFF],
      [0x80, 0, 0, 4, 0xFF, 0xFF, 0xFF, 0xFC], [0xC0, 0, 0, 0, 0xC0, 0, 0, 0], [3, 0x80, 0, 0],
    ] as [[UInt8]]) func lengthsThatGoBeyondAllBytesAreNoPair(_ lengths: [UInt8])
  {
    let bytes = lengths + [UInt8](repeating: 0x41, count: 100)
    let whole = NameValuePair(bytes.span, from: 0)
    #expect(whole == nil || lengths == [3, 0x80, 0, 0])
    #expect(NameValuePair(lengths.span, from: 0) == nil)
  }

  @Test func anyBytesGivePairsThatLieWithinThem() {
    var random = Seeded(state: 3)
    for _ in 0..<5000 {
      let bytes = random.bytes(Int.random(in: 0...40, using: &random)).map {
        $0 & (random.next() & 1 == 0 ? 0x87 : 0x0F)
      }
      var index = 0
      while let pair = NameValuePair(bytes.span, from: index) {
        #expect(pair.name.lowerBound >= index + 2 && pair.name.upperBound == pair.value.lowerBound)
        #expect(pair.value.upperBound <= bytes.count)
        index = pair.value.upperBound
      }
      #expect(index <= bytes.count)
    }
  }
}

@Suite struct ApplicationValuesTests {
  private func answer(_ content: [UInt8]) -> ApplicationValues? {
    let bytes = record(10, id: 0, content)
    guard case .values(let values, let end)? = readEveryWay(bytes).last else { return nil }
    #expect(end == bytes.count)
    return values
  }

  private func refusal(_ content: [UInt8]) -> RecordRefusal? {
    guard case .refused(let refusal)? = readEveryWay(record(10, id: 0, content)).last else { return nil }
    return refusal
  }

  @Test func whatAnApplicationSaysIsRead() {
    let all = shortPair("FCGI_MAX_CONNS", "1") + shortPair("FCGI_MAX_REQS", "50") + shortPair("FCGI_MPXS_CONNS", "1")
    let expected = ApplicationValues(maximumConnections: 1, maximumRequests: 50, multiplexesConnections: true)
    #expect(answer(all) == expected)
    #expect(answer(shortPair("FCGI_MPXS_CONNS", "0")) == ApplicationValues(multiplexesConnections: false))
    #expect(answer([]) == ApplicationValues())
    let largest = shortPair("FCGI_MAX_REQS", "9223372036854775807")
    #expect(answer(largest) == ApplicationValues(maximumRequests: .max))
    #expect(answer(shortPair("FCGI_MAX_CONNS", "000")) == ApplicationValues(maximumConnections: 0))
  }

  @Test func namesThatAreNotKnownArePassedOver() {
    let content =
      shortPair("FCGI_MAX_REQ", "x") + shortPair("fcgi_max_reqs", "x") + shortPair("", "")
      + shortPair("FCGI_MAX_REQS", "4")
      + shortPair("FCGI_MAX_REQSS", "x")
    #expect(answer(content) == ApplicationValues(maximumRequests: 4))
  }

  @Test func theLastOfTwoValuesHolds() {
    let content = shortPair("FCGI_MAX_REQS", "4") + shortPair("FCGI_MAX_REQS", "5")
    #expect(answer(content) == ApplicationValues(maximumRequests: 5))
  }

  @Test(arguments: ["", " 1", "1 ", "-1", "+1", "1.0", "0x1", "9223372036854775808", "99999999999999999999", "1\0"])
  func aValueThatIsNotANumberIsRefused(_ value: String) {
    #expect(refusal(shortPair("FCGI_MAX_CONNS", value)) == .malformedValue(.maximumConnections))
    #expect(refusal(shortPair("FCGI_MAX_REQS", value)) == .malformedValue(.maximumRequests))
    #expect(refusal(shortPair("FCGI_MPXS_CONNS", value)) == .malformedValue(.multiplexesConnections))
  }

  @Test func theLimitItselfIsAccepted() {
    let filler = encodedPair(array("X"), [UInt8](repeating: 0x41, count: 4096 - 6 - 17))
    let content = filler + shortPair("FCGI_MAX_REQS", "10")
    #expect(content.count == 4096)
    let bytes = record(10, id: 0, content)
    #expect(read(bytes) == [.values(ApplicationValues(maximumRequests: 10), end: 4104)])
    #expect(read(bytes, cuts: Array(0...bytes.count)) == read(bytes))
  }

  @Test func aSecondAnswerIsReadByItself() {
    let one = record(10, id: 0, shortPair("FCGI_MAX_CONNS", "1"))
    let other = record(10, id: 0, shortPair("FCGI_MAX_REQS", "2"))
    #expect(
      readEveryWay(one + other) == [
        .values(ApplicationValues(maximumConnections: 1), end: one.count),
        .values(ApplicationValues(maximumRequests: 2), end: one.count + other.count),
      ])
  }
}
