// What one configuration gives, for as long as requests are served by it.

import CGI
import EventLoop
import Kernel
import Log
import Processes
import StaticFiles

/// A configuration in force, or one that was: used from all loops, and never changed. An exchange makes another one.
/// A request is served by the plan that was present when it was dispatched, from then to its end: the index of a route
/// means something in its plan alone. Whoever works on a request holds its plan, and the plan goes with the last.
///
/// What is counted is counted in its plan: programs that still run by an old one take no place of the new one's
/// `concurrency`, so for as long as they do, the sum may be over it.
final class Plan: Sendable {
  let settings: Settings
  let routes: RouteTable
  /// By route; nil where a route runs nothing.
  let admissions: [Admission?]
  /// By route: the row of the spawners' table; nil where a route runs nothing.
  let rows: [Int?]
  /// SERVER_SOFTWARE, in bytes.
  let software: [UInt8]
  let pools: [Pool]
  /// By pool: the row of the spawners' table; nil where somebody else runs the workers.
  let poolRows: [Int?]
  let cacheBudget: CacheBudget

  var limits: Limits { settings.limits }

  /// - Parameter pools: those of the settings, in their order: made for this plan, or of the one before.
  init(_ settings: Settings, pools: [Pool]) {
    self.settings = settings
    software = Array(settings.software.utf8)
    self.pools = pools
    let table = RouteTable(settings.routes, sites: settings.sites)
    routes = table
    admissions = table.routes.map { route in
      route.settings.scripts.map { Admission(concurrency: $0.concurrency, queue: $0.queue) }
    }
    var next = 0
    rows = table.routes.map { route in
      guard route.settings.scripts != nil else { return nil }
      defer { next += 1 }
      return next
    }
    poolRows = pools.map { pool in
      guard pool.hasProcesses else { return nil }
      defer { next += 1 }
      return next
    }
    cacheBudget = CacheBudget(
      limitBytes: settings.limits.fileCacheBytes, descriptorLimit: settings.limits.cachedDescriptors)
  }
}

/// A plan as one lane has it: with the spawner that was told the plan's table, and what is known of the plan's files.
/// The lane holds the present one, every request that outlasts its turn its own; with the last of them the spawner
/// ends. All of that is on the lane's thread.
final class LanePlan {
  let plan: Plan
  let hold: SpawningHold
  let files: FileCache
  /// By pool.
  let holders: [PoolHolder]
  private let pools: [PoolHandle]
  private var interpreters: [FileStatus: [UInt8]] = [:]
  private static let interpretersKept = 1024

  init(_ plan: Plan, _ spawning: Spawning, _ lane: Lane, _ pools: [PoolHandle]) {
    self.plan = plan
    self.pools = pools
    hold = SpawningHold(spawning)
    holders = pools.map { lane.holder(of: $0.pool) }
    files = FileCache(
      budget: plan.cacheBudget, keepUpTo: plan.limits.cachedFileBytes, entryLimit: plan.limits.cachedFiles)
  }

  var spawning: Spawning { hold.spawning }

  /// The row of the spawners' table from which a pool's workers are started; nil where the plan has it not.
  func row(of pool: Pool) -> Int? { plan.pools.firstIndex { $0 === pool }.flatMap { plan.poolRows[$0] } }

  /// The lane has another one: what still runs by this one needs nothing that is remembered only to be quick.
  func retire() {
    files.removeAll()
    interpreters = [:]
  }

  // MARK: Interpreters

  /// What runs a script, as it was read before, or can be read without waiting for a disk.
  func interpreter(of path: [UInt8], _ status: FileStatus, in root: FileRoot) -> [UInt8]? {
    if let known = interpreters[status] { return known }
    let read = Scripts.interpreter(root, path, status, mayWait: false)
    if let read { remember(read, of: status) }
    return read
  }

  func remember(_ interpreter: [UInt8], of status: FileStatus) {
    // A script that changes has another status; the old ones are not worth looking for one by one.
    if interpreters.count >= Self.interpretersKept { interpreters.removeAll() }
    interpreters[status] = interpreter
  }
}

/// Keeps a spawner until everybody has let go of it: the plan that it was started for, and every worker that it has
/// made, since it takes those along when it ends. A pool that stays outlives the plan that it came with.
final class SpawningHold {
  let spawning: Spawning
  init(_ spawning: Spawning) { self.spawning = spawning }
  deinit { spawning.close() }
}
