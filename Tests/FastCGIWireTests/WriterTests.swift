import Testing

@testable import FastCGIWire

@Suite struct RecordWriterTests {
  @Test func beginRequestIsWritten() {
    var output: [UInt8] = [9]
    RecordWriter.appendBeginRequest(id: 1, keepConnection: true, to: &output)
    #expect(output == [9, 1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0])
    output = []
    RecordWriter.appendBeginRequest(id: 0x1234, role: .filter, keepConnection: false, to: &output)
    #expect(output == [1, 1, 0x12, 0x34, 0, 8, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0])
  }

  @Test func getValuesAsksForAllAndIsFollowedByPadding() {
    var output: [UInt8] = []
    RecordWriter.appendGetValues(to: &output)
    let names = array("\u{0E}\0FCGI_MAX_CONNS\u{0D}\0FCGI_MAX_REQS\u{0F}\0FCGI_MPXS_CONNS")
    #expect(output == [1, 9, 0, 0, 0, 48, 8, 0] + names + [0, 0, 0, 0, 0, 0, 0, 0])
    output = []
    RecordWriter.appendGetValues([.maximumRequests], paddingBytes: 0, to: &output)
    #expect(output == [1, 9, 0, 0, 0, 15, 0, 0] + array("\u{0D}\0FCGI_MAX_REQS"))
  }

  @Test func aHeaderAloneIsWritten() {
    var output: [UInt8] = []
    RecordWriter.appendHeader(.stdin, id: 7, contentBytes: 65_535, paddingBytes: 255, to: &output)
    #expect(output == [1, 5, 0, 7, 255, 255, 255, 0])
  }

  /// Appendix B, example 2: data on FCGI_STDIN.
  @Test func aStreamIsWrittenAndEnded() {
    var output: [UInt8] = []
    RecordWriter.appendStream(.stdin, id: 1, array("quantity=100&item=3047936").span, to: &output)
    RecordWriter.appendEndOfStream(.stdin, id: 1, to: &output)
    #expect(output == [1, 5, 0, 1, 0, 25, 0, 0] + array("quantity=100&item=3047936") + [1, 5, 0, 1, 0, 0, 0, 0])
  }

  @Test func anEmptyPieceDoesNotEndAStream() {
    var output: [UInt8] = []
    RecordWriter.appendStream(.data, id: 1, [UInt8]().span, to: &output)
    #expect(output.isEmpty)
  }

  @Test(arguments: [1, 8, 65_527, 65_528, 65_529, 65_535, 65_536, 131_056, 131_063, 131_064, 200_000])
  func longStreamsAreSplit(_ count: Int) {
    var random = Seeded(state: UInt64(count))
    let content = random.bytes(count)
    var output: [UInt8] = []
    RecordWriter.appendStream(.data, id: 300, content.span, to: &output)
    let records = sent(output)
    #expect(records.allSatisfy { $0.type == 8 && $0.id == 300 && !$0.content.isEmpty })
    #expect(records.dropLast().allSatisfy { $0.content.count == 65_528 })
    #expect(Array(records.map(\.content).joined()) == content)
    #expect(records.count == (count <= 65_535 ? 1 : (count - 65_535 + 65_527) / 65_528 + 1))
  }

  @Test func theTypesAreThoseOfTheTableInTheAppendix() {
    #expect(RecordType.allCases.map(\.rawValue) == Array(1...11))
    #expect(RecordType.allCases.filter(\.isManagement) == [.getValues, .getValuesResult, .unknownType])
    #expect(
      RecordType.allCases.filter { !$0.isSentByServer }
        == [.endRequest, .stdout, .stderr, .getValuesResult, .unknownType])
    #expect(RecordType.allCases.filter(\.isStream) == [.params, .stdin, .stdout, .stderr, .data])
    #expect(Role.allCases.map(\.rawValue) == [1, 2, 3])
    #expect(
      ProtocolStatus.allCases.map(\.description)
        == ["FCGI_REQUEST_COMPLETE", "FCGI_CANT_MPX_CONN", "FCGI_OVERLOADED", "FCGI_UNKNOWN_ROLE"])
  }
}

@Suite struct ParameterWriterTests {
  private func written(_ pairs: [[[UInt8]]]) -> [Sent] {
    var writer = ParameterWriter()
    writer.begin(id: 1)
    for pair in pairs {
      let (name, value) = (pair[0], pair[1])
      writer.add(name.span, value.span)
    }
    writer.finish()
    return sent(writer.bytes)
  }

