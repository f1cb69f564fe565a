// A scenario: a fresh site, a fresh server, something that happens, and then the same server as before.

import Glibc
import Kernel
import Synchronization
import Testing

/// All scenarios: one after another, since each looks at its server's processes and descriptors.
@Suite("End to end", .serialized) enum EndToEndTests {}

/// How long a scenario may take, its start and end included.
let scenarioSeconds = 20.0

/// Runs a scenario on a server of its own, and fails where the server then holds a descriptor, a thread or a child more
/// or less than before, where it does not end by TERM with exit 0, or where all of it takes longer than 20 s.
/// - Parameters:
///   - name: for the messages.
///   - arguments: behind `serve DIR`.
///   - configuration: written to the site as `tollgate.toml`, and served in place of the directory.
///   - fill: puts files and scripts into the site before the server starts.
///   - body: what happens. Its connections are closed when it returns; where it throws, the log is told with it.
func scenario(
  _ name: String, arguments: [String] = [], configuration: String? = nil,
  site fill: (Site) throws -> Void = { _ in },
  sourceLocation: SourceLocation = #_sourceLocation, _ body: (Server) throws -> Void
) throws {
  let site = try Site()
  defer { site.remove() }
  try fill(site)
  var arguments = arguments
  if let configuration {
    try site.write("tollgate.toml", configuration)
    arguments += ["--config", site.absolute("tollgate.toml")]
  }
  let server = try Server(site, arguments: arguments)
  let watchdog = Watchdog(server, seconds: scenarioSeconds)
  defer { server.process.killAll() }
  if let configuration { awaitWorkers(server, configuration) }
  let before = settledHoldings(server)
  do {
    try body(server)
  } catch {
    let reason = watchdog.hasBitten ? "it took longer than \(scenarioSeconds) s; " : ""
    let tail = server.log.suffix(20).joined(separator: "\n")
    Issue.record("\(name): \(reason)\(error)\nThe server's log:\n\(tail)", sourceLocation: sourceLocation)
  }
  var differences: [String] = []
  if server.process.hasEnded == nil {
    _ = eventually(within: 3) {
      differences = Holdings(of: server.pid, site: site.path).differences(since: before)
      return differences.isEmpty
    }
  }
  watchdog.rest()
  for difference in differences {
    Issue.record("\(name): the server does not hold what it held: \(difference)", sourceLocation: sourceLocation)
  }
  for fault in server.stop() {
    let tail = server.log.suffix(10).joined(separator: "\n")
    Issue.record("\(name): \(fault)\nThe server's log:\n\(tail)", sourceLocation: sourceLocation)
  }
  if watchdog.hasBitten {
    Issue.record("\(name): took longer than \(scenarioSeconds) s", sourceLocation: sourceLocation)
  }
}

/// Waits until the workers of a configuration's pools are there, as far as they come: each is a child, and a few
/// descriptors, that a scenario did not leave behind.
private func awaitWorkers(_ server: Server, _ configuration: String) {
  let counts = configuration.split(separator: "\n").compactMap { line -> Int? in
    line.hasPrefix("workers = ") ? Int(line.dropFirst("workers = ".count)) : nil
  }
  _ = eventually(within: 2) { server.programs.count >= counts.reduce(0, +) }
}

/// What a server holds once its start is over: when two looks a moment apart see the same.
private func settledHoldings(_ server: Server) -> Holdings {
  var seen = Holdings(of: server.pid, site: server.site.path)
  _ = eventually(within: 2) {
    Clock.sleep(milliseconds: 20)
    let again = Holdings(of: server.pid, site: server.site.path)
    defer { seen = again }
    return again == seen
  }
  return seen
}

/// Kills a server that a scenario hangs on, so that the scenario ends.
final class Watchdog: Sendable {
  private enum State { case watching, bitten, resting }
  private let state = Mutex(State.watching)

  init(_ server: Server, seconds: Double) {
    let deadline = Clock.monotonic() + Int64(seconds * 1e9)
    Threads.start(name: "watchdog") { [self] in
      while state.withLock({ $0 == .watching }) {
        if Clock.monotonic() > deadline {
          state.withLock { if $0 == .watching { $0 = .bitten } }
          server.process.killAll()
          return
        }
        Clock.sleep(milliseconds: 20)
      }
    }
  }

  var hasBitten: Bool { state.withLock { $0 == .bitten } }

  func rest() { state.withLock { if $0 == .watching { $0 = .resting } } }
}
