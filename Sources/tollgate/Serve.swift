// The command `tollgate serve DIR`: files of a directory, and the scripts of its cgi-bin.

import Admin
import ArgumentParser
import Gateway
import Kernel
import Log
import Processes
import StaticFiles

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve a directory, and run the scripts in its cgi-bin.",
    discussion: """
      Files are sent as they are; every executable file below DIR/cgi-bin/ is run as a CGI program (RFC 3875) under \
      /cgi-bin/, and its source is never sent. Every answer says in its Server-Timing field what it cost.

      Examples:
        tollgate serve .
        tollgate serve public --listen 0.0.0.0:80 --listen [::]:80 --access-log /var/log/tollgate.log
        tollgate serve . --bill full --access-log-format json
        tollgate serve . --listen unix:/run/tollgate.sock --concurrency 4 --queue 100

      Ctrl-C (or TERM) lets what runs finish, for as long as --drain says; a second one ends it at once.

      Exit codes: 64 the arguments cannot be used, 66 DIR cannot be read, 71 the system refuses, 72 tollgate-spawn is \
      missing, 73 the access log cannot be opened, 75 the address is in use, 77 the address may not be used.
      """)

  @Argument(help: "The directory to serve.")
  var directory = "."

  @Option(
    help: ArgumentHelp(
      "Where to listen: HOST:PORT, [IPV6]:PORT or unix:/PATH. May be given several times.", valueName: "address"))
  var listen: [String] = ["127.0.0.1:8080"]

  @Option(help: ArgumentHelp("Where requests are logged: a path, - for standard output, or off.", valueName: "path"))
  var accessLog = "-"

  @Option(help: "The form of the access log: combined or json, which has the whole bill.")
  var accessLogFormat = AccessLogFormat.combined

  @Option(
    help: """
      How much of its bill an answer carries: off; head, what is known when the head leaves; or full, for which an \
      answer of up to 64 KiB is held until its program has exited, at most 250 ms.
      """)
  var bill = BillMode.head

  @Option(help: ArgumentHelp("How many scripts run at once.", valueName: "n"))
  var concurrency = 16

  @Option(
    help: ArgumentHelp("How many requests may wait for a script's place; beyond it they get 503.", valueName: "n"))
  var queue = 256

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

  @Option(help: ArgumentHelp("How many event loops; 0 is one for each processor.", valueName: "n"))
  var loops = 0

  @Option(
    help: ArgumentHelp("How much of small files is kept in memory. (default: 64MiB)", valueName: "size"),
    transform: Size.init)
  var fileCache: Size?

  func validate() throws {
    guard (1...10_000).contains(concurrency) else { throw ValidationError("--concurrency is 1 to 10000") }
    guard (0...100_000).contains(queue) else { throw ValidationError("--queue is 0 to 100000") }
    guard (0...256).contains(loops) else { throw ValidationError("--loops is 0 to 256") }
  }

  func run() throws {
    ThisProcess.setDispositions()
    // Before any thread, so that all of them leave the signals to the one that waits for them.
    ThisProcess.holdSignals()
    let settings = try settings()
    let diagnostics = Diagnostics.start(destination: try duplicate(ThisProcess.standardError))
    let log = Logger(label: "tollgate")
    let accessLog = try openAccessLog()
    let gateway = try start(settings, accessLog, log)
    announce(gateway, settings)
    var server = RunningServer(gateway: gateway, log: log)
    if let drain { server.drainNanoseconds = drain.nanoseconds }
    server.run()
    accessLog?.close(withinMilliseconds: 1000)
    diagnostics.close(withinMilliseconds: 1000)
  }

  // MARK: What is served

  private func settings() throws -> Settings {
    var settings = Settings()
    settings.loops = loops
    if let fileCache { settings.limits.fileCacheBytes = fileCache.bytes }
    for text in listen {
      do throws(SocketAddress.Malformed) {
        settings.listen.append(try SocketAddress(parsing: text))
      } catch {
        throw failure(Sysexits.usage, error.description)
      }
    }
    let (found, sought) = Spawner.locate(besideExecutable: ThisProcess.executablePath())
    guard let found else {
      throw failure(
        Sysexits.missingPart,
        "tollgate-spawn is missing; it was sought as \(sought.joined(separator: " and ")). Install it beside tollgate.")
    }
    settings.spawnerPath = found
    try addRoutes(&settings)
    return settings
  }

  private func addRoutes(_ settings: inout Settings) throws {
    let path: String
    do {
      path = try canonicalPath(directory)
      let root = try FileRoot(path: path, listing: true)
      settings.routes.append(Route(path: "/", files: root, bill: bill))
    } catch {
      let isPort = directory.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      let hint = isPort ? " If this is to be the port: --listen 127.0.0.1:\(directory)." : ""
      throw failure(Sysexits.noInput, "\(directory) cannot be served: \(error).\(hint)")
    }
    let scripts = path == "/" ? "/cgi-bin" : path + "/cgi-bin"
    let root: FileRoot
    do {
      root = try FileRoot(path: scripts, listing: false)
    } catch Errno.noSuchFileOrDirectory {
      // Should it be made later, its sources must not be sent as files.
      let words = "There was no cgi-bin when the server started; one that was made since is found by the next start."
      var route = Route(path: "/cgi-bin/", bill: bill)
      route.nothing = words
      settings.routes.append(route)
      return
    } catch {
      throw failure(Sysexits.noInput, "\(scripts) cannot be used: \(error)")
    }
    var program = ProgramSettings(directory: scripts, root: root, documentRoot: path)
    program.concurrency = concurrency
    program.queue = queue
    if let queueTimeout { program.queueTimeout = queueTimeout.nanoseconds }
    if let timeout { program.timeout = timeout.nanoseconds }
    settings.routes.append(Route(path: "/cgi-bin/", runs: .scripts(program), bill: bill))
  }

  private func openAccessLog() throws -> AccessLog? {
    if accessLog == "off" { return nil }
    do {
      let destination =
        accessLog == "-" ? try duplicate(ThisProcess.standardOutput) : try openAppending(accessLog)
      return AccessLog(format: accessLogFormat, destination: destination)
    } catch {
      throw failure(Sysexits.cannotCreate, "the access log \(accessLog) cannot be opened: \(error)")
    }
  }

  private func start(_ settings: Settings, _ accessLog: AccessLog?, _ log: Logger) throws -> Gateway {
    do throws(GatewayError) {
      return try Gateway(settings, bills: accessLog, log: log)
    } catch {
      switch error {
      case .addressInUse, .addressOccupied:
        throw failure(Sysexits.temporaryFailure, "\(error). End it, or choose another address by --listen HOST:PORT.")
      case .cannotListen(_, .permissionDenied): throw failure(Sysexits.noPermission, error.description)
      case .cannotListen, .system, .ending: throw failure(Sysexits.systemError, error.description)
      case .noSpawner: throw failure(Sysexits.missingPart, error.description)
      }
    }
  }

  // MARK: From start to end

  private func announce(_ gateway: Gateway, _ settings: Settings) {
    var lines = "Tollgate serves \(directory)\n"
    for address in gateway.addresses {
      lines += address.isUnix ? "  \(address.text)\n" : "  http://\(address.text)/\n"
    }
    let runs = settings.routes.contains { $0.scripts != nil }
    lines += runs ? "and runs the scripts of its cgi-bin under /cgi-bin/. " : "There is no cgi-bin in it to run. "
    lines += "Ctrl-C ends it.\n"
    try? writeFully(ThisProcess.standardOutput, Array(lines.utf8))
  }
}

extension BillMode: ExpressibleByArgument {}
extension AccessLogFormat: ExpressibleByArgument {}
