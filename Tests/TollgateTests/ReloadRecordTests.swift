// What a server says of its last reload, as another process reads it.

import Kernel
import Testing

@testable import tollgate

// One after another: a process is searched for its record, and has one.
@Suite("The record of reloads", .serialized) struct ReloadRecordTests {
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

  @Test func moreThanItTakesIsCutBeforeItsLastLine() throws {
    let record = try ReloadRecord()
    guard let reading = try ReloadRecord.open(of: ThisProcess.pid) else { throw Errno.noSuchProcess }
    record.begin()
    let faults = (0..<100_000).map { "tollgate.toml:\($0):1: route.x: unknown key" }
    record.end(code: 78, faults + ["it cannot be used"])
    guard let entry = reading.entry() else { throw Errno.noSuchProcess }
    #expect(entry.number == 1 && entry.code == 78 && entry.words.utf8.count <= ReloadRecord.wordsLimit)
    let lines = entry.words.split(separator: "\n").map(String.init)
    #expect(lines.count > 3 && lines.dropLast(2).elementsEqual(faults.prefix(lines.count - 2)))
    let left = faults.count - (lines.count - 2)
    #expect(lines.suffix(2) == ["and \(left) lines more, which the log has", "it cannot be used"])
  }

  @Test func isNotThereWhereThereIsNoServer() throws {
    // The first process of the machine is no server, and the largest number nobody's.
    #expect(!ReloadRecord.isKept(by: 1))
    #expect(throws: Errno.noSuchFileOrDirectory) { () throws in _ = try ReloadRecord.open(of: .max) == nil }
  }
}
