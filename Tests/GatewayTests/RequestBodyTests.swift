import Glibc
import HTTPWire
import Kernel
import Testing

@testable import Gateway

@Suite struct BodyReaderTests {
  private func reader(length: Int?, limit: Int = 1_000) -> BodyReader {
    BodyReader(contentLength: length, limitBytes: limit, spool: BodySpool(limits: Limits()), now: 5)
  }

  private func read(_ reader: BodyReader, _ bytes: [UInt8], _ range: Range<Int>) throws -> Int {
    switch reader.read(bytes, range) {
    case .read(let end): return end
    case .refused(let refusal): throw refusal
    }
  }

  @Test func aBodyByLengthEndsAtItsLengthWhereverItIsCut() throws {
    let bytes = array("head0123456789NEXT")
    for split in 4...14 {
      let reader = reader(length: 10)
      #expect(reader.startedAt == 5 && !reader.isComplete)
      #expect(try read(reader, bytes, 4..<split) == split)
      #expect(reader.isComplete == (split == 14) && reader.received == split - 4)
      // What follows belongs to the next request.
      #expect(try read(reader, bytes, split..<18) == 14)
      #expect(reader.isComplete && reader.received == 10)
      #expect(try input(reader.spool).map { text($0) } == "0123456789")
    }
  }

  private let chunked = "5;a=b\r\nhello\r\n7\r\n, world\r\n00\r\nX: y\r\n\r\n"

  @Test func aChunkedBodyIsTheSameWhereverItIsCut() throws {
    let bytes = array("head" + chunked + "NEXT")
    let end = bytes.count - 4
    for split in 4...end {
      let reader = reader(length: nil)
      #expect(try read(reader, bytes, 4..<split) == split)
      #expect(reader.isComplete == (split == end))
      #expect(try read(reader, bytes, split..<bytes.count) == end)
      #expect(reader.isComplete && reader.received == end - 4)
      #expect(try input(reader.spool).map { text($0) } == "hello, world")
    }
  }

  @Test func aChunkedBodyMayComeByteByByte() throws {
    let bytes = array(chunked)
    let reader = reader(length: nil)
    for index in bytes.indices {
      #expect(!reader.isComplete)
      #expect(try read(reader, bytes, index..<index + 1) == index + 1)
    }
    #expect(reader.isComplete && reader.spool.count == 12)
    #expect(try input(reader.spool).map { text($0) } == "hello, world")
  }

  @Test func aBodyWithoutAByteGivesNoInput() throws {
    let reader = reader(length: nil)
    let bytes = array("0\r\n\r\n")
    #expect(try read(reader, bytes, 0..<5) == 5)
    #expect(reader.isComplete && reader.spool.count == 0)
    #expect(try input(reader.spool) == nil)
    #expect(self.reader(length: 0).isComplete)
  }

  @Test(arguments: [11, 12, 13])
  func aChunkedBodyOverItsLimitIsRefusedAndOneAtItsLimitIsNot(_ limit: Int) throws {
    let bytes = array(chunked)
    for split in 0...bytes.count {
      let reader = reader(length: nil, limit: limit)
      let result = Result {
        _ = try read(reader, bytes, 0..<split)
        _ = try read(reader, bytes, split..<bytes.count)
      }
      if limit >= 12 {
        #expect(throws: Never.self) { try result.get() }
        #expect(reader.isComplete)
      } else {
        #expect(throws: Refusal.bodyTooLarge(limit)) { try result.get() }
        #expect(reader.spool.count <= limit)
      }
    }
  }

  @Test(arguments: ["x\r\n", "5\nhello", "5\r\nhelloX", "-1\r\n", "5\r\nhello\r\n0\r\n bad\r\n\r\n"])
  func aChunkedBodyThatIsMalformedIsRefused(_ body: String) throws {
    let bytes = array(body)
    let error = #expect(throws: Refusal.self) { try read(reader(length: nil), bytes, 0..<bytes.count) }
    #expect(error?.status == 400)
  }
}

@Suite struct BodySpoolTests {
  private func limits(_ memory: Int = 10, directory: String = "/tmp", total: Int = 1 << 30) -> Limits {
    var limits = Limits()
    limits.spoolTotalBytes = total
    limits.bodyMemoryBytes = memory
    limits.spoolDirectory = directory
    return limits
  }

  /// Does what the connection and its helper thread do; gives whether the piece was written out.
  private func store(_ spool: BodySpool, _ shared: Shared) throws -> Bool {
    switch spool.store(shared: shared) {
    case .inMemory: return false
    case .noRoom: throw Fault(description: "no room")
    case .write(let work):
      let written = try #require(work() as? BodySpool.Written)
      if let error = written.error { throw error }
      spool.file = written.file
      return true
    }
  }

  /// How much room is taken, found out by asking for the rest.
  private func spooled(_ shared: Shared, limit: Int) -> Int? {
    (0...limit).first { taken in
      guard shared.takeSpool(limit - taken, limit: limit) else { return false }
      shared.giveBackSpool(limit - taken)
      return true
    }
  }

