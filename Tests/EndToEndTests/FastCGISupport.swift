// What the scenarios of pools share: the workers of Tests/Workers, a configuration with one pool, and lines of the
// access log as far as they speak of workers.

import Foundation
import HTTPClient
import HTTPWire
import Kernel

extension Site {
  /// Tests/Workers/odd.c, compiled to `odd` in the site: a worker with libfcgi that does as the query says.
  func oddWorker(_ name: String = "odd") throws {
    try makeDirectory("files")
    let source = "\(Program.packageRoot)/Tests/Workers/odd.c"
    // To a new name and then renamed: a worker that runs may have the file.
    let outcome = try run("cc", ["-std=gnu17", "-O2", "-o", absolute(name + ".new"), source, "-lfcgi"])
    guard outcome.status == 0 else { throw HarnessError("cc: \(outcome.errors)") }
    guard rename(absolute(name + ".new"), absolute(name)) == 0 else { throw HarnessError("rename: \(errno)") }
  }

  /// Tests/Workers/raw.pl as `raw` in the site: a worker by hand that breaks the protocol as the query says.
  func rawWorker() throws {
    try makeDirectory("files")
    let source = "\(Program.packageRoot)/Tests/Workers/raw.pl"
    guard let text = contents(of: source) else { throw HarnessError("\(source) is not there") }
    try write("raw", text, mode: 0o755)
  }
}

/// What a scenario's site is filled with.
func withOddWorker(_ site: Site) throws { try site.oddWorker() }
func withRawWorker(_ site: Site) throws { try site.rawWorker() }
func withFiles(_ site: Site) throws { try site.makeDirectory("files") }

/// A configuration with one pool, named `pool`, behind `/app`, and the files of `files/` behind `/`.
/// - Parameters:
///   - pool: lines of `[pool.pool]`.
///   - route: further lines of the pool's route.
///   - logs: whether requests are logged, in JSON.
func poolConfiguration(_ pool: [String], route: [String] = [], logs: Bool = true) -> String {
  """
  [server]
  access_log = "\(logs ? "-" : "off")"
  access_log_format = "json"

  [[route]]
  path = "/"
  static = "files"

  [[route]]
  path = "/app"
  fastcgi = "pool"
  \(route.joined(separator: "\n"))

  [pool.pool]
  \(pool.joined(separator: "\n"))
  """
}

/// Who has answered, by its own account: the field `X-Worker: PID COUNT`.
struct WorkerMark: Equatable, Sendable {
  var pid: pid_t
  var count: Int

  /// - Throws: `HarnessError` where the answer has no such field.
  init(_ response: Response) throws {
    let parts = (response.head.first("x-worker") ?? "").split(separator: " ")
    guard parts.count == 2, let pid = pid_t(parts[0]), let count = Int(parts[1]) else {
      throw HarnessError("no X-Worker in an answer of status \(response.status): «\(response.text.prefix(300))»")
    }
    (self.pid, self.count) = (pid, count)
  }
}

/// A line of the access log as far as it speaks of workers.
struct WorkerEntry: Sendable {
  enum Cost: Equatable, Sendable {
    case none, notKnowable
    case processor(Int64)
  }

  var target = ""
  var status: Int?
  var pool: String?
  /// Nil where no worker had the request, or it is somebody else's.
  var pid: pid_t?
  var requests: Int?
  var cost = Cost.none

  init(line: String) throws {
    guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
      throw HarnessError("no object: \(line)")
    }
    target = object["target"] as? String ?? ""
    status = object["status"] as? Int
    pool = object["pool"] as? String
    let worker = object["worker"] as? [String: Any]
    pid = (worker?["pid"] as? Int).map { pid_t($0) }
    requests = worker?["requests"] as? Int
    if let words = object["cost"] as? String, words == "not knowable" { cost = .notKnowable }
    if let figures = object["cost"] as? [String: Any], let processor = figures["cpu_ns"] as? Int {
      cost = .processor(Int64(processor))
    }
  }
}

extension Server {
  /// One request of the pool of `poolConfiguration`.
  func ask(
    _ query: String, method: String = "GET", fields: [String] = [], body: [UInt8] = []
  ) throws -> Response {
    try request("/app?\(query)", method: method, fields: fields, body: body)
  }

  /// The lines of the access log whose target begins like this, once there are so many.
  func workerEntries(
    _ count: Int, for target: String = "/app", within seconds: Double = 8
  ) throws -> [WorkerEntry] {
    var found: [WorkerEntry] = []
    _ = try eventually(within: seconds) {
      let lines = accessLines
      // Reading 1,000 lines again and again takes longer than they take to come.
      if lines.count < count { return false }
      found = try lines.map(WorkerEntry.init).filter { $0.target.hasPrefix(target) }
      return found.count >= count
    }
    guard found.count >= count else {
      throw HarnessError("\(found.count) lines for \(target) in the access log, not \(count)")
    }
    return found
  }

  /// What the log has said behind its first `count` lines, once that is so many lines or more; and a moment later.
  func newLog(after count: Int, awaiting lines: Int = 1) -> [String] {
    _ = eventually(within: 3) { log.count >= count + lines }
    Clock.sleep(milliseconds: 50)
    return Array(log.dropFirst(count))
  }
}

/// The SHA-256 of a file, in hexadecimal digits.
func sha256(_ path: String) throws -> String {
  let outcome = try run("sha256sum", ["--", path], seconds: 18)
  guard outcome.status == 0 else { throw HarnessError("sha256sum: \(outcome.errors)") }
  return String(outcome.text.prefix(64))
}
