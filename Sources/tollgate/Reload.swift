// The command `tollgate reload`: has a running server read its configuration again, and says what came of it.

import ArgumentParser
import Configuration
import Kernel
import Presentation

struct Reload: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Have the running server read its configuration again.",
    discussion: """
      The same as HUP, but that it waits and says what came of it. With --config, FILE is checked first: if it is \
      wrong, every fault is said as tollgate check says it, and the server is left alone. The server is the one that \
      holds the pid_file of FILE, or the one of --pid. It reads the configuration that it was started with; if that \
      is wrong, or an address in it cannot be had, the old one stays in force. No connection is dropped.

      Examples:
        tollgate reload --config /etc/tollgate.toml
        tollgate reload --pid 4711

      Exit codes: 0 the configuration is in force, 64 the arguments cannot be used, 66 FILE cannot be read, 69 no \
      such server runs, 75 it has said nothing for a minute or an address is in use, 77 it is another user's, 78 the \
      configuration is wrong; others as those of serve.
      """)

  @Option(
    help: ArgumentHelp("The configuration, which is checked first, and whose pid_file is used.", valueName: "file"))
  var config: String?

  @Option(help: ArgumentHelp("The process id of the server.", valueName: "n"))
  var pid: Int32?

  func validate() throws {
    if config == nil, pid == nil { throw ValidationError("--config FILE or --pid N is missing") }
    if let pid, pid <= 0 { throw ValidationError("--pid is a process id") }
  }

  private static let patienceNanoseconds: Int64 = 60_000_000_000

  func run() throws {
    let holder = try config.flatMap { try check($0) }
    guard let pid = pid ?? holder else { preconditionFailure("neither flag was given") }
    let record = try record(of: pid)
    let before = try entry(of: record, pid) { _ in true }
    do throws(Errno) {
      try OtherProcess.send(.hangUp, to: pid)
    } catch {
      throw failure(Sysexits.systemError, "the server \(pid) cannot be signalled: \(error)")
    }
    // One that was being read before may have been read too early: only one that was begun since counts.
    let after = try entry(of: record, pid) { $0.number > before.number && $0.code != nil }
    let isInForce = after.code == 0
    try? writeFully(
      isInForce ? ThisProcess.standardOutput : ThisProcess.standardError,
      Array(after.words.split(separator: "\n").map { Terminal.printable(String($0)) + "\n" }.joined().utf8))
    if let code = after.code, !isInForce { throw ExitCode(code) }
  }

  /// Checks a configuration, as the server will.
  /// - Returns: the process that holds its pid_file; nil where `--pid` says it.
  private func check(_ path: String) throws -> Int32? {
    let server: ServerSection
    do throws(UnusableConfiguration) {
      // What is strange about it, the server says.
      server = try ConfigurationFile.load(path).file.server
    } catch {
      throw error.say()
    }
    if pid != nil { return nil }
    guard let pidFile = server.pidFile else {
      throw failure(Sysexits.usage, "\(path) has no pid_file: say by --pid N which server is meant")
    }
    if let holder = PidFile.holder(of: pidFile) { return holder }
    throw failure(Sysexits.unavailable, "no server runs that holds the pid_file \(pidFile)")
  }

  private func record(of pid: Int32) throws -> ReloadRecord.Reading {
    let found: ReloadRecord.Reading?
    do throws(Errno) {
      found = try ReloadRecord.open(of: pid)
    } catch {
      switch error {
      case .noSuchFileOrDirectory: throw failure(Sysexits.unavailable, "there is no process \(pid)")
      case .permissionDenied:
        throw failure(
          Sysexits.noPermission,
          "the process \(pid) may not be looked into: be its user, or root. Its log has what HUP comes to, too.")
      default: throw failure(Sysexits.systemError, "the process \(pid) cannot be looked into: \(error)")
      }
    }
    guard let found else { throw failure(Sysexits.unavailable, "the process \(pid) is no server of tollgate's") }
    return found
  }

  /// Waits until the server's record says something that is wanted.
  private func entry(
    of record: borrowing ReloadRecord.Reading, _ pid: Int32, _ isWanted: (ReloadRecord.Entry) -> Bool
  ) throws -> ReloadRecord.Entry {
    let deadline = Clock.monotonic() + Self.patienceNanoseconds
    while Clock.monotonic() < deadline {
      let isThere = ReloadRecord.isKept(by: pid)
      if let entry = record.entry(), isWanted(entry) { return entry }
      if !isThere { throw failure(Sysexits.unavailable, "the server \(pid) has ended") }
      Clock.sleep(milliseconds: 10)
    }
    throw failure(Sysexits.temporaryFailure, "the server \(pid) has said nothing for a minute; its log may have more")
  }
}
