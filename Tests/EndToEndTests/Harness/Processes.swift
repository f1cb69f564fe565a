// The processes of the machine, as /proc shows them.

import Glibc

/// One line of /proc/PID/stat.
struct ProcessEntry: Sendable {
  var pid: pid_t
  var name: String
  /// `R`, `S`, `Z` and so on, as proc(5) lists them.
  var state: Character
  var parent: pid_t
  var session: pid_t

  /// Whether it has ended and only waits to be reaped.
  var isOver: Bool { state == "Z" || state == "X" }

  init?(pid: pid_t) {
    guard let line = contents(of: "/proc/\(pid)/stat") else { return nil }
    // The name is in parentheses and may hold some itself: the last one closes it.
    guard let open = line.firstIndex(of: UInt8(ascii: "(")), let close = line.lastIndex(of: UInt8(ascii: ")")) else {
      return nil
    }
    let rest = String(decoding: line[(close + 1)...], as: UTF8.self).split(separator: " ")
    guard rest.count > 3, let state = rest[0].first, let parent = pid_t(rest[1]), let session = pid_t(rest[3]) else {
      return nil
    }
    self.pid = pid
    name = String(decoding: line[(open + 1)..<close], as: UTF8.self)
    self.state = state
    self.parent = parent
    self.session = session
  }
}

enum Processes {
  /// Every process that there is.
  static func all() -> [ProcessEntry] {
    names(in: "/proc").compactMap { pid_t($0) }.compactMap(ProcessEntry.init(pid:))
  }

  /// The children of a process, zombies included.
  static func children(of pid: pid_t) -> [ProcessEntry] { all().filter { $0.parent == pid } }

  /// The processes of a session that still run; a zombie is a matter of its parent's.
  static func inSession(_ session: pid_t) -> [ProcessEntry] { all().filter { $0.session == session && !$0.isOver } }

  /// Whether there is such a process that is more than a zombie.
  static func isAlive(_ pid: pid_t) -> Bool {
    ProcessEntry(pid: pid).map { !$0.isOver } ?? false
  }
}

/// A line of /proc/PID/status, in KiB: `VmRSS`, what is resident, or `VmHWM`, the most that ever was.
func statusKilobytes(_ pid: pid_t, _ name: String) -> Int? {
  let status = contents(of: "/proc/\(pid)/status").map { String(decoding: $0, as: UTF8.self) } ?? ""
  let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
  return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
}
