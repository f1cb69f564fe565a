// The gateway as a whole: listeners, spawners and lanes, from start to end.

import Costs
import EventLoop
import Kernel
import Log
import Processes
import Synchronization

/// Why a gateway did not start, or did not take other settings.
public enum GatewayError: Error, CustomStringConvertible {
  case addressInUse(String)
  /// A listener of the gateway's own, which is to go, is in the way.
  case addressOccupied(String, by: String)
  case cannotListen(String, Errno)
  case noSpawner(String)
  case system(Errno)
  /// The gateway drains, or has ended.
  case ending

  public var description: String {
    switch self {
    case .addressInUse(let address): "\(address) is in use: another server listens there"
    case .addressOccupied(let address, let other):
      "\(address) cannot be listened on beside \(other); to exchange the one for the other, restart the server"
    case .cannotListen(let address, let error): "cannot listen on \(address): \(error)"
    case .noSpawner(let words): words
    case .system(let error): "the system refuses: \(error)"
    case .ending: "the server is ending"
    }
  }
}

/// A gateway. Started once, given other settings (`reload`), then told to drain or to end; used by one thread.
public final class Gateway {
  let shared: Shared
  /// What is in force.
  var plan: Plan
  var pools: [PoolHandle]
  var listeners: [ListenerBox]
  private(set) var isEnding = false
  private let progress = Condition(Progress())

  private struct Progress: Sendable {
    var ready = 0
    var finished = 0
    var failed: Errno?
  }

  /// The addresses that it listens on, the ports as they really are.
  public var addresses: [SocketAddress] { listeners.map { $0.listener.address } }

  /// Binds the listeners, starts the spawners, and only then any thread; serves when it returns.
  /// - Parameters:
  ///   - bills: takes the requests' bills; nil where nobody wants them.
  public init(_ settings: Settings, bills: (any BillSink)?, log: Logger) throws(GatewayError) {
    ThisProcess.keepHeaps()
    listeners = []
    for address in settings.listen { listeners.append(try Self.bind(address)) }
    let loops = Self.loops(settings)
    let programDescriptors = ThisProcess.inheritedDescriptorLimit
    pools = try Self.pools(settings, reusing: [])
    plan = Self.plan(settings, pools, descriptors: ThisProcess.raiseDescriptorLimit(), log: log)
    // Before the first thread.
    let spawners = try Self.startSpawners(plan, count: loops, descriptors: programDescriptors, log: log)
    do {
      shared = try Shared(loops: loops, bills: bills, programDescriptors: programDescriptors, log: log)
    } catch {
      throw .system(error)
    }
    try startLanes(spawners)
  }

  /// How many loops settings want.
  static func loops(_ settings: Settings) -> Int {
    settings.loops == 0 ? ThisProcess.processors() : settings.loops
  }

  static func bind(_ address: SocketAddress) throws(GatewayError) -> ListenerBox {
    do {
      return try ListenerBox(address)
    } catch {
      throw error == .addressInUse ? .addressInUse(address.text) : .cannotListen(address.text, error)
    }
  }

  /// Starts a spawner for each lane, or none.
  static func startSpawners(
    _ plan: Plan, count: Int, descriptors: Int, log: Logger
  ) throws(GatewayError) -> [Handoff<Spawner>] {
    var handoffs: [Handoff<Spawner>] = []
    for _ in 0..<count {
      do {
        handoffs.append(Handoff(try Spawning.start(plan, descriptors: descriptors, log: log)))
      } catch {
        discard(handoffs)
        throw .noSpawner("\(plan.settings.spawnerPath) does not start: \(error)")
      }
    }
    return handoffs
  }

  /// The plan that settings give, its limits within what this process may have open.
  static func plan(_ settings: Settings, _ pools: [PoolHandle], descriptors: Int, log: Logger) -> Plan {
    var settings = settings
    settings.limits.connections = bounded(settings.limits.connections, descriptors: descriptors, log: log)
    settings.limits.cachedDescriptors = min(settings.limits.cachedDescriptors, descriptors / 8)
    return Plan(settings, pools: pools.map(\.pool))
  }

