import EventLoop
import Kernel
import Log
import Processes

/// A lane's spawner: watched, and replaced when it dies.
final class Spawning: LoopTarget {
  /// How long a spawner may leave a request unanswered.
  static let patience = 10 * second
  private static let retryNanoseconds = 50 * millisecond
  /// The least time between two starts, once so many in a row have come to nothing.
  private static let pauseNanoseconds = second
  private var startedAt: Int64 = 0
  private static let quickStarts = 4
  private var hasServed = false
  private var quickDeaths = 0

  private let shared: Shared
  private let loop: EventLoop
  private(set) var current: Spawner?
  private var watch: Token?
  private var timer: Token?
  /// Dead spawners that the kernel has not let go of yet.
  private var unreaped: [Int32] = []

  init(shared: Shared, loop: EventLoop, spawner: consuming Spawner?) {
    self.shared = shared
    self.loop = loop
    current = spawner
    timer = loop.register(self, role: 1)
    watchCurrent()
  }

  /// Lets the spawner go, which ends then.
  func close() {
    for token in [watch, timer].compactMap({ $0 }) { loop.unregister(token) }
    (watch, timer) = (nil, nil)
    current?.close()
    current = nil
  }

  /// The table of what the spawners of these settings may run.
  static func targets(_ routes: RouteTable) -> [SpawnTarget] {
    routes.routes.compactMap { route in
      guard case .programs(let program) = route.model else { return nil }
      return .directory(program.directory)
    }
  }

  /// Starts a spawner: one slot for each program that may run at once.
  static func start(_ routes: RouteTable, binary: String) throws(SpawnError) -> Spawner? {
    let targets = targets(routes)
    if targets.isEmpty { return nil }
    let running = routes.routes.reduce(0) { sum, route in
      if case .programs(let program) = route.model { sum + program.concurrency } else { sum }
    }
    return try Spawner(binary: binary, targets: targets, slots: min(65_536, running + 16))
  }

  private func watchCurrent() {
    guard let current else { return }
    do {
      watch = try loop.register(current.descriptor, .readable, self)
    } catch {
      shared.log.error("cannot watch the spawner: \(error)")
    }
  }

  /// A spawner has made a process.
  func served(by spawner: Spawner) {
    if spawner === current { hasServed = true }
  }

  /// A spawner that does not answer is ended; its death brings the next one.
  func giveUp(on spawner: Spawner) {
    guard spawner === current else { return }
    shared.log.error("the spawner \(spawner.pid) has not answered for \(Self.patience / second) s and is replaced")
    _ = Reaper.signalGroup(spawner.pid, Signal.kill)
  }

  func ready(_ readiness: Readiness, role: UInt8) {
    guard let dead = current, let watch else { return }
    loop.unregister(watch)
    self.watch = nil
    current = nil
    shared.log.error("the spawner \(dead.pid) has died and is replaced")
    unreaped.append(dead.pid)
    // One that dies as soon as it is started, each time, would be started all day.
    quickDeaths = hasServed || loop.now - startedAt > Self.pauseNanoseconds ? 0 : quickDeaths + 1
    if quickDeaths < Self.quickStarts { replace() }
    reap()
  }

  private func replace() {
    startedAt = loop.now
    hasServed = false
    do {
      current = try Self.start(shared.routes, binary: shared.settings.spawnerPath)
      if let current { restoreLimit(of: current) }
      watchCurrent()
    } catch {
      shared.log.critical("no spawner can be started, scripts get 503: \(error)")
    }
  }

  /// The first spawners were started before this process raised its limit, and what they start should not find
  /// another one after a replacement.
  private func restoreLimit(of spawner: Spawner) {
    do {
      try ThisProcess.setDescriptorLimit(of: spawner.pid, shared.settings.programDescriptors)
    } catch {
      shared.log.error("the spawner \(spawner.pid) keeps this process's limit of descriptors: \(error)")
    }
  }

  private func reap() {
    unreaped.removeAll { pid in
      do {
        return try Reaper.poll(pid: pid) != nil
      } catch {
        // It is no child of this process any more.
        return true
      }
    }
    if unreaped.isEmpty && current != nil { return }
    if let timer { loop.schedule(timer, at: loop.now + Self.retryNanoseconds) }
  }

  func timerFired(role: UInt8) {
    if current == nil, loop.now - startedAt > Self.pauseNanoseconds { replace() }
    reap()
  }
}
