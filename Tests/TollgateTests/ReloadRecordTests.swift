// What a server says of its last reload, as another process reads it.

import Kernel
import Testing

@testable import tollgate

@Suite("The record of reloads") struct ReloadRecordTests {
  @Test func isFoundByTheProcessAndSaysWhatIsAndWas() throws {
    let record = try ReloadRecord()
    guard let reading = try ReloadRecord.open(of: ThisProcess.pid) else { throw Errno.noSuchProcess }
    #expect(reading.entry() == ReloadRecord.Entry(number: 0, code: 0, words: ""))
    record.begin()
    #expect(reading.entry() == ReloadRecord.Entry(number: 1, code: nil, words: ""))
    record.end(code: 78, ["a fault", "and «another»"])
    #expect(reading.entry() == ReloadRecord.Entry(number: 1, code: 78, words: "a fault\nand «another»\n"))
    record.begin()
    record.end(code: 0, [String(repeating: "x", count: 100_000)])
    #expect(reading.entry()?.words.utf8.count == 100_001)
    #expect(ReloadRecord.isKept(by: ThisProcess.pid))
  }

  @Test func isNotThereWhereThereIsNoServer() throws {
    // The first process of the machine is no server, and the largest number nobody's.
    #expect(!ReloadRecord.isKept(by: 1))
    #expect(throws: Errno.noSuchFileOrDirectory) { () throws in _ = try ReloadRecord.open(of: .max) == nil }
  }
}
