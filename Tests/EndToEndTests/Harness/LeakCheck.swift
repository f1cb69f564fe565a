// What a server holds: descriptors by what they name, threads, children. Taken before a scenario and after it, two of
// these say what was left.

import Glibc

/// Counts of things by their names.
typealias Inventory = [String: Int]

struct Holdings: Equatable, Sendable {
  /// Sockets and pipes by their kind, everything else by its name. Without the regular files of the site: the file
  /// cache keeps those open, and is bounded by itself.
  var descriptors: Inventory = [:]
  /// The same for all spawners together.
  var spawnerDescriptors: Inventory = [:]
  var threads: Inventory = [:]
  /// Children by name, zombies marked.
  var children: Inventory = [:]
  /// Processes of the server's session that are neither it nor its children: those that scripts left behind.
  var orphans: Inventory = [:]
  /// Files of the site that are open more often than one for each loop's cache.
  var hoarded: Inventory = [:]

  static let spawnerName = "tollgate-spawn"

  /// How many children are the workers of pools, or programs that run.
  private var workers: Int { children.filter { $0.key != Self.spawnerName }.values.reduce(0, +) }

  init(of pid: pid_t, site: String) {
    (descriptors, hoarded) = Self.descriptors(of: pid, site: site)
    for task in names(in: "/proc/\(pid)/task") {
      guard let name = contents(of: "/proc/\(pid)/task/\(task)/comm") else { continue }
      threads[String(decoding: name.dropLast(), as: UTF8.self), default: 0] += 1
    }
    let loops = threads.filter { $0.key.hasPrefix("tollgate-loop") }.values.reduce(0, +)
    hoarded = hoarded.filter { $0.value > max(1, loops) }
    for entry in Processes.all() where entry.session == pid && entry.pid != pid {
      if entry.parent != pid {
        // Whoever has it as a child now reaps it in its own time.
        if !entry.isOver { orphans[entry.name, default: 0] += 1 }
        continue
      }
      children[entry.isOver ? "\(entry.name) (zombie)" : entry.name, default: 0] += 1
      if entry.name == Self.spawnerName, !entry.isOver {
        spawnerDescriptors.merge(Self.descriptors(of: entry.pid, site: site).others, uniquingKeysWith: +)
      }
    }
  }

  private static func descriptors(of pid: pid_t, site: String) -> (others: Inventory, siteFiles: Inventory) {
    var others: Inventory = [:]
    var siteFiles: Inventory = [:]
    for number in names(in: "/proc/\(pid)/fd") {
      let link = "/proc/\(pid)/fd/\(number)"
      guard let name = destination(ofLink: link) else { continue }
      if name.hasPrefix(site + "/"), isRegular(link) {
        siteFiles[name, default: 0] += 1
        continue
      }
      // `socket:[1234]`: the number is new with each; how many there are is what counts.
      var kind = name.hasPrefix("socket:") || name.hasPrefix("pipe:") ? String(name.prefix { $0 != ":" }) : name
      // A worker's listening socket had a name of its own for a moment.
      if name.hasPrefix("/tmp/tollgate-"), name.hasSuffix("/s (deleted)") { kind = "a worker's socket" }
      others[kind, default: 0] += 1
    }
    return (others, siteFiles)
  }

  private static func isRegular(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// What is different, in words; nothing where both hold the same, and neither too much.
  func differences(since before: Holdings) -> [String] {
    var words: [String] = []
    let kinds: [(String, KeyPath<Holdings, Inventory>)] = [
      ("descriptor", \.descriptors), ("descriptor of a spawner", \.spawnerDescriptors), ("thread", \.threads),
      ("child", \.children), ("orphan", \.orphans), ("descriptor of a served file", \.hoarded),
    ]
    for (kind, path) in kinds {
      let old = before[keyPath: path]
      let new = self[keyPath: path]
      for name in Set(old.keys).union(new.keys).sorted() {
        let was = old[name] ?? 0
        let now = new[name] ?? 0
        // A worker has a connection while it is asked what it can do, and one from its first request on.
        if path == \.descriptors, name == "socket", abs(now - was) <= workers { continue }
        if was != now { words.append("\(kind) «\(name)»: \(was) before, \(now) after") }
      }
    }
    return words
  }
}
