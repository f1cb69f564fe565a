// What the scenarios of programs share: lines of the access log as values, gates that scripts wait at, small scripts.

import Foundation
import HTTPClient
import Kernel
import Testing

/// A line of the access log in its JSON form, as docs/access-log.md describes it.
struct AccessEntry: Decodable, Sendable {
  struct Cost: Decodable, Sendable {
    var cpuNs: Int64
    /// Of a process; a worker's memory is no request's.
    var peakRssBytes: Int64?
  }

  struct Worker: Decodable, Sendable {
    var pid: Int?
  }

  struct Exit: Decodable, Sendable, Equatable {
    var status: Int?
    var signal: Int?
  }

  var method: String?
  var target: String?
  var status: Int?
  var bytesIn: Int64
  var bytesOut: Int64
  var bodyBytesOut: Int64
  var model: String
  var route: String?
  var script: String?
  var durationNs: Int64
  /// By their names in the log: `spawn_ns` and so on.
  var phases: [String: Int64]
  var cost: Cost?
  var worker: Worker?
  var exit: Exit?

  init(line: String) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    self = try decoder.decode(AccessEntry.self, from: Data(line.utf8))
  }
}

extension KeyedDecodingContainer {
  /// A cost that nobody can know is said in words by the log, and none here.
  fileprivate func decodeIfPresent(_ type: AccessEntry.Cost.Type, forKey key: Key) throws -> AccessEntry.Cost? {
    if (try? decode(String.self, forKey: key)) == "not knowable" { return nil }
    return try contains(key) && !decodeNil(forKey: key) ? decode(type, forKey: key) : nil
  }
}

/// The access log on standard output, in JSON.
let jsonLog = ["--access-log", "-", "--access-log-format", "json"]

extension Server {
  /// The lines of the JSON access log so far, where the server was started with `jsonLog`.
  var accessLines: [String] { process.output.lines.filter { $0.hasPrefix("{") } }

  /// The entries of the access log whose target begins like this, once there are so many.
  /// - Throws: `HarnessError` where there are fewer after a while.
  func entries(_ count: Int = 1, for target: String = "/", within seconds: Double = 8) throws -> [AccessEntry] {
    var found: [AccessEntry] = []
    _ = try eventually(within: seconds) {
      found = try accessLines.map(AccessEntry.init).filter { ($0.target ?? "").hasPrefix(target) }
      return found.count >= count
    }
    guard found.count >= count else {
      throw HarnessError("\(found.count) lines for \(target) in the access log, not \(count)")
    }
    return found
  }

  /// The lines of the diagnostics that name something.
  /// - Parameter count: for so many it waits a while, and then a moment for more: the log is written by a thread of its
  ///   own, which may be behind the answers.
  func logLines(naming name: String, awaiting count: Int = 0) -> [String] {
    _ = eventually(within: 3) { log.filter { $0.contains(name) }.count >= count }
    Clock.sleep(milliseconds: 100)
    return log.filter { $0.contains(name) }
  }

  /// The children that run programs, zombies included.
  var programs: [ProcessEntry] {
    Processes.children(of: pid).filter { $0.name != Holdings.spawnerName }
  }

  var spawners: [ProcessEntry] { Processes.children(of: pid).filter { $0.name == Holdings.spawnerName } }

  /// What of the server is in memory, in bytes.
  var residentBytes: Int { (statusKilobytes(pid, "VmRSS") ?? 0) * 1024 }
}

extension Response {
  var text: String { String(decoding: body, as: UTF8.self) }

  /// The metrics of Server-Timing by their names, each with what follows the name; empty without the field.
  var serverTiming: [String: String] {
    var metrics: [String: String] = [:]
    for field in head.fields where field.name == "server-timing" {
      for metric in field.value.split(separator: ",") {
        let parts = metric.split(separator: ";", maxSplits: 1).map { $0.drop { $0 == " " } }
        if let name = parts.first { metrics[String(name)] = parts.count > 1 ? String(parts[1]) : "" }
      }
    }
    return metrics
  }
}

extension Site {
  /// A C program of `cgi-bin/`, compiled.
  func program(_ name: String, c source: String) throws {
    try write(".source.c", source)
    let outcome = try run("cc", ["-O1", "-o", absolute("cgi-bin/\(name)"), absolute(".source.c")])
    guard outcome.status == 0 else { throw HarnessError("cc: \(outcome.errors)") }
  }

  /// The lines that scripts have noted in a file of the site.
  func notes(_ name: String = "notes") -> [String] {
    String(decoding: read(name) ?? [], as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// The numbers in a file of the site, once there are so many: pids that a script has noted.
  func notedPids(_ count: Int, in name: String = "notes") throws -> [pid_t] {
    guard eventually(within: 8, { notes(name).count >= count }) else {
      throw HarnessError("\(notes(name)) in \(name), not \(count) lines")
    }
    return notes(name).compactMap { pid_t($0) }
  }

  /// Shell that waits until `openGate` has been called.
  func waiting(at gate: String = "gate") -> String { "while [ ! -e \(absolute(gate)) ]; do sleep 0.02; done" }

  func openGate(_ gate: String = "gate") throws { try write(gate, "") }
}

/// The beginning of a script in shell that answers with text.
let plainShell = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n"
