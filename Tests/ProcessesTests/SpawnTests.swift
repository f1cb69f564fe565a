// What a program finds when it was started through tollgate-spawn, and what is refused.

import Glibc
import Testing

@testable import Processes

@Suite(.serialized)
struct SpawnTests {
  @Test func aScriptRunsInItsDirectoryWithItsEnvironmentAndNoOther() throws {
    let site = Site()
    site.makeDirectory("sub")
    site.write("sub/show.sh", "#!/bin/sh\necho \"$0\"\npwd -P\necho \"$GREETING|$#|${HOME-unset}\"\n")
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.directory(site.path)], slots: 4)
    let run = try spawner.run("sub/show.sh", environment: ["GREETING=hello = world", "PATH=/bin:/usr/bin"])
    #expect(run.lines == ["\(site.path)/sub/show.sh", "\(site.path)/sub", "hello = world|0|unset"])
    #expect(run.report?.end == .exited(status: 0))
    #expect(try end(spawner).end == .exited(status: 0))
  }

  @Test func aProgramRunsInTheDirectoryOfItsRowAndElseWhereItStands() throws {
    let site = Site()
    site.makeDirectory("bin")
    site.makeDirectory("work")
    site.write("bin/where.sh", "#!/bin/sh\npwd -P\necho \"$0\"\ntest -e here.txt && echo found\n")
    site.write("work/here.txt", "")
    let program = site.path + "/bin/where.sh"
    let targets: [SpawnTarget] = [
      .program(program, directory: site.path + "/work"), .program(program), .program(program, directory: "/"),
      .program(program, directory: site.path + "/none"), .program(program, directory: program),
    ]
    let spawner = try Spawner(binary: spawnerBinary(), targets: targets, slots: 1)
    #expect(try spawner.run(row: 0).lines == ["\(site.path)/work", program, "found"])
    #expect(try spawner.run(row: 1).lines == ["\(site.path)/bin", program])
    #expect(try spawner.run(row: 2).lines == ["/", program])
    for (row, error) in [(3, ENOENT), (4, ENOTDIR)] {
      let run = try spawner.run(row: row)
      guard case .failed(.chdir, error, _?) = run.state else {
        Issue.record("row \(row): \(run.state)")
        continue
      }
      #expect(run.output == "")
    }
    _ = try end(spawner)
  }

  @Test func theTimesOfASpawnAreInOrder() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/true")], slots: 1)
    let run = try spawner.run()
    guard case .running(let pid) = run.state, let times = run.times else {
      Issue.record("not running: \(run.state)")
      return
    }
    #expect(pid > 1)
    #expect(times.requested > 0 && times.requested <= times.cloneStarted && times.cloneStarted < times.execStarted)
    _ = try end(spawner)
  }

  @Test func argumentsArriveAsTheyWereGiven() throws {
    let targets: [SpawnTarget] = [.directory("/nowhere"), .program("/usr/bin/printf")]
    let spawner = try Spawner(binary: spawnerBinary(), targets: targets, slots: 1)
    let run = try spawner.run(row: 1, arguments: ["[%s]", "a b", "", "$HOME", "ü\n"])
    #expect(run.output == "[a b][][$HOME][ü\n]")
    _ = try end(spawner)
  }

  @Test func standardInputIsTheGivenDescriptorAndElseEmpty() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/cat")], slots: 1)
    #expect(try spawner.run().output == "")
    let body = Channel()
    #expect(write(body.writeEnd, "a body", 6) == 6)
    body.closeWrite()
    #expect(try spawner.run(input: body.readEnd).output == "a body")
    _ = try end(spawner)
  }

  @Test func theChildHoldsThreeDescriptorsAndNoOther() throws {
    // One that is not close-on-exec, as a careless library leaves them.
    let leaked = dup(2)
    defer { close(leaked) }
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/readlink")], slots: 1)
    let run = try spawner.run(arguments: (0..<256).map { "/proc/self/fd/\($0)" })
    #expect(run.lines.count == 3)
    #expect(run.lines.first == "/dev/null")
    #expect(run.lines.dropFirst().allSatisfy { $0.hasPrefix("pipe:[") })
    _ = try end(spawner)
  }

  @Test func signalsAreAtTheirDefaultAndUnblocked() throws {
    let before = signal(SIGUSR2, SIG_IGN)
    let brokenPipe = signal(SIGPIPE, SIG_IGN)
    defer {
      signal(SIGUSR2, before)
      signal(SIGPIPE, brokenPipe)
    }
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/cat")], slots: 1)
    let run = try spawner.run(arguments: ["/proc/self/status"])
    let masks = run.lines.filter { line in
      ["SigBlk:", "SigIgn:", "SigCgt:", "SigPnd:"].contains { line.hasPrefix($0) }
    }
    #expect(masks.count == 4)
    #expect(masks.allSatisfy { $0.hasSuffix("\t0000000000000000") }, "\(masks)")
    _ = try end(spawner)
  }

  @Test func theChildIsTheCallersOwnAndLeadsAGroup() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/cat")], slots: 1)
    let run = try spawner.run(arguments: ["/proc/self/stat"])
    guard case .running(let pid) = run.state else {
      Issue.record("not running: \(run.state)")
      return
    }
    let fields = run.output.split(separator: " ")
    #expect(fields[0] == "\(pid)")
    #expect(fields[3] == "\(getpid())")
    #expect(fields[4] == "\(pid)")
    #expect(spawner.pid != pid)
    _ = try end(spawner)
  }

  @Test func whyAProgramDoesNotRunIsTold() throws {
    let site = Site()
    site.write("plain.sh", "#!/bin/sh\n", mode: 0o644)
    site.write("bad.sh", "#!/no/such/interpreter\n")
    site.write("bare", "echo no interpreter line\n")
    site.makeDirectory("directory")
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.directory(site.path)], slots: 1)
    let expected: [(String, SpawnStage, Int32)] = [
      ("missing.sh", .exec, ENOENT), ("plain.sh", .exec, EACCES), ("bad.sh", .exec, ENOENT),
      ("bare", .exec, ENOEXEC), ("directory", .exec, EACCES), ("nowhere/script.sh", .chdir, ENOENT),
      ("bare/script.sh", .chdir, ENOTDIR),
    ]
    for (script, stage, error) in expected {
      let run = try spawner.run(script)
      guard case .failed(stage, error, let pid?) = run.state else {
        Issue.record("\(script): \(run.state)")
        continue
      }
      #expect(pid > 1)
      #expect(run.report?.end == .exited(status: 127), "\(script)")
      #expect(run.output == "", "\(script)")
    }
    _ = try end(spawner)
  }

  @Test func noPathLeavesTheTable() throws {
    let site = Site()
    site.makeDirectory("cgi-bin")
    site.write("secret.sh", "#!/bin/sh\necho ran\n")
    site.write("cgi-bin/ok.sh", "#!/bin/sh\necho ran\n")
    let targets: [SpawnTarget] = [.directory(site.path + "/cgi-bin/"), .program("/bin/true")]
    let spawner = try Spawner(binary: spawnerBinary(), targets: targets, slots: 1)
    let refused = [
      "../secret.sh", "..", ".", "", "/bin/true", "a/../../secret.sh", "./ok.sh", "a//ok.sh", "ok.sh/", "ok.sh\0",
      "ok.sh/..", "/",
    ]
    for path in refused {
      let run = try spawner.run(path)
      #expect(run.state == .failed(stage: .message, errno: EINVAL, pid: nil), "\(path)")
      #expect(run.output == "", "\(path)")
    }
    #expect(try spawner.run(row: 1, "ok.sh").state == .failed(stage: .message, errno: EINVAL, pid: nil))
    let long = String(repeating: "a/", count: 2100) + "b"
    #expect(try spawner.run(long).state == .failed(stage: .message, errno: ENAMETOOLONG, pid: nil))
    // Dots within a name are a name.
    site.write("cgi-bin/..ok", "#!/bin/sh\necho ran\n")
    #expect(try spawner.run("..ok").output == "ran\n")
    #expect(try spawner.run("ok.sh").output == "ran\n")
    _ = try end(spawner)
  }

  @Test func limitsAreTheChilds() throws {
    let limits = SpawnLimits(cpuSeconds: 99, fileSizeBytes: 1 << 20, openFiles: 17)
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/bin/sh")], limits: limits, slots: 1)
    let run = try spawner.run(arguments: ["-c", "ulimit -n; ulimit -t; ulimit -f; ulimit -v; ulimit -Hn"])
    #expect(run.lines == ["17", "99", "2048", "unlimited", "17"])
    _ = try end(spawner)
  }

  @Test func aBigEnvironmentArrives() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/usr/bin/env")], slots: 1)
    for size in [60 * 1024, 120 * 1024] {
      let environment = ["SMALL=1", "BIG=" + String(repeating: "x", count: size)]
      #expect(try spawner.run(environment: environment).lines == environment)
    }
    // The kernel takes up to 128 KiB for one string (MAX_ARG_STRLEN): the whole is more.
    let many = (0..<4).map { "V\($0)=" + String(repeating: "y", count: 60 * 1024) }
    #expect(try spawner.run(environment: many).lines == many)
    let single = ["BIG=" + String(repeating: "x", count: 140 * 1024)]
    guard case .failed(.exec, E2BIG, _?) = try spawner.run(environment: single).state else {
      Issue.record("a string over MAX_ARG_STRLEN was not told as E2BIG")
      return
    }
    _ = try end(spawner)
  }

  @Test func whatIsTooLargeIsRefusedByName() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/usr/bin/env")], slots: 1)
    let big = "BIG=" + String(repeating: "x", count: 256 * 1024)
    #expect(throws: SpawnError.tooLarge(limit: "spawn_message_bytes", maximum: 262144, actual: 36 + 262149)) {
      try spawner.run(environment: [big])
    }
    let many = (0...1024).map { "V\($0)=" }
    #expect(throws: SpawnError.tooLarge(limit: "spawn_environment_count", maximum: 1024, actual: 1025)) {
      try spawner.run(environment: many)
    }
    #expect(throws: SpawnError.tooLarge(limit: "spawn_arguments", maximum: 1024, actual: 1025)) {
      try spawner.run(arguments: many)
    }
    #expect(spawner.ticketCount == 0)
    #expect(try spawner.run(environment: ["STILL=here"]).output == "STILL=here\n")
    _ = try end(spawner)
  }

  @Test func aNulWithinAStringIsRefused() throws {
    let spawner = try Spawner(binary: spawnerBinary(), targets: [.program("/usr/bin/env")], slots: 1)
    #expect(throws: SpawnError.malformed) { try spawner.run(environment: ["A=1\0B=2"]) }
    #expect(throws: SpawnError.malformed) { try spawner.run(arguments: ["a\0b"]) }
    #expect(spawner.ticketCount == 0)
    _ = try end(spawner)
  }
}
