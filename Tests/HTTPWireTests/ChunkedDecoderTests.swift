import Testing

@testable import HTTPWire

@Suite struct ChunkedDecoderTests {
  private enum Outcome: Equatable {
    case open
    case finished(Int)
    case refused(Refusal)
  }

  /// Decodes pieces that end at `cuts`, each in a buffer of its own, as a connection would.
  private func decode(
    _ bytes: [UInt8], cuts: [Int], limits: ChunkLimits = .init()
  ) -> (body: [UInt8], outcome: Outcome) {
    var decoder = ChunkedDecoder(limits: limits)
    var body: [UInt8] = []
    var base = 0
    for cut in cuts + [bytes.count] {
      let piece = Array(bytes[base..<cut])
      var index = 0
      reading: while true {
        switch decoder.next(piece.span, from: index) {
        case .needMore(let consumed):
          #expect(consumed == piece.count)
          break reading
        case .data(let range):
          #expect(range.lowerBound >= index && !range.isEmpty)
          body += piece[range]
          index = range.upperBound
        case .finished(let end):
          return (body, .finished(base + end))
        case .refused(let refusal):
          return (body, .refused(refusal))
        }
      }
      base = cut
    }
    return (body, .open)
  }

  private func status(_ text: String, limits: ChunkLimits = .init()) -> Int? {
    let bytes = array(text)
    let whole = decode(bytes, cuts: [], limits: limits)
    let slow = decode(bytes, cuts: Array(0..<bytes.count), limits: limits)
    #expect(slow.body == whole.body && slow.outcome == whole.outcome, "\(text.debugDescription)")
    if case .refused(let refusal) = whole.outcome { return refusal.status }
    return nil
  }

  static let bodies: [(String, String)] = [
    ("0\r\n\r\n", ""), ("5\r\nhello\r\n0\r\n\r\n", "hello"), ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
    ("a;x=y\r\n0123456789\r\n0;last\r\nT: v\r\nU:\r\n\r\n", "0123456789"), ("00003\r\n\r\n\n\r\n000\r\n\r\n", "\r\n\n"),
    ("1 \t;q=\"a;b\"\r\nz\r\n0\r\n\r\n", "z"), ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
  ]

  @Test(arguments: bodies) func aBodyIsTheSameHoweverItIsCut(_ coded: String, _ body: String) {
    let bytes = array(coded)
    let next = bytes + array("GET /")
    for first in 0...bytes.count {
      let result = decode(next, cuts: [first])
      #expect(result.body == array(body))
      #expect(result.outcome == .finished(bytes.count))
      let cut = decode(Array(bytes[..<first]), cuts: [])
      #expect(cut.outcome == (first == bytes.count ? .finished(first) : .open))
    }
    #expect(decode(next, cuts: Array(0...bytes.count)).outcome == .finished(bytes.count))
  }

  @Test(arguments: [
    "\r\n", ";x\r\n", "g\r\n", "-1\r\n", "+1\r\n", " 5\r\n", "0x5\r\n", "5\nhello", "5 \r\nhello", "5\rhello",
    "5\r\nhello!", "5\r\nhello\n", "5\r\nhello\rX", "5;a\nb", "5;a\0", "5;a\rb", "8000000000000000\r\n",
    "10000000000000000\r\n", "00000000000000005\r\n", "ffffffffffffffff\r\n", "0\r\n\n", "0\r\nT : v\r\n",
    "0\r\n T: v\r\n", "0\r\nT\r\n", "0\r\n: v\r\n", "0\r\nT: \0\r\n", "0\r\nT: v\n", "0\r\n\rX", "0\r\nT: v\r\n\tw",
    "5 x\r\n",
  ]) func aBadBodyIsRefused(_ coded: String) {
    #expect(status(coded) == 400)
  }

  @Test func theLargestSizeIsRead() {
    #expect(status("7fffffffffffffff\r\nx") == nil)
  }

  @Test func extensionsAndTrailersAreLimited() {
    var limits = ChunkLimits()
    limits.extensionBytes = 4
    limits.extensionTotalBytes = 8
    #expect(status("1;abc\r\nx\r\n", limits: limits) == nil)
    #expect(status("1;abcd\r\nx\r\n", limits: limits) == 400)
    #expect(status("1;abc\r\nx\r\n1;abc\r\nx\r\n1\r\nx\r\n", limits: limits) == nil)
    #expect(status("1;abc\r\nx\r\n1;abc\r\nx\r\n1;", limits: limits) == 400)
    limits.trailerBytes = 10
    #expect(status("0\r\nA: bcde\r\n\r\n", limits: limits) == 431)
    #expect(status("0\r\nA: bcd\r\n\r\n", limits: limits) == nil)
    limits.trailerBytes = 1000
    limits.trailerCount = 2
    #expect(status("0\r\nA:\r\nB:\r\n\r\n", limits: limits) == nil)
    #expect(status("0\r\nA:\r\nB:\r\nC:\r\n\r\n", limits: limits) == 431)
  }

  @Test func anyBodySurvivesCodingAndDecoding() {
    var random = Seeded(state: 4711)
    for _ in 0..<200 {
      let count = Int.random(in: 0...300, using: &random)
      let body = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      var coded: [UInt8] = []
      var index = 0
      while index < count {
        let size = Int.random(in: 1...min(40, count - index), using: &random)
        ResponseWriter.appendChunkHeader(size, to: &coded)
        coded += body[index..<index + size] + array("\r\n")
        index += size
      }
      ResponseWriter.appendChunkHeader(0, to: &coded)
      coded += array("\r\n")
      let cuts = (0..<5).map { _ in Int.random(in: 0...coded.count, using: &random) }.sorted()
      let result = decode(coded, cuts: cuts)
      #expect(result.body == body)
      #expect(result.outcome == .finished(coded.count))
    }
  }

  @Test func mutatedBodiesGiveOneOutcomeHoweverTheyAreCut() {
    var random = Seeded(state: 99)
    for _ in 0..<2000 {
      var bytes = array(Self.bodies.randomElement(using: &random)!.0)
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      let whole = decode(bytes, cuts: [])
      let slow = decode(bytes, cuts: Array(0..<bytes.count))
      #expect(whole.body == slow.body && whole.outcome == slow.outcome, "\(bytes)")
    }
  }
}
