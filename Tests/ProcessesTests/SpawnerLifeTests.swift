// A spawner's life: how it starts, carries many at once, and ends with all that it made.

import Glibc
import Testing

@testable import Processes

@Suite(.serialized)
struct SpawnerLifeTests {
  @Test func aMissingBinaryIsToldByErrno() {
    #expect(throws: SpawnError.notStarted(errno: ENOENT)) {
      try Spawner(binary: "/no/such/tollgate-spawn", targets: [], slots: 1)
    }
  }

  @Test func itIsSoughtBesideTheBinaryAndInLibexec() {
    let site = Site()
    site.makeDirectory("bin")
    let places = ["\(site.path)/bin/tollgate-spawn", "\(site.path)/bin/../libexec/tollgate/tollgate-spawn"]
    var located = Spawner.locate(besideExecutable: "\(site.path)/bin/tollgate")
    #expect(located.found == nil)
    #expect(located.sought == places)
    site.makeDirectory("libexec")
    site.makeDirectory("libexec/tollgate")
    site.write("libexec/tollgate/tollgate-spawn", "")
    located = Spawner.locate(besideExecutable: "\(site.path)/bin/tollgate")
    #expect(located.found == places[1])
    site.write("bin/tollgate-spawn", "")
    located = Spawner.locate(besideExecutable: "\(site.path)/bin/tollgate")
    #expect(located.found == places[0])
  }

  @Test func twoHundredRunAtOnce() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/cat")], slots: 200)
    let gate = Channel()
    var runs: [(SpawnTicket, Channel)] = []
    for _ in 0..<200 {
      let output = Channel()
      var ticket: SpawnTicket?
      // The socket may be full for a moment: then there is room again as soon as the spawner has read.
      let taken = try eventually {
        do {
          ticket = try spawner.request(input: gate.readEnd, output: output.writeEnd)
          return true
        } catch SpawnError.full {
          return false
        }
      }
      #expect(taken)
      output.closeWrite()
      runs.append((try #require(ticket), output))
    }
    #expect(throws: SpawnError.full) { try spawner.request(output: gate.writeEnd) }
    let pids = try runs.map { try runningPid(spawner, $0.0) }
    #expect(Set(pids).count == 200)
    for pid in pids { #expect(try Reaper.poll(pid: pid) == nil) }
    gate.closeWrite()
    for ((ticket, output), pid) in zip(runs, pids) {
      #expect(try output.readToEnd() == "")
      #expect(try reap(pid).end == .exited(status: 0))
      spawner.release(ticket)
    }
    #expect(spawner.ticketCount == 0)
    #expect(try end(spawner).end == .exited(status: 0))
  }

  @Test func aSlotIsFreeAgainOnceItIsReleased() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/cat")], slots: 1)
    let gate = Channel()
    let output = Channel()
    let ticket = try spawner.request(input: gate.readEnd, output: output.writeEnd)
    #expect(throws: SpawnError.full) { try spawner.request(output: output.writeEnd) }
    let pid = try runningPid(spawner, ticket)
    gate.closeWrite()
    _ = try reap(pid)
    #expect(throws: SpawnError.full) { try spawner.request(output: output.writeEnd) }
    spawner.release(ticket)
    #expect(try spawner.run(arguments: ["/proc/self/comm"]).output == "cat\n")
    _ = try end(spawner)
  }

  @Test func theSignalsOfATerminalDoNotEndIt() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/echo")], slots: 1)
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] { kill(spawner.pid, signal) }
    #expect(try spawner.run(arguments: ["alive"]).output == "alive\n")
    #expect(getpgid(spawner.pid) == spawner.pid)
    #expect(!spawner.isDead)
    _ = try end(spawner)
  }

  @Test func itsDeathIsSeenAndItsChildrenAreStillOurs() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/cat")], slots: 2)
    let gate = Channel()
    let output = Channel()
    let running = try spawner.request(input: gate.readEnd, output: output.writeEnd)
    let child = try runningPid(spawner, running)
    // Stopped, so that the second request is never read.
    kill(spawner.pid, SIGSTOP)
    let unread = try spawner.request(output: output.writeEnd)
    output.closeWrite()
    #expect(spawner.state(unread) == .waiting)
    #expect(!spawner.isDead)
    kill(spawner.pid, SIGKILL)
    var entry = pollfd(fd: spawner.descriptor, events: Int16(POLLIN), revents: 0)
    #expect(poll(&entry, 1, 10_000) == 1)
    #expect(entry.revents & Int16(POLLHUP) != 0)
    #expect(throws: SpawnError.dead) { try spawner.request(output: 2) }
    #expect(spawner.state(unread) == .failed(stage: .message, errno: EPIPE, pid: nil))
    #expect(try Reaper.poll(pid: child) == nil)
    gate.closeWrite()
    #expect(try reap(child).end == .exited(status: 0))
    spawner.release(running)
    spawner.release(unread)
    #expect(try output.readToEnd() == "")
    #expect(try end(spawner).end == .signalled(signal: SIGKILL))
  }

  @Test func whenTheGatewaysEndIsClosedAllThatRunsIsKilled() throws {
    let site = Site()
    // A script that ignores TERM, and a grandchild of the same group.
    site.write("stay.sh", "#!/bin/sh\ntrap '' TERM HUP\nsleep 1000 &\necho $!\nwait\n")
    let output = Channel()
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.directory(site.path)], slots: 3)
    // A released slot is nobody's: its number must not be signalled.
    _ = try spawner.run("missing.sh")
    let environment = ["PATH=/bin:/usr/bin"]
    let ticket = try spawner.request("stay.sh", environment: environment, output: output.writeEnd)
    output.closeWrite()
    let child = try runningPid(spawner, ticket)
    var buffer = [UInt8](repeating: 0, count: 32)
    let count = read(output.readEnd, &buffer, buffer.count)
    let printed = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    let grandchild = try #require(Int32(printed.split(separator: "\n").first ?? ""))
    #expect(getpgid(grandchild) == child)
    #expect(try end(spawner).end == .exited(status: 0))
    #expect(try reap(child).end == .signalled(signal: SIGKILL))
    // The grandchild held the pipe: its end is the grandchild's.
    #expect(try output.readToEnd() == "")
  }

  /// A request for row 0 in slot 0 as it goes over the socket, its fields those of `spawn_request`.
  private func message(
    kind: UInt32 = 0x5245_5131, slot: UInt32 = 0, row: UInt32 = 0, sent: UInt32 = 0, path: UInt32 = 0,
    arguments: (UInt32, UInt32) = (0, 0), environment: (UInt32, UInt32) = (1, 4), tail: String = "A=1\0"
  ) -> [UInt8] {
    let fields = [kind, slot, row, sent, path, arguments.0, arguments.1, environment.0, environment.1]
    return fields.flatMap { field in withUnsafeBytes(of: field) { Array($0) } } + Array(tail.utf8)
  }

  @Test func aMessageThatCannotBeMeantEndsItWithASoftwareFault() throws {
    let malformed: [[UInt8]] = [
      Array("nonsense".utf8), message(kind: 1), message(slot: 1), message(row: 1), message(sent: 8), message(sent: 16),
      message(tail: ""), message(tail: "A=1\0B"), message(environment: (2, 4)), message(environment: (0, 4)),
      message(tail: "A=1B"), message(arguments: (1, 0)), message(arguments: (1025, 0)), message(path: 5),
      // Lengths whose 32-bit sum is right.
      message(path: 0xffff_fffc, environment: (1, 8)),
      message(arguments: (0, 0x8000_0000), environment: (1, 0x8000_0004)),
      Array(message().dropLast(30)),
    ]
    for bytes in malformed {
      let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/true")], slots: 1)
      #expect(send(spawner.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
      #expect(try reap(spawner.pid).end == .exited(status: 70), "\(bytes)")
      #expect(spawner.isDead)
      #expect(throws: SpawnError.dead) { try spawner.request(output: 2) }
    }
  }

  @Test func aRequestWhoseDescriptorsDidNotArriveIsRefused() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/true")], slots: 1)
    // The ticket of slot 0, and behind its back the same request with a descriptor announced and none sent.
    let first = try spawner.run()
    #expect(first.report?.end == .exited(status: 0))
    let bytes = message(sent: 2)
    #expect(send(spawner.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    let ticket = SpawnTicket(slot: 0, generation: 1)
    #expect(eventually { spawner.state(ticket) == .failed(stage: .message, errno: EMFILE, pid: nil) })
    _ = try end(spawner)
  }
}
