import EventLoop
import Kernel
import Log
import Processes

/// A lane's spawner for one plan: watched, and replaced when it dies.
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

  private let plan: Plan
  private let shared: Shared
  private let loop: EventLoop
  private let ended: EndedSpawners
  private(set) var current: Spawner?
  private var watch: Token?
  private var timer: Token?

  init(_ plan: Plan, shared: Shared, loop: EventLoop, ended: EndedSpawners, spawner: consuming Spawner?) {
    self.plan = plan
    self.shared = shared
    self.loop = loop
    self.ended = ended
    current = spawner
    timer = loop.register(self, role: 1)
    watchCurrent()
  }

  /// Lets the spawner go, which ends then.
  func close() {
    for token in [watch, timer].compactMap({ $0 }) { loop.unregister(token) }
    (watch, timer) = (nil, nil)
    guard let spawner = current else { return }
    current = nil
    spawner.close()
    ended.reap(spawner.pid)
  }

  /// Starts a spawner for what a plan's routes run: one slot for each program that may run at once.
  /// - Parameter descriptors: the soft limit of open descriptors that the programs get, since this process has raised
  ///   its own.
  /// - Returns: nil where nothing is run.
  static func start(_ plan: Plan, descriptors: Int, log: Logger) throws(SpawnError) -> sending Spawner? {
    var targets: [SpawnTarget] = []
    var running = 0
    for case let program? in plan.routes.routes.map(\.settings.scripts) {
      targets.append(program.target)
      running += program.concurrency
    }
    for pool in plan.pools {
      guard case .command(let program, _, let directory, _, let workers) = pool.settings.source else { continue }
      targets.append(.program(program, directory: directory))
      // Twice, since one may be on its way out while its successor starts.
      running += 2 * workers
    }
    if targets.isEmpty { return nil }
    let spawner = try Spawner(binary: plan.settings.spawnerPath, targets: targets, slots: min(65_536, running + 16))
    do {
      try ThisProcess.setDescriptorLimit(of: spawner.pid, descriptors)
    } catch {
      log.error("the spawner \(spawner.pid) keeps this process's limit of descriptors: \(error)")
    }
    return spawner
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
    ended.reap(dead.pid)
    // One that dies as soon as it is started, each time, would be started all day.
    quickDeaths = hasServed || loop.now - startedAt > Self.pauseNanoseconds ? 0 : quickDeaths + 1
    if quickDeaths < Self.quickStarts { replace() } else { replaceLater() }
  }

  private func replace() {
    startedAt = loop.now
    hasServed = false
    do {
      current = try Self.start(plan, descriptors: shared.programDescriptors, log: shared.log)
      watchCurrent()
    } catch {
      shared.log.critical("no spawner can be started, scripts get 503: \(error)")
      replaceLater()
    }
  }

  private func replaceLater() {
    if let timer { loop.schedule(timer, at: startedAt + Self.pauseNanoseconds) }
  }

  func timerFired(role: UInt8) { if current == nil { replace() } }
}

/// A lane's spawners that have ended, or will when they see that their socket is closed, until they are reaped.
final class EndedSpawners: LoopTarget {
  private static let retryNanoseconds = 50 * millisecond

  private let loop: EventLoop
  private var timer: Token?
  private var pids: [Int32] = []

  init(_ loop: EventLoop) {
    self.loop = loop
    timer = loop.register(self)
  }

  /// Sees to it that a spawner leaves no zombie behind.
  func reap(_ pid: Int32) {
    pids.append(pid)
    reapEnded()
  }

  /// The lane has ended; what is left is init's when the process has.
  func close() {
    if let timer { loop.unregister(timer) }
    timer = nil
  }

  private func reapEnded() {
    pids.removeAll { pid in
      do {
        return try Reaper.poll(pid: pid) != nil
      } catch {
        // It is no child of this process any more.
        return true
      }
    }
    if let timer, !pids.isEmpty { loop.schedule(timer, at: loop.now + Self.retryNanoseconds) }
  }

  func timerFired(role: UInt8) { reapEnded() }

  func ready(_ readiness: Readiness, role: UInt8) {
    preconditionFailure("an ended spawner is not watched")
  }
}
