// Programs under test and programs that test: each in a session of its own, so that whatever it leaves behind can be
// found and ended, and with its output read all the while, so that it never waits for the test.

import Glibc
import Kernel
import Synchronization

/// How a program ended.
enum Ending: Equatable, Sendable, CustomStringConvertible {
  case exited(Int32)
  case killed(signal: Int32)

  fileprivate init(waitStatus: Int32) {
    self = waitStatus & 0x7F == 0 ? .exited(waitStatus >> 8 & 0xFF) : .killed(signal: waitStatus & 0x7F)
  }

  var description: String {
    switch self {
    case .exited(let code): "exit \(code)"
    case .killed(let signal): "ended by signal \(signal)"
    }
  }
}

/// What came out of a pipe so far; read by a thread of its own until the pipe's end.
final class Collected: Sendable {
  private struct State {
    var bytes: [UInt8] = []
    var hasEnded = false
  }

  private let state = Mutex(State())

  /// Reads on from a pipe whose read end blocks.
  fileprivate func collect(from pipe: consuming Pipe) {
    let source = DescriptorBox(pipe.takeReadEnd())
    Threads.start(name: "collect") {
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while case .bytes(let count) = readBytes(source.descriptor.raw, into: &buffer, at: 0), count > 0 {
        self.state.withLock { $0.bytes.append(contentsOf: buffer[..<count]) }
      }
      self.state.withLock { $0.hasEnded = true }
    }
  }

  var bytes: [UInt8] { state.withLock { $0.bytes } }
  var text: String { String(decoding: bytes, as: UTF8.self) }
  /// Whether nobody holds the other end any more, and all of it has been read.
  var hasEnded: Bool { state.withLock { $0.hasEnded } }

  /// The complete lines, without their line feeds.
  var lines: [String] {
    let bytes = self.bytes
    guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
    return bytes[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
  }
}

/// Carries a descriptor into a closure.
private final class DescriptorBox: Sendable {
  let descriptor: Descriptor
  init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
}

/// A program that was started, leader of a session and process group of its own.
final class ChildProcess: Sendable {
  let program: String
  let pid: pid_t
  let output = Collected()
  let errors = Collected()
  private let ending = Mutex<Ending?>(nil)