  @Test func aSmallBodyStaysInMemory() throws {
    let shared = try shared()
    let spool = BodySpool(limits: limits(total: 0))
    spool.append(array("0123456789")[...])
    #expect(!spool.isFull)
    #expect(try !store(spool, shared))
    #expect(spool.file == nil && spool.count == 10)
    #expect(try input(spool).map { text($0) } == "0123456789")
  }

  @Test func aLargeBodyGoesToAFileWhoseContentEqualsIt() throws {
    let shared = try shared()
    let spool = BodySpool(limits: limits(1_000))
    var random = Seeded(state: 99)
    var body: [UInt8] = []
    var pieces = 0
    while body.count < 300_000 {
      let piece = (0..<Int.random(in: 1...3_000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      spool.append(piece[...])
      body += piece
      if spool.isFull, try store(spool, shared) { pieces += 1 }
    }
    spool.append([1, 2, 3])
    body += [1, 2, 3]
    #expect(try store(spool, shared))
    #expect(try !store(spool, shared), "nothing is left")
    #expect(pieces > 100 && spool.count == body.count)
    #expect(try input(spool) == body)
    // From the beginning again, as for one who is told to.
    #expect(try input(spool) == body)
  }

  @Test func allBodiesTogetherKeepToTheSpoolsLimitAndGiveTheirRoomBack() throws {
    let shared = try shared()
    var first: BodySpool? = BodySpool(limits: limits(total: 50))
    let second = BodySpool(limits: limits(total: 50))
    first?.append([UInt8](repeating: 1, count: 30)[...])
    #expect(try store(try #require(first), shared))
    #expect(spooled(shared, limit: 50) == 30)
    second.append([UInt8](repeating: 2, count: 21)[...])
    guard case .noRoom = second.store(shared: shared) else {
      Issue.record("51 of 50 bytes")
      return
    }
    #expect(spooled(shared, limit: 50) == 30)
    first = nil
    #expect(spooled(shared, limit: 50) == 0)
    #expect(try store(second, shared))
    #expect(spooled(shared, limit: 50) == 21)
    #expect(try input(second) == [UInt8](repeating: 2, count: 21))
  }

  @Test func aDirectoryThatTakesNoFilesIsSaid() throws {
    let shared = try shared()
    let spool = BodySpool(limits: limits(directory: "/nowhere"))
    spool.append(array("more than ten bytes")[...])
    #expect(throws: Errno.noSuchFileOrDirectory) { try store(spool, shared) }
    #expect(spool.file == nil)
  }
}

@Suite struct SharedLimitTests {
  @Test func connectionsAreAdmittedUpToTheirLimit() throws {
    let shared = try shared()
    #expect((0..<5).map { _ in shared.admitConnection(limit: 3) } == [true, true, true, false, false])
    #expect(shared.openConnections == 3)
    shared.releaseConnection()
    #expect(shared.admitConnection(limit: 3) && !shared.admitConnection(limit: 3))
  }
}

@Suite struct ErrorLineTests {
  private func lines(_ text: String, limit: Int = 10, cuts: [Int]) -> [String] {
    var lines = ErrorLines(limitBytes: limit)
    let bytes = array(text)
    var out: [String] = []
    var from = 0
    for cut in cuts + [bytes.count] {
      out += lines.take(bytes[from..<cut])
      from = cut
    }
    return out + lines.end()
  }

  @Test func linesAreTheSameWhereverTheyAreCut() {
    let whole = "one\n\nthree\nwithout end"
    let expected = ["one", "", "three", "without en […cut at 10 bytes]"]
    for first in 0...whole.utf8.count {
      for second in first...whole.utf8.count { #expect(lines(whole, cuts: [first, second]) == expected) }
    }
  }

  @Test func aLineOverTheLimitIsCutAndSaidToBeAndTheNextIsWhole() {
    #expect(lines("0123456789\nx\n", cuts: []) == ["0123456789", "x"])
    #expect(lines("0123456789A\nx\n", cuts: []) == ["0123456789 […cut at 10 bytes]", "x"])
    #expect(lines(String(repeating: "y", count: 100_000), cuts: [5, 50_000]) == ["yyyyyyyyyy […cut at 10 bytes]"])
  }

  @Test func theLastLineIsGivenOnceWhereItHasNoEnd() {
    #expect(lines("a\nb", cuts: []) == ["a", "b"])
    #expect(lines("a\n", cuts: []) == ["a"])
    #expect(lines("", cuts: []).isEmpty && lines("\n", cuts: []) == [""])
    var lines = ErrorLines(limitBytes: 10)
    _ = lines.take(array("last")[...])
    #expect(lines.end() == ["last"] && lines.end().isEmpty)
  }

  @Test func bytesThatAreNoTextAreReplaced() {
    var lines = ErrorLines(limitBytes: 10)
    #expect(lines.take([0x61, 0xFF, 0x62, 0x0A][...]) == ["a\u{FFFD}b"])
  }
}
