// What the tests of this module share: a directory of scripts, a spawner on it, and a run from request to reaping.

import Glibc
import Testing

@testable import Processes

struct Fault: Error, CustomStringConvertible {
  let description: String
}

/// The `tollgate-spawn` that tools/build.sh made.
func spawnerBinary(file: String = #filePath) throws -> String {
  let root = file.split(separator: "/").dropLast(3).joined(separator: "/")
  let built = "/\(root)/.build/release/tollgate-spawn"
  guard access(built, X_OK) == 0 else { throw Fault(description: "build it first, by tools/build.sh: \(built)") }
  return built
}

/// A temporary directory, gone with its owner.
final class Site {
  let path: String
  private var made: [String] = []

  init() {
    var template = Array("/tmp/tollgate-processes-XXXXXX".utf8CString)
    path = String(cString: mkdtemp(&template))
  }

  deinit {
    for name in made.reversed() { remove(path + "/" + name) }
    rmdir(path)
  }

  func makeDirectory(_ name: String) {
    precondition(mkdir(path + "/" + name, 0o755) == 0, "cannot make \(name)")
    made.append(name)
  }

  func write(_ name: String, _ text: String, mode: mode_t = 0o755) {
    let file = open(path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    precondition(file >= 0, "cannot write \(name)")
    let written = text.utf8.withContiguousStorageIfAvailable { Glibc.write(file, $0.baseAddress, $0.count) }
    precondition(written == text.utf8.count, "cannot write \(name)")
    close(file)
    made.append(name)
  }
}

/// A pipe whose ends are closed once each.
final class Channel {
  private(set) var readEnd: Int32
  private(set) var writeEnd: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    precondition(pipe(&ends) == 0, "pipe failed")
    for end in ends { precondition(fcntl(end, F_SETFD, FD_CLOEXEC) == 0, "fcntl failed") }
    readEnd = ends[0]
    writeEnd = ends[1]
  }

  func closeRead() {
    if readEnd >= 0 { close(readEnd) }
    readEnd = -1
  }

  func closeWrite() {
    if writeEnd >= 0 { close(writeEnd) }
    writeEnd = -1
  }

  deinit {
    closeRead()
    closeWrite()
  }

  /// Everything until the end; gives up after ten seconds without a byte.
  func readToEnd() throws -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      var entry = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, 10_000) == 1 else { throw Fault(description: "no output for ten seconds") }
      let count = read(readEnd, &buffer, buffer.count)
      guard count >= 0 else { throw Fault(description: "read failed: \(errno)") }
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += buffer[..<count]
    }
  }
}

/// Tries until it holds, for up to ten seconds.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
  for _ in 0..<5000 {
    if try condition() { return true }
    usleep(2000)
  }
  return false
}

/// Reaps a child, waiting for its end.
func reap(_ pid: Int32) throws -> ProcessReport {
  var report: ProcessReport?
  _ = try eventually {
    report = try Reaper.poll(pid: pid)
    return report != nil
  }
  return try #require(report, "the child has not ended")
}

/// Closes a spawner and reaps it. Gives how it ended.
func end(_ spawner: Spawner) throws -> ProcessReport {
  spawner.close()
  return try reap(spawner.pid)
}

/// What a run from request to reaping came to.
struct Run {
  var output: String
  var state: SpawnState
  var times: SpawnTimes?
  var report: ProcessReport?

  var lines: [String] { output.split(separator: "\n").map(String.init) }
}

extension Spawner {
  /// A request with `environment` as strings.
  func request(
    row: Int = 0, _ script: String = "", arguments: [String] = [], environment: [String] = [], input: Int32 = -1,
    output: Int32, errors: Int32 = -1
  ) throws -> SpawnTicket {
    try spawn(
      row: row, scriptPath: Array(script.utf8), arguments: arguments.map { Array($0.utf8) },
      environment: environment.flatMap { Array($0.utf8) + [0] }, environmentCount: environment.count,
      standardInput: input, standardOutput: output, standardError: errors)
  }

  /// Runs one program: its output until it ends, what became of the request by then, and its bill. Another test that
  /// forks while this one writes a script holds the script open for a moment; then it is run again.
  func run(
    row: Int = 0, _ script: String = "", arguments: [String] = [], environment: [String] = [], input: Int32 = -1
  ) throws -> Run {
    for _ in 0..<200 {
      let run = try runOnce(row: row, script, arguments: arguments, environment: environment, input: input)
      guard case .failed(.exec, ETXTBSY, _) = run.state else { return run }
      usleep(5_000)
    }
    throw Fault(description: "\(script) stays open for writing")
  }

  private func runOnce(
    row: Int = 0, _ script: String = "", arguments: [String] = [], environment: [String] = [], input: Int32 = -1
  ) throws -> Run {
    let channel = Channel()
    let ticket = try request(
      row: row, script, arguments: arguments, environment: environment, input: input, output: channel.writeEnd,
      errors: channel.writeEnd)
    channel.closeWrite()
    let output = try channel.readToEnd()
    let state = state(ticket)
    var report: ProcessReport?
    switch state {
    case .waiting: throw Fault(description: "the output has ended and nothing is known")
    case .running(let pid): report = try reap(pid)
    case .failed(_, _, let pid): report = try pid.map(reap)
    }
    let times = times(ticket)
    release(ticket)
    return Run(output: output, state: state, times: times, report: report)
  }
}

/// The pid of a request that must be running, waiting for it.
func runningPid(_ spawner: Spawner, _ ticket: SpawnTicket) throws -> Int32 {
  _ = eventually { spawner.state(ticket) != .waiting }
  guard case .running(let pid) = spawner.state(ticket) else {
    throw Fault(description: "not running: \(spawner.state(ticket))")
  }
  return pid
}