  /// Starts a program with default signal dispositions and an empty signal mask.
  /// - Parameters:
  ///   - program: a path, or a name to be found in PATH.
  ///   - environment: set over this process's own.
  ///   - directory: where it starts; nil for this process's own.
  ///   - input: its standard input; /dev/null where it is empty.
  /// - Throws: `HarnessError` where it cannot be started.
  init(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], directory: String? = nil,
    input: [UInt8] = []
  ) throws {
    self.program = program
    let out = try Pipe(readEndBlocks: true)
    let err = try Pipe(readEndBlocks: true)
    let inputPipe = input.isEmpty ? nil : InputPipe(try Pipe(readEndBlocks: true))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let inputPipe {
      posix_spawn_file_actions_adddup2(&actions, inputPipe.pipe.readEnd.raw, 0)
    } else {
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_adddup2(&actions, out.writeEnd.raw, 1)
    posix_spawn_file_actions_adddup2(&actions, err.writeEnd.raw, 2)
    // Swift does not see posix_spawn_file_actions_addchdir_np(3).
    let start = directory.map { ["env", "-C", $0] } ?? []
    pid = try Self.spawn(start + [program] + arguments, environment, &actions)
    output.collect(from: out)
    errors.collect(from: err)
    if let inputPipe { inputPipe.feed(input) }
  }

  private static func spawn(
    _ words: [String], _ environment: [String: String], _ actions: inout posix_spawn_file_actions_t
  ) throws -> pid_t {
    closeOthersOnExec()
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    for signal in [SIGKILL, SIGSTOP] { sigdelset(&signals, signal) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    // POSIX_SPAWN_SETSIGDEF, POSIX_SPAWN_SETSIGMASK, POSIX_SPAWN_SETSID of <spawn.h>.
    posix_spawnattr_setflags(&attributes, 0x04 | 0x08 | 0x80)
    var variables = ownEnvironment()
    for (name, value) in environment { variables[name] = value }
    var argv = words.map { strdup($0) } + [nil]
    var envp = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in argv + envp { free(pointer) } }
    var pid: pid_t = 0
    let result = posix_spawnp(&pid, words[0], &actions, &attributes, &argv, &envp)
    guard result == 0 else { throw HarnessError("\(words[0]) does not start: \(describe(errno: result))") }
    return pid
  }

  /// What the test runner left open is not for the programs: a server would start with descriptors that are not its.
  private static func closeOthersOnExec() {
    for number in names(in: "/proc/self/fd").compactMap({ Int32($0) }) where number > 2 {
      _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    }
  }

  private static func ownEnvironment() -> [String: String] {
    var variables: [String: String] = [:]
    for entry in (contents(of: "/proc/self/environ") ?? []).split(separator: 0) {
      let parts = String(decoding: entry, as: UTF8.self).split(separator: "=", maxSplits: 1).map(String.init)
      if let name = parts.first { variables[name] = parts.count > 1 ? parts[1] : "" }
    }
    return variables
  }

  /// How it ended, once it has; it is reaped by the first call that sees it.
  var hasEnded: Ending? {
    ending.withLock { ending in
      if ending != nil { return ending }
      var status: Int32 = 0
      if waitpid(pid, &status, WNOHANG) == pid { ending = Ending(waitStatus: status) }
      return ending
    }
  }

  /// Waits for its end; nil where that does not come in time.
  func wait(seconds: Double) -> Ending? {
    _ = eventually(within: seconds) { hasEnded != nil }
    return hasEnded
  }

  /// Sends a signal to the process alone.
  func signal(_ number: Int32) {
    if hasEnded == nil { kill(pid, number) }
  }

  /// Ends whatever is in its session, and reaps it.
  func killAll() {
    for member in Processes.inSession(pid) { kill(member.pid, SIGKILL) }
    _ = wait(seconds: 5)
  }
}

/// A pipe into a program's standard input.
private final class InputPipe {
  let pipe: Pipe
  init(_ pipe: consuming Pipe) { self.pipe = pipe }

  /// Writes everything and closes, as fast as the program reads; one that stops reading gets no more.
  func feed(_ bytes: [UInt8]) {
    ThisProcess.setDispositions()
    let target = DescriptorBox(Descriptor(owning: fcntl(pipe.writeEnd.raw, F_DUPFD_CLOEXEC, 0)))
    Threads.start(name: "feed") { try? writeFully(target.descriptor.raw, bytes) }
  }
}

/// What a program that ran to its end came to.
struct Outcome: Sendable {
  var ending: Ending
  var output: [UInt8]
  var errors: String

  /// Its exit code; negative where a signal ended it.
  var status: Int32 {
    switch ending {
    case .exited(let code): code
    case .killed(let signal): -signal
    }
  }

  var text: String { String(decoding: output, as: UTF8.self) }
}

/// Runs a program to its end. One that takes longer than `seconds` is killed with all its session.
/// - Throws: `HarnessError` where it does not start, or not end in time.
func run(
  _ program: String, _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:],
  directory: String? = nil, seconds: Double = 15
) throws -> Outcome {
  let child = try ChildProcess(program, arguments, environment: environment, directory: directory, input: input)
  guard let ending = child.wait(seconds: seconds) else {
    child.killAll()
    throw HarnessError("\(program) \(arguments.joined(separator: " ")): not done within \(seconds) s")
  }
  guard eventually(within: 2, { child.output.hasEnded && child.errors.hasEnded }) else {
    child.killAll()
    throw HarnessError("\(program) left processes that hold its output")
  }
  return Outcome(ending: ending, output: child.output.bytes, errors: child.errors.text)
}
