// A real server: the built program, started on a site, asked over the network, and stopped.

import Glibc
import HTTPClient
import HTTPWire
import Kernel

/// Where the built programs are.
enum Program {
  /// `TOLLGATE_BIN`, else what `make build` leaves in the package's folder. `tollgate-spawn` stands beside it.
  static var tollgate: String {
    ThisProcess.environment("TOLLGATE_BIN") ?? "\(packageRoot)/.build/release/tollgate"
  }

  /// The package's folder: that of this file, three folders up.
  static let packageRoot: String = {
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
  }()
}

/// `tollgate serve` on a site, from its first line to its exit.
final class Server: Sendable {
  let site: Site
  let process: ChildProcess
  /// The addresses that it printed, in their order: `http://HOST:PORT/`.
  let addresses: [String]

  var pid: pid_t { process.pid }
  /// The port of the first address.
  var port: UInt16 { (try? HTTPURL(addresses[0]))?.port ?? 0 }

  /// Starts the program and waits until it has said where it listens.
  /// - Parameters:
  ///   - arguments: behind `serve DIR`, or `serve` alone where `--config` is among them; without a `--listen` among
  ///     them a free port of 127.0.0.1 is taken, and without an `--access-log` there is none.
  ///   - program: the path of `tollgate`.
  /// - Throws: `HarnessError` with what it said, where it ends instead or says nothing for 10 s.
  init(_ site: Site, arguments: [String] = [], program: String = Program.tollgate) throws {
    guard access(program, X_OK) == 0 else {
      throw HarnessError("\(program) is not there: `make build` makes it; TOLLGATE_BIN names another")
    }
    self.site = site
    let process = try Self.launch(site, arguments, program)
    self.process = process
    let spoke = eventually(within: 10) {
      process.hasEnded != nil || !Self.addresses(in: process.output.lines).isEmpty
    }
    addresses = Self.addresses(in: process.output.lines)
    if addresses.isEmpty {
      let ending = process.hasEnded.map(\.description) ?? (spoke ? "no address" : "nothing said within 10 s")
      process.killAll()
      throw HarnessError("the server does not listen (\(ending)): \(process.errors.text)\(process.output.text)")
    }
  }

  /// Starts `tollgate serve` without waiting for anything: for starts that are to fail. With `--config` among the
  /// arguments no directory is named, and nothing is said of the access log.
  static func launch(_ site: Site, _ arguments: [String], _ program: String = Program.tollgate) throws -> ChildProcess {
    let hasConfiguration = arguments.contains("--config")
    var words = ["serve"] + (hasConfiguration ? [] : [site.path])
    if !arguments.contains("--listen") { words += ["--listen", "127.0.0.1:0"] }
    if !hasConfiguration, !arguments.contains("--access-log") { words += ["--access-log", "off"] }
    // After a crash the backtracer could hang on and hold the pipes (one run of a crash prints it).
    return try ChildProcess(program, words + arguments, environment: ["SWIFT_BACKTRACE": "enable=no"])
  }

  private static func addresses(in lines: [String]) -> [String] {
    lines.compactMap { line in
      for prefix in ["http://", "unix:"] {
        guard let start = line.firstRange(of: prefix)?.lowerBound else { continue }
        let address = line[start...].prefix { !" \t»\",".contains($0) }
        if prefix == "unix:" || address.hasSuffix("/") { return String(address) }
      }
      return nil
    }
  }

  /// The URL of a path, which begins with a slash.
  func url(_ path: String) -> String { addresses[0].dropLast() + path }

  // MARK: Asking

  /// The address as RawConnection takes it.
  var peer: String {
    let address = addresses[0]
    return address.hasPrefix("unix:") ? address : String(address.dropFirst("http://".count).dropLast())
  }

  func connect(timeoutMilliseconds: Int = 10_000) throws -> RawConnection {
    try RawConnection(to: peer, timeoutMilliseconds: timeoutMilliseconds)
  }

  /// One request on a connection of its own, which the client closes.
  /// - Parameters:
  ///   - fields: lines without CRLF, besides Host.
  ///   - body: sent as it is behind the head, with a Content-Length where it is not empty.
  func request(
    _ target: String, method: String = "GET", fields: [String] = [], body: [UInt8] = []
  ) throws -> Response {
    var connection = try connect()
    let length = body.isEmpty ? [] : ["Content-Length: \(body.count)"]
    try connection.send(bytes(Self.head(target, fields + length, method: method)) + body)
    return try connection.readResponse(toHead: method == "HEAD")
  }

  /// A head of HTTP/1.1 with a Host.
  static func head(_ target: String, _ fields: [String] = [], method: String = "GET") -> String {
    "\(method) \(target) HTTP/1.1\r\n" + (["Host: test"] + fields).map { $0 + "\r\n" }.joined() + "\r\n"
  }

  // MARK: What it says

  /// The complete lines of its standard error so far.
  var log: [String] { process.errors.lines }

  /// Waits for a line of the log with this text in it.
  func waitForLog(containing text: String, within seconds: Double = 3) -> Bool {
    eventually(within: seconds) { log.contains { $0.contains(text) } }
  }

  // MARK: The end

  /// Asks it to end, by TERM, and waits. What remains is killed.
  /// - Returns: what was wrong: another exit than 0, none within `seconds`, or processes left behind.
  func stop(within seconds: Double = 6) -> [String] {
    process.signal(SIGTERM)
    return waitForEnd(within: seconds)
  }

  /// Waits for an end that has been asked for; as `stop` otherwise.
  func waitForEnd(within seconds: Double = 6) -> [String] {
    var faults: [String] = []
    switch process.wait(seconds: seconds) {
    case .exited(0): break
    case .some(let ending): faults.append("the server ended with \(ending), not exit 0")
    case nil: faults.append("the server did not end within \(seconds) s of TERM")
    }
    if !eventually(within: 2, { Processes.inSession(pid).isEmpty }) {
      let left = Processes.inSession(pid).map { "\($0.name) (\($0.pid), \($0.state))" }
      faults.append("left behind by the server: \(left.joined(separator: ", "))")
    }
    process.killAll()
    return faults
  }
}
