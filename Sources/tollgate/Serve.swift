// The command `tollgate serve`: a directory and the scripts of its cgi-bin, or what a configuration says.

import ArgumentParser
import Configuration
import Gateway
import Kernel
import Processes
import StaticFiles

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve a directory and run the scripts in its cgi-bin, or serve what a configuration says.",
    discussion: """
      Files are sent as they are; every executable file below DIR/cgi-bin/ is run as a CGI program (RFC 3875) under \
      /cgi-bin/, and its source is never sent. Every answer says in its Server-Timing field what it cost \
      (with --config, where a route says bill = "head" or "full").

      With --config, FILE says everything (tollgate check --reference lists its keys); of the flags --listen alone \
      may stand beside it, and wins over it. HUP, or tollgate reload, reads FILE again: if it is wrong, that is said, \
      and what was in force stays; if it is right, it takes effect with no connection dropped.

      Examples:
        tollgate serve .
        tollgate serve public --listen 0.0.0.0:80 --listen [::]:80 --access-log /var/log/tollgate.log
        tollgate serve . --bill full --access-log-format json
        tollgate serve . --listen unix:/run/tollgate.sock --concurrency 4 --queue 100
        tollgate serve --config /etc/tollgate.toml
        tollgate serve --config tollgate.toml --listen 127.0.0.1:8081

      Ctrl-C (or TERM) lets what runs finish, for as long as --drain says; a second one ends it at once.

      Exit codes: 64 the arguments cannot be used, 66 DIR or FILE cannot be read, 71 the system refuses, 72 \
      tollgate-spawn is missing, 73 a log or the pid_file cannot be opened, 75 the address or the pid_file is in use, \
      77 the address may not be used, 78 the configuration is wrong.
      """)

  @Argument(help: "The directory to serve. (default: .)")
  var directory: String?

  @Option(help: ArgumentHelp("The configuration to serve by, in place of DIR and the other flags.", valueName: "file"))
  var config: String?

  @Option(
    help: ArgumentHelp(
      """
      Where to listen: HOST:PORT, [IPV6]:PORT or unix:/PATH. May be given several times. (default: 127.0.0.1:8080)
      """, valueName: "address"))
  var listen: [String] = []

  @Option(
    help: ArgumentHelp(
      "Where requests are logged: a path, - for standard output, or off. (default: -)", valueName: "path"))
  var accessLog: String?

  @Option(help: "The form of the access log: combined or json, which has the whole bill. (default: combined)")
  var accessLogFormat: AccessLogSetting?

  @Option(
    help: """
      How much of its bill an answer carries: off; head, what is known when the head leaves; or full, for which an \
      answer of up to 64 KiB is held until its program has exited, at most 250 ms. (default: head)
      """)
  var bill: BillMode?

  @Option(help: ArgumentHelp("How many scripts run at once. (default: 16)", valueName: "n"))
  var concurrency: Int?

  @Option(
    help: ArgumentHelp(
      "How many requests may wait for a script's place; beyond it they get 503. (default: 256)", valueName: "n"))
  var queue: Int?

  @Option(
    help: ArgumentHelp("How long a request may wait for a script's place. (default: 10s)", valueName: "time"),
    transform: Duration.init)
  var queueTimeout: Duration?

  @Option(
    help: ArgumentHelp("How long a script may be silent before it is ended. (default: 60s)", valueName: "time"),
    transform: Duration.init)
  var timeout: Duration?

  @Option(
    help: ArgumentHelp(
      "How long what runs may go on once the server is to end. (default: 2s on a terminal, else 30s)",
      valueName: "time"),
    transform: Duration.init)
  var drain: Duration?

  @Option(help: ArgumentHelp("How many event loops; 0 is one for each processor. (default: 0)", valueName: "n"))
  var loops: Int?

  @Option(
    help: ArgumentHelp("How much of small files is kept in memory. (default: 64MiB)", valueName: "size"),
    transform: Size.init)
  var fileCache: Size?

  func validate() throws {
    if config != nil { try validateAlone() }
    guard concurrency.map((1...10_000).contains) ?? true else { throw ValidationError("--concurrency is 1 to 10000") }
    guard queue.map((0...100_000).contains) ?? true else { throw ValidationError("--queue is 0 to 100000") }
    guard loops.map((0...256).contains) ?? true else { throw ValidationError("--loops is 0 to 256") }
  }

  /// A configuration says everything: what stands beside it would be one of two answers to a question.
  private func validateAlone() throws {
    if let directory {
      throw ValidationError("--config serves what its file says: \(directory) belongs there, as «static» of a route")
    }
    let server = "[server]"
    let route = "the [[route]]"
    let given: [(flag: String, isGiven: Bool, place: String)] = [
      ("access-log", accessLog != nil, server), ("access-log-format", accessLogFormat != nil, server),
      ("bill", bill != nil, route), ("concurrency", concurrency != nil, route), ("queue", queue != nil, route),
      ("queue-timeout", queueTimeout != nil, route), ("timeout", timeout != nil, route),
      ("drain", drain != nil, server), ("loops", loops != nil, server), ("file-cache", fileCache != nil, server),
    ]
    guard let one = given.first(where: \.isGiven) else { return }
    let key = String(one.flag.map { $0 == "-" ? "_" : $0 })
    throw ValidationError("--config and --\(one.flag) exclude each other: write «\(key)» in \(one.place) of its file")
  }

  func run() throws {
    ThisProcess.setDispositions()
    // Before any thread, so that all of them leave the signals to the one that waits for them.
    ThisProcess.holdSignals()
    let spawner = try spawnerPath()
    let addresses = try listen.map { try address($0) }
    if let config { return try serve(config, addresses, spawner) }
    var settings = try directorySettings()
    settings.listen = addresses.isEmpty ? [try address("127.0.0.1:8080")] : addresses
    settings.spawnerPath = spawner
    let runs = settings.routes.contains { $0.scripts != nil }
    let words = runs ? "and runs the scripts of its cgi-bin under /cgi-bin/." : "There is no cgi-bin in it to run."
    var start = ServerStart(settings, serverSection)
    try start.run("Tollgate serves \(directory ?? ".")", words)
  }

  private func serve(_ config: String, _ addresses: [SocketAddress], _ spawner: String) throws {
    var start: ServerStart
    let words: String
    do throws(UnusableConfiguration) {
      let (served, settings) = try ServedConfiguration.load(config, listen: addresses, spawnerPath: spawner)
      words = ConfigurationText(served.file, name: config).brief()
      start = ServerStart(settings, served.file.server, served)
    } catch {
      throw error.say()
    }
    try start.run("Tollgate serves by \(config)", words)
  }

  private func address(_ text: String) throws -> SocketAddress {
    do throws(SocketAddress.Malformed) {
      return try SocketAddress(parsing: text)
    } catch {
      throw failure(Sysexits.usage, error.description)
    }
  }

  private func spawnerPath() throws -> String {
    let (found, sought) = Spawner.locate(besideExecutable: ThisProcess.executablePath())
    if let found { return found }
    throw failure(
      Sysexits.missingPart,
      "tollgate-spawn is missing; it was sought as \(sought.joined(separator: " and ")). Install it beside tollgate.")
  }

  // MARK: What is served without a configuration

  /// What the flags say of the server itself.
  private var serverSection: ServerSection {
    var section = ServerSection()
    if let accessLog { section.accessLog = accessLog }
    if let accessLogFormat { section.accessLogFormat = accessLogFormat }
    section.drainNanoseconds = drain?.nanoseconds
    return section
  }

  private func directorySettings() throws -> Settings {
    let bill = bill ?? .head
    var settings = Settings()
    if let loops { settings.loops = loops }
    if let fileCache { settings.limits.fileCacheBytes = fileCache.bytes }
    let path = try directoryPath()
    let files: FileRoot
    do throws(Errno) {
      files = try FileRoot(path: path, listing: true)
    } catch {
      throw unusable(error)
    }
    settings.routes.append(Route(path: "/", files: files, bill: bill))
    if let program = try program(below: path) {
      settings.routes.append(Route(path: "/cgi-bin/", runs: .scripts(program), bill: bill))
    } else {
      // Should it be made later, its sources must not be sent as files.
      var route = Route(path: "/cgi-bin/", bill: bill)
      route.nothing =
        "There was no cgi-bin when the server started; one that was made since is found by the next start."
      settings.routes.append(route)
    }
    return settings
  }

  private func directoryPath() throws -> String {
    do throws(Errno) {
      return try canonicalPath(directory ?? ".")
    } catch {
      throw unusable(error)
    }
  }

  private func unusable(_ error: Errno) -> ExitCode {
    let directory = directory ?? "."
    let isPort = directory.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    let hint = isPort ? " If this is to be the port: --listen 127.0.0.1:\(directory)." : ""
    return failure(Sysexits.noInput, "\(directory) cannot be served: \(error).\(hint)")
  }

  /// The scripts of the directory's cgi-bin; nil where there is none.
  private func program(below path: String) throws -> ProgramSettings? {
    let scripts = path == "/" ? "/cgi-bin" : path + "/cgi-bin"
    let root: FileRoot
    do throws(Errno) {
      root = try FileRoot(path: scripts, listing: false)
    } catch {
      if error == .noSuchFileOrDirectory { return nil }
      throw failure(Sysexits.noInput, "\(scripts) cannot be used: \(error)")
    }
    var program = ProgramSettings(directory: scripts, root: root, documentRoot: path)
    if let concurrency { program.concurrency = concurrency }
    if let queue { program.queue = queue }
    if let queueTimeout { program.queueTimeout = queueTimeout.nanoseconds }
    if let timeout { program.timeout = timeout.nanoseconds }
    return program
  }
}

extension BillMode: ExpressibleByArgument {}
extension AccessLogSetting: ExpressibleByArgument {}
