// The gateway as a whole: listeners, spawners and lanes, from start to end.

import Costs
import EventLoop
import Kernel
import Log
import Processes
import Synchronization

/// Why a gateway did not start.
public enum GatewayError: Error, CustomStringConvertible {
  case addressInUse(String)
  case cannotListen(String, Errno)
  case noSpawner(String)
  case system(Errno)

  public var description: String {
    switch self {
    case .addressInUse(let address): "\(address) is in use: another server listens there"
    case .cannotListen(let address, let error): "cannot listen on \(address): \(error)"
    case .noSpawner(let words): words
    case .system(let error): "the system refuses: \(error)"
    }
  }
}

/// A gateway. Started once, then told to drain or to end; used by one thread.
public final class Gateway {
  private let shared: Shared
  /// What is in force.
  private(set) var plan: Plan
  private let listeners: [ListenerBox]
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
    listeners = try Self.bind(settings.listen)
    let loops = settings.loops == 0 ? ThisProcess.processors() : settings.loops
    let programDescriptors = ThisProcess.descriptorLimit()
    plan = Self.plan(settings, descriptors: ThisProcess.raiseDescriptorLimit(), log: log)
    // Before the first thread.
    let spawners = try Self.startSpawners(plan, count: loops, descriptors: programDescriptors, log: log)
    do {
      shared = try Shared(loops: loops, bills: bills, programDescriptors: programDescriptors, log: log)
    } catch {
      throw .system(error)
    }
    try startLanes(spawners)
  }

  /// The routes' paths in the order in which bills number them.
  public static func routePaths(_ settings: Settings) -> [[UInt8]] {
    RouteTable(settings.routes).routes.map(\.pathBytes)
  }

  private static func bind(_ addresses: [SocketAddress]) throws(GatewayError) -> [ListenerBox] {
    var listeners: [ListenerBox] = []
    for address in addresses {
      do {
        listeners.append(ListenerBox(try Listener(address)))
      } catch {
        throw error == .addressInUse ? .addressInUse(address.text) : .cannotListen(address.text, error)
      }
    }
    return listeners
  }

  /// Starts a spawner for each lane.
  private static func startSpawners(
    _ plan: Plan, count: Int, descriptors: Int, log: Logger
  ) throws(GatewayError) -> [Handoff<Spawner>] {
    var handoffs: [Handoff<Spawner>] = []
    for _ in 0..<count {
      do {
        handoffs.append(Handoff(try Spawning.start(plan, descriptors: descriptors, log: log)))
      } catch {
        throw .noSpawner("\(plan.settings.spawnerPath) does not start: \(error)")
      }
    }
    return handoffs
  }

  /// The plan that settings give, its limits within what this process may have open.
  private static func plan(_ settings: Settings, descriptors: Int, log: Logger) -> Plan {
    var settings = settings
    settings.limits.connections = bounded(settings.limits.connections, descriptors: descriptors, log: log)
    settings.limits.cachedDescriptors = min(settings.limits.cachedDescriptors, descriptors / 8)
    return Plan(settings)
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
      Self.startLane(shared, plan, number, spawner, progress)
    }
    let all = spawners.count
    let outcome = progress.wait { $0.failed != nil || $0.ready == all ? $0 : nil }
    if let error = outcome.failed { throw .system(error) }
    shared.lanes[0].mailbox.post(ListenOrder(listeners: listeners), to: shared.lanes[0].token)
  }

  private static func startLane(
    _ shared: Shared, _ plan: Plan, _ number: Int, _ spawner: Handoff<Spawner>, _ progress: Condition<Progress>
  ) {
    Threads.start(name: "tollgate-loop\(number)") { runLane(shared, plan, number, spawner, progress) }
  }

  private static func runLane(
    _ shared: Shared, _ plan: Plan, _ number: Int, _ spawner: Handoff<Spawner>, _ progress: Condition<Progress>
  ) {
    do throws(Errno) {
      let lane = try Lane(shared: shared, plan: plan, number: number, spawner: spawner.take())
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