  /// Checks the form of the stream, and gives its content.
  private func content(_ records: [Sent]) -> [UInt8] {
    #expect(records.allSatisfy { $0.type == 4 && $0.id == 1 && $0.content.count <= 65_535 })
    #expect(records.last?.content == [])
    #expect(records.dropLast().allSatisfy { !$0.content.isEmpty })
    return Array(records.map(\.content).joined())
  }

  /// Appendix B, examples 1 and 2: a request, as one run of bytes.
  @Test func aRequestIsOneRunOfBytes() {
    var writer = ParameterWriter()
    RecordWriter.appendBeginRequest(id: 1, keepConnection: false, to: &writer.bytes)
    writer.begin(id: 1)
    writer.add(array("SERVER_PORT").span, array("80").span)
    writer.add(array("SERVER_ADDR").span, array("199.170.183.42").span)
    writer.finish()
    RecordWriter.appendStream(.stdin, id: 1, array("quantity=100&item=3047936").span, to: &writer.bytes)
    RecordWriter.appendEndOfStream(.stdin, id: 1, to: &writer.bytes)
    let parameters = array("\u{0B}\u{02}SERVER_PORT80\u{0B}\u{0E}SERVER_ADDR199.170.183.42")
    #expect(
      writer.bytes == [1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        + [1, 4, 0, 1, 0, 42, 0, 0] + parameters + [1, 4, 0, 1, 0, 0, 0, 0]
        + [1, 5, 0, 1, 0, 25, 0, 0] + array("quantity=100&item=3047936") + [1, 5, 0, 1, 0, 0, 0, 0])
  }

  @Test func aStreamWithoutPairsIsItsEmptyRecord() {
    #expect(written([]) == [Sent(type: 4, id: 1, content: [])])
  }

  static let lengths = [0, 1, 127, 128, 65_535, 70_000]

  @Test(arguments: lengths, lengths) func pairsOfAnyLengthSurviveWritingAndReading(_ nameBytes: Int, _ valueBytes: Int)
  {
    var random = Seeded(state: UInt64(nameBytes * 100_000 + valueBytes + 1))
    let pair = [random.bytes(nameBytes), random.bytes(valueBytes)]
    let both = [pair, [array("SERVER_PORT"), array("80")], pair]
    let joined = content(written(both))
    #expect(joined == both.flatMap { encodedPair($0[0], $0[1]) })
    #expect(pairs(joined) == both)
  }

  @Test func aPairThatFitsARecordIsNeverCut() {
    let pair = [[UInt8](repeating: 0x4E, count: 130), [UInt8](repeating: 0x56, count: 140)]
    for free in [0, 1, 7, 8, 277, 278, 279] {
      let filler = [array("F"), [UInt8](repeating: 0x46, count: 65_535 - free - 6)]
      let records = written([filler, pair, [array("A"), array("b")]])
      #expect(records.map { pairs($0.content).count } == (free < 278 ? [1, 2, 0] : free < 282 ? [2, 1, 0] : [3, 0]))
      #expect(pairs(content(records)) == [filler, pair, [array("A"), array("b")]])
    }
    let largest = [array("L"), [UInt8](repeating: 0x4C, count: 65_529)]
    #expect(written([pair, largest, pair]).map(\.content.count) == [278, 65_535, 278, 0])
  }

  @Test func aPairThatIsLongerThanARecordIsCut() {
    let small = [array("A"), array("b")]
    let long = [array("L"), [UInt8](repeating: 0x4C, count: 65_530)]
    #expect(written([small, long, small]).map(\.content.count) == [4, 65_535, 5, 0])
    let longer = [[UInt8](repeating: 0x4E, count: 65_540), [UInt8](repeating: 0x56, count: 65_535)]
    let records = written([longer, small])
    #expect(records.map(\.content.count) == [65_535, 65_535, 17, 0])
    #expect(pairs(content(records)) == [longer, small])
  }

  @Test func randomPairsSurviveWritingAndReading() {
    var random = Seeded(state: 12)
    for _ in 0..<60 {
      let all = (0..<Int.random(in: 0...60, using: &random)).map { _ in
        (0..<2).map { _ in
          let most = [4, 40, 200, 5000].randomElement(using: &random)!
          return random.bytes(Int.random(in: 0...most, using: &random))
        }
      }
      #expect(pairs(content(written(all))) == all)
    }
  }

  @Test func severalRequestsMayStandInOneBuffer() {
    var writer = ParameterWriter()
    for id in [1, 2] as [UInt16] {
      writer.begin(id: id)
      writer.add(array("N").span, array("\(id)").span)
      writer.finish()
    }
    #expect(sent(writer.bytes).map(\.id) == [1, 1, 2, 2])
    #expect(sent(writer.bytes).map(\.content.count) == [4, 0, 4, 0])
  }
}