  /// The pools that settings want: the present one where nothing of it changes, its workers included; else a new one.
  static func pools(_ settings: Settings, reusing present: [PoolHandle]) throws(GatewayError) -> [PoolHandle] {
    var pools: [PoolHandle] = []
    for wanted in settings.pools {
      if let same = present.first(where: { $0.pool.settings == wanted }) {
        pools.append(same)
        continue
      }
      do throws(Errno) {
        pools.append(PoolHandle(try Pool(wanted)))
      } catch {
        throw .system(error)
      }
    }
    return pools
  }

  /// Every connection may need some descriptors more: of its file, or of its program.
  private static func bounded(_ wanted: Int, descriptors: Int, log: Logger) -> Int {
    let possible = max(16, descriptors / 2, descriptors - 2048)
    if wanted <= possible { return wanted }
    log.warning("connections = \(wanted) is lowered to \(possible): ulimit -n allows \(descriptors) descriptors")
    return possible
  }

  private func startLanes(_ spawners: [Handoff<Spawner>]) throws(GatewayError) {
    for (number, spawner) in spawners.enumerated() {
      // What a thread's closure captures lives as long as the thread, and the plan shall not.
      Self.startLane(shared, Handoff(plan), Handoff(pools), number, spawner, progress)
    }
    let all = spawners.count
    let outcome = progress.wait { $0.failed != nil || $0.ready == all ? $0 : nil }
    if let error = outcome.failed { throw .system(error) }
    shared.lanes[0].mailbox.post(ListenOrder(listeners: listeners), to: shared.lanes[0].token)
  }

  private static func startLane(
    _ shared: Shared, _ plan: Handoff<Plan>, _ pools: Handoff<[PoolHandle]>, _ number: Int,
    _ spawner: Handoff<Spawner>, _ progress: Condition<Progress>
  ) {
    Threads.start(name: "tollgate-loop\(number)") { runLane(shared, plan, pools, number, spawner, progress) }
  }

  private static func runLane(
    _ shared: Shared, _ plan: Handoff<Plan>, _ pools: Handoff<[PoolHandle]>, _ number: Int,
    _ spawner: Handoff<Spawner>, _ progress: Condition<Progress>
  ) {
    do throws(Errno) {
      let lane = try Lane(
        shared: shared, plan: plan.take()!, pools: pools.take()!, number: number, spawner: spawner.take())
      progress.change { progress in progress.ready += 1 }
      lane.run()
    } catch {
      progress.change { progress in progress.failed = error }
    }
    progress.change { progress in progress.finished += 1 }
  }

  // MARK: The end

  /// Takes no new connection, closes the idle ones, and lets the busy ones finish.
  public func drain() { order(.drain) }

  /// Ends every connection and every program now.
  public func end() { order(.end) }

  /// Whether every lane has finished.
  public var hasEnded: Bool {
    progress.change { progress in progress.finished == shared.lanes.count }
  }

  private func order(_ order: LaneOrder) {
    isEnding = true
    // Whoever comes now is better told so by the kernel than left to wait. The accepting lane has them until it obeys.
    listeners = []
    for lane in shared.lanes { lane.mailbox.post(order, to: lane.token) }
  }
}

/// Posted to the first lane when all are there.
struct ListenOrder: Sendable {
  var listeners: [ListenerBox]
}

/// Carries what one thread made to the thread that will have it.
final class Handoff<Value>: Sendable {
  private let value: Mutex<Value?>

  init(_ value: consuming sending Value?) {
    self.value = Mutex(value)
  }

  func take() -> sending Value? {
    value.withLock { value in
      let taken = value
      value = nil
      return taken
    }
  }
}
