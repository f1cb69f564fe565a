// How a child's end and its bill are read.

import Glibc
import Testing

@testable import Processes

@Suite(.serialized)
struct ReaperTests {
  @Test func anExitStatusAndASignalAreToldApart() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/sh")], slots: 1)
    #expect(try spawner.run(arguments: ["-c", "exit 42"]).report?.end == .exited(status: 42))
    #expect(try spawner.run(arguments: ["-c", "kill -SEGV $$"]).report?.end == .signalled(signal: SIGSEGV))
    _ = try end(spawner)
  }

  @Test func theBillIsTheChilds() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/sh")], slots: 1)
    let idle = try #require(try spawner.run(arguments: ["-c", ":"]).report)
    let loop = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; times"
    let busyRun = try spawner.run(arguments: ["-c", loop])
    let busy = try #require(busyRun.report)
    #expect(idle.usage.cpuNanoseconds > 0 && idle.usage.minorFaults > 0)
    #expect(busy.usage.cpuNanoseconds > 10 * idle.usage.cpuNanoseconds)
    // What the shell says of itself: `0m0.210000s 0m0.010000s`, user and system, to the end of its loop.
    let said = try #require(busyRun.lines.first).split(separator: " ").compactMap { field in
      Double(field.dropFirst(2).dropLast())
    }
    #expect(said.count == 2)
    let seconds = said.reduce(0, +)
    let billed = Double(busy.usage.cpuNanoseconds) / 1e9
    #expect(billed > seconds * 0.95 && billed < seconds * 1.05 + 0.03, "said \(seconds), billed \(billed)")
    _ = try end(spawner)
  }

  @Test func thePeakOfASmallProgramIsSmallWhileThisProcessIsLarge() throws {
    let size = 200 << 20
    let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 4096)
    memset(memory, 1, size)
    defer { memory.deallocate() }
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/true")], slots: 1)
    let report = try #require(try spawner.run().report)
    #expect(report.usage.peakResidentBytes > 256 << 10)
    // No less than the spawner's own, which is why the spawner is small.
    #expect(report.usage.peakResidentBytes < 4 << 20, "\(report.usage.peakResidentBytes)")
    #expect(memory.load(fromByteOffset: size - 1, as: UInt8.self) == 1)
    _ = try end(spawner)
  }

  @Test func anEndCanBeSeenBeforeItIsReapedAndItsGroupStillSignalled() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/sh")], slots: 1)
    let output = Channel()
    // The leader ends at once; a process of its group lives on and holds the pipe.
    let ticket = try spawner.request(
      arguments: ["-c", "sleep 1000 & exit 3"], environment: ["PATH=/bin:/usr/bin"], output: output.writeEnd)
    output.closeWrite()
    let pid = try runningPid(spawner, ticket)
    #expect(try eventually { try Reaper.hasEnded(pid: pid) })
    #expect(try Reaper.hasEnded(pid: pid))
    #expect(Reaper.signalGroup(pid, SIGKILL))
    #expect(try output.readToEnd() == "")
    #expect(try reap(pid).end == .exited(status: 3))
    spawner.release(ticket)
    #expect(throws: ProcessError(errno: ECHILD)) { try Reaper.poll(pid: pid) }
    #expect(throws: ProcessError(errno: ECHILD)) { try Reaper.hasEnded(pid: pid) }
    _ = try end(spawner)
  }

  @Test func aPidfdIsReadableWhenItsProcessHasEnded() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/cat")], slots: 1)
    let gate = Channel()
    let ticket = try spawner.request(input: gate.readEnd, output: -1)
    let pid = try runningPid(spawner, ticket)
    let descriptor = try Reaper.openPidfd(pid)
    defer { close(descriptor) }
    #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    #expect(poll(&entry, 1, 0) == 0)
    #expect(try !Reaper.hasEnded(pid: pid))
    #expect(Reaper.signalGroup(pid, SIGTERM))
    #expect(poll(&entry, 1, 10_000) == 1)
    #expect(try reap(pid).end == .signalled(signal: SIGTERM))
    #expect(throws: ProcessError(errno: ESRCH)) { try Reaper.openPidfd(pid) }
    spawner.release(ticket)
    _ = try end(spawner)
  }
}
