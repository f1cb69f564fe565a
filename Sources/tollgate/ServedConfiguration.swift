// The configuration that a server runs by: read at its start, and again whenever it is asked to.

import Admin
import Configuration
import Gateway
import Kernel
import Log

final class ServedConfiguration {
  let path: String
  /// What is listened on in place of what the configuration says; empty where it has the word.
  private let listen: [SocketAddress]
  private let spawnerPath: String
  /// What is in force.
  private(set) var file: ConfigurationFile
  /// What was in force at the start, and remains so in part.
  private let first: ServerSection
  /// Where the diagnostics and the bills go. Set once they are there.
  var diagnostics: LogWriter<String>?
  var accessLog: AccessLog?

  /// Reads a configuration, and says on standard error what is strange about it.
  /// - Returns: the configuration, and the settings that the gateway is to start with.
  static func load(
    _ path: String, listen: [SocketAddress], spawnerPath: String
  ) throws(UnusableConfiguration) -> (ServedConfiguration, Settings) {
    let (file, warnings) = try ConfigurationFile.load(path)
    let served = ServedConfiguration(path, listen, spawnerPath, file)
    let settings = try served.settings(of: file)
    complain(warnings.map(\.asWarning))
    return (served, settings)
  }

  private init(_ path: String, _ listen: [SocketAddress], _ spawnerPath: String, _ file: ConfigurationFile) {
    self.path = path
    self.listen = listen
    self.spawnerPath = spawnerPath
    self.file = file
    first = file.server
  }

  private func settings(of file: ConfigurationFile) throws(UnusableConfiguration) -> Settings {
    var settings = try ConfiguredSettings.make(file, name: path)
    if !listen.isEmpty { settings.listen = listen }
    settings.spawnerPath = spawnerPath
    return settings
  }

  // MARK: Reading it again

  /// Puts in force what the file says now, as far as that can be while the server runs.
  /// - Returns: what is strange about it, or takes effect later, in lines.
  /// - Throws: what keeps it from being used; then everything is as it was.
  func reload(_ gateway: Gateway) throws(UnusableConfiguration) -> [String] {
    let (next, warnings) = try ConfigurationFile.load(path)
    let settings = try settings(of: next)
    let log = try destination("log", next.server.log)
    let access = accessLog == nil ? nil : try destination("access_log", next.server.accessLog)
    do throws(GatewayError) {
      try gateway.reload(settings)
    } catch {
      throw UnusableConfiguration(code: error.exitCode, words: error.description)
    }
    file = next
    if let log { try? diagnostics?.redirect(to: log) }
    if let access { try? accessLog?.redirect(to: access) }
    return warnings.map(\.asWarning) + remarks(next.server)
  }

  /// The file of a log, opened anew: it may be another, or the old one may have been renamed.
  /// - Returns: nil where it is none.
  private func destination(_ key: String, _ place: String) throws(UnusableConfiguration) -> Descriptor? {
    do throws(Errno) {
      return try openLog(place)
    } catch {
      throw UnusableConfiguration(code: Sysexits.cannotCreate, words: "\(key): \(place) cannot be opened: \(error)")
    }
  }

  /// What takes effect at the next start, in one line; nothing where nothing does.
  private func remarks(_ next: ServerSection) -> [String] {
    var keys: [String] = []
    if next.loops != first.loops { keys.append("loops") }
    if (next.accessLog == "off") != (first.accessLog == "off") { keys.append("access_log") }
    if next.accessLogFormat != first.accessLogFormat { keys.append("access_log_format") }
    if next.pidFile != first.pidFile { keys.append("pid_file") }
    if keys.isEmpty { return [] }
    let verb = keys.count == 1 ? "takes" : "take"
    return ["\(keys.joined(separator: ", ")) in [server] \(verb) effect at the next start, all else is in force"]
  }
}

/// Opens the place of a log: `stderr`, `-` for standard output, or a file that is added to.
/// - Returns: nil for `off`.
func openLog(_ place: String) throws(Errno) -> Descriptor? {
  switch place {
  case "off": nil
  case "stderr": try duplicate(ThisProcess.standardError)
  case "-": try duplicate(ThisProcess.standardOutput)
  default: try openAppending(place)
  }
}
