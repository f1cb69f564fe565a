// What a server does before it serves: its logs, its pid_file, its listeners; and after it has ended.

import Admin
import ArgumentParser
import Configuration
import Gateway
import Kernel
import Log

struct ServerStart {
  /// Given away to the gateway: what the first configuration has opened goes when another takes its place.
  private var settings: Settings?
  /// What is said of the server itself.
  private let section: ServerSection
  private let configuration: ServedConfiguration?

  init(_ settings: consuming Settings, _ section: ServerSection, _ configuration: ServedConfiguration? = nil) {
    self.settings = settings
    self.section = section
    self.configuration = configuration
  }

  /// Serves, and returns when everything has ended.
  /// - Parameters:
  ///   - title: what is served: the first line of the announcement.
  ///   - words: what follows the addresses there.
  mutating func run(_ title: String, _ words: String) throws {
    // Before anything is bound, so that a second server of the same configuration is told of the first.
    let pidFile = try section.pidFile.map { try Self.lock($0) }
    defer { pidFile?.remove() }
    guard let destination = try Self.open("log", section.log) else { preconditionFailure("a log may not be off") }
    let accessLog = try accessLog()
    let record = try ReloadRecord()
    let diagnostics = Diagnostics.start(destination: destination)
    let log = Logger(label: "tollgate")
    let gateway = try start(accessLog, log)
    do {
      try pidFile?.write()
    } catch {
      throw failure(Sysexits.cannotCreate, "the pid_file \(section.pidFile ?? "") cannot be written: \(error)")
    }
    announce(title, gateway.addresses, words)
    configuration?.diagnostics = diagnostics
    configuration?.accessLog = accessLog
    RunningServer(
      gateway: gateway, log: log, record: record, configuration: configuration,
      drainNanoseconds: section.drainNanoseconds
    ).run()
    accessLog?.close(withinMilliseconds: 1000)
    diagnostics.close(withinMilliseconds: 1000)
  }

  private static func lock(_ path: String) throws -> PidFile {
    do throws(PidFile.Failure) {
      return try PidFile(path)
    } catch {
      switch error {
      case .held(let pid):
        let process = pid.map { " \($0)" } ?? ""
        throw failure(
          Sysexits.temporaryFailure,
          "the pid_file \(path) is that of the process\(process), which runs. End it, or choose another file.")
      case .isSomethingElse:
        throw failure(
          Sysexits.cannotCreate, "the pid_file \(path) has something in it that is no process id, and is left alone")
      case .system(let error):
        throw failure(Sysexits.cannotCreate, "the pid_file \(path) cannot be opened: \(error)")
      }
    }
  }

  private static func open(_ name: String, _ place: String) throws -> Descriptor? {
    do throws(Errno) {
      return try openLog(place)
    } catch {
      throw failure(Sysexits.cannotCreate, "the \(name) \(place) cannot be opened: \(error)")
    }
  }

  private func accessLog() throws -> AccessLog? {
    guard let destination = try Self.open("access log", section.accessLog) else { return nil }
    let format: AccessLogFormat =
      switch section.accessLogFormat {
      case .combined: .combined
      case .json: .json
      }
    return AccessLog(format: format, destination: destination)
  }

  private mutating func start(_ accessLog: AccessLog?, _ log: Logger) throws -> Gateway {
    guard let settings = settings.take() else { preconditionFailure("a server starts once") }
    do throws(GatewayError) {
      return try Gateway(settings, bills: accessLog, log: log)
    } catch {
      switch error {
      case .addressInUse, .addressOccupied:
        throw failure(error.exitCode, "\(error). End it, or choose another address by --listen HOST:PORT.")
      default: throw failure(error.exitCode, error.description)
      }
    }
  }

  private func announce(_ title: String, _ addresses: [SocketAddress], _ words: String) {
    var lines = title + "\n"
    for address in addresses { lines += address.isUnix ? "  \(address.text)\n" : "  http://\(address.text)/\n" }
    lines += words + (words.hasSuffix("\n") ? "" : " ") + "Ctrl-C ends it.\n"
    try? writeFully(ThisProcess.standardOutput, Array(lines.utf8))
  }
}
