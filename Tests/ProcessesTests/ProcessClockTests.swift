// The clock of another process, held against what the kernel bills at its end.

import Glibc
import Testing

@testable import Processes

@Suite(.serialized)
struct ProcessClockTests {
  /// Reads a clock while its process lives, when it has ended, and when it was reaped.
  private func follow(_ script: String) throws -> (
    atRest: Int64, atEnd: Int64, afterReaping: Int64?, report: ProcessReport
  ) {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/sh")], slots: 1)
    let (gate, output) = (Channel(), Channel())
    let ticket = try spawner.request(
      arguments: ["-c", script + "\necho done\nread line"], input: gate.readEnd, output: output.writeEnd)
    output.closeWrite()
    let pid = try runningPid(spawner, ticket)
    let clock = try #require(ProcessClock(pid: pid))
    var byte: UInt8 = 0
    var entry = pollfd(fd: output.readEnd, events: Int16(POLLIN), revents: 0)
    try #require(poll(&entry, 1, 10_000) == 1 && read(output.readEnd, &byte, 1) == 1)
    // It waits for its input from here, so that its clock stands.
    _ = eventually { state(of: pid) == "S" }
    let atRest = try #require(clock.nanoseconds())
    #expect(clock.nanoseconds() == atRest)
    gate.closeWrite()
    #expect(try eventually { try Reaper.hasEnded(pid: pid) })
    let atEnd = try #require(clock.nanoseconds(), "a process that has ended still has its clock")
    let report = try reap(pid)
    let afterReaping = clock.nanoseconds()
    spawner.release(ticket)
    _ = try end(spawner)
    return (atRest, atEnd, afterReaping, report)
  }

  /// The state letter of /proc/PID/stat.
  private func state(of pid: Int32) -> Character? {
    guard let file = fopen("/proc/\(pid)/stat", "re") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 512)
    guard fgets(&line, 512, file) != nil else { return nil }
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return text.split(separator: ")").last?.split(separator: " ").first?.first
  }

  @Test func itAgreesWithTheKernelsBillAndIsGoneWithTheProcess() throws {
    // Its own work, and no child's.
    let busy = try follow("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done")
    let idle = try follow(":")
    for (name, run) in [("busy", busy), ("idle", idle)] {
      #expect(run.atRest > 0 && run.atRest <= run.atEnd, "\(name): \(run)")
      // The exit itself is billed, too: the clock ends a little before.
      let billed = Double(run.report.usage.cpuNanoseconds)
      #expect(abs(billed - Double(run.atEnd)) < billed * 0.05 + 2e6, "\(name): \(run)")
      #expect(run.afterReaping == nil, "\(name)")
    }
    #expect(busy.atRest > 10 * idle.atRest, "\(busy), \(idle)")
  }

  @Test func whatChildrenTakeIsNotPartOfIt() throws {
    let run = try follow("/bin/sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'")
    // The bill has the child, which was waited for; the clock has not.
    #expect(run.report.usage.cpuNanoseconds > 5 * run.atEnd, "\(run)")
  }

  @Test func thereIsNoneOfAProcessThatIsNone() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/true")], slots: 1)
    guard case .running(let pid) = try spawner.run().state else { throw Fault(description: "not running") }
    #expect(ProcessClock(pid: pid) == nil)
    _ = try end(spawner)
  }
}
