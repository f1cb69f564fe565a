import Testing

@testable import FastCGIWire

/// What holds for all records and all bytes, tried with seeded generators.
@Suite struct RandomRecordTests {
  /// A connection: its bytes, its requests, and what a reader must tell of it.
  private struct Conversation {
    var bytes: [UInt8] = []
    var requests: [UInt16] = []
    var events: [Event] = []

    init(_ random: inout Seeded) {
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        requests.append(UInt16.random(in: 1...UInt16.max, using: &random))
        addRequest(&random)
      }
    }

    private mutating func addRequest(_ random: inout Seeded) {
      let id = Int(requests.last!)
      var ended: Set<UInt8> = []
      for _ in 0..<Int.random(in: 0...8, using: &random) {
        let padding = Bool.random(using: &random) ? 0 : Int.random(in: 0...255, using: &random)
        switch Int.random(in: 0...9, using: &random) {
        case 0: addValues(padding, &random)
        case 1:
          let body = random.bytes(8)
          events.append(.unknownType(body[0], end: bytes.count + 16))
          bytes += record(11, id: 0, body, padding: padding)
        case 2:
          let type: UInt8 = Bool.random(using: &random) ? 6 : 7
          if ended.insert(type).inserted {
            let end = bytes.count + 8
            events.append(type == 6 ? .endOfStdout(end: end) : .endOfStderr(end: end))
          }
          bytes += record(type, id: id, padding: padding)
        default:
          let type: UInt8 = Bool.random(using: &random) ? 6 : 7
          if !ended.contains(type) { addContent(type, id, padding, &random) }
        }
      }
      let status = ProtocolStatus.allCases.randomElement(using: &random)!
      let app = UInt32.random(in: 0...UInt32.max, using: &random)
      let body = (0..<4).map { UInt8(truncatingIfNeeded: app >> UInt32(24 - 8 * $0)) } + [status.rawValue, 1, 2, 3]
      events.append(.endRequest(app, status, end: bytes.count + 16))
      bytes += record(3, id: id, body, padding: Int.random(in: 0...20, using: &random))
    }

    private mutating func addContent(_ type: UInt8, _ id: Int, _ padding: Int, _ random: inout Seeded) {
      let most = Int.random(in: 0...50, using: &random) == 0 ? 65_535 : 300
      let content = random.bytes(Int.random(in: 1...most, using: &random))
      bytes += record(type, id: id, content, padding: padding)
      switch (type, events.last) {
      case (6, .stdout(let before)): events[events.count - 1] = .stdout(before + content)
      case (7, .stderr(let before)): events[events.count - 1] = .stderr(before + content)
      default: events.append(type == 6 ? .stdout(content) : .stderr(content))
      }
    }

    private mutating func addValues(_ padding: Int, _ random: inout Seeded) {
      let most = Int.random(in: 0...1000, using: &random)
      let name = random.bytes(Int.random(in: 0...9, using: &random))
      let content = encodedPair(name, random.bytes(200)) + shortPair("FCGI_MAX_REQS", "\(most)")
      events.append(.values(ApplicationValues(maximumRequests: most), end: bytes.count + 8 + content.count))
      bytes += record(10, id: 0, content, padding: padding)
    }
  }

  private func cuts(_ count: Int, in bytes: [UInt8], _ random: inout Seeded) -> [Int] {
    (0..<count).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()
  }

  @Test func anyConversationIsReadHoweverItIsCut() {
    var random = Seeded(state: 2024)
    for round in 0..<300 {
      let conversation = Conversation(&random)
      let bytes = conversation.bytes
      for count in [0, 1, 5, 60] {
        let cuts = cuts(count, in: bytes, &random)
        let events = read(bytes, cuts: cuts, requests: conversation.requests)
        #expect(events == conversation.events, "round \(round), cut at \(cuts)")
      }
    }
  }

  @Test func aMutatedConversationTellsOneThingHoweverItIsCut() {
    var random = Seeded(state: 77)
    var refused = 0
    for round in 0..<600 {
      let conversation = Conversation(&random)
      var bytes = Array(conversation.bytes.prefix(3000))
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      let whole = read(bytes, requests: conversation.requests)
      if case .refused? = whole.last { refused += 1 }
      let cuts = cuts(20, in: bytes, &random)
      #expect(read(bytes, cuts: cuts, requests: conversation.requests) == whole, "round \(round), cut at \(cuts)")
    }
    #expect(refused > 100)
  }

  @Test func anyBytesAreReadToTheirEndOrRefused() {
    var random = Seeded(state: 5)
    for _ in 0..<3000 {
      let bytes = random.bytes(Int.random(in: 0...100, using: &random))
      let events = read(bytes, cuts: cuts(3, in: bytes, &random))
      #expect(events == read(bytes, cuts: Array(0...bytes.count)))
      // Eight bytes are a header, and only one of 256 first bytes is a version.
      if bytes.count >= 8, bytes[0] != 1 { #expect(events == [.refused(.version(bytes[0]))]) }
    }
  }

  @Test func headersOfAnyKindAreReadToTheirEndOrRefused() {
    var random = Seeded(state: 6)
    for _ in 0..<3000 {
      var bytes: [UInt8] = []
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let type = [3, 6, 6, 7, 7, 10, 11, UInt8.random(in: 0...13, using: &random)].randomElement(using: &random)!
        let id = type >= 9 ? 0 : 1
        let count = [0, 8, Int.random(in: 0...40, using: &random)].randomElement(using: &random)!
        bytes += record(type, id: id, random.bytes(count), padding: Int.random(in: 0...9, using: &random))
      }
      let whole = read(bytes, requests: [1, 1, 1])
      #expect(read(bytes, cuts: Array(0...bytes.count), requests: [1, 1, 1]) == whole)
      #expect(read(bytes, cuts: cuts(4, in: bytes, &random), requests: [1, 1, 1]) == whole)
    }
  }
}
