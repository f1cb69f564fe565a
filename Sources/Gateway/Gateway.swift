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
    let table = RouteTable(settings.routes)
    var handoffs: [Handoff<Spawner>] = []
    // One beside each loop. Before the first thread, and with the limits that this process was given.
    for _ in 0..<loops { handoffs.append(Handoff(try Self.startSpawner(table, binary: settings.spawnerPath))) }
    var settings = settings
    settings.limits.connections = Self.boundedConnections(settings.limits.connections, log: log)
    do {
      shared = try Shared(settings: settings, loops: loops, bills: bills, log: log)
    } catch {
      throw .system(error)
    }
    try startLanes(handoffs)
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

  private static func startSpawner(_ table: RouteTable, binary: String) throws(GatewayError) -> sending Spawner? {
    do {
      return try Spawning.start(table, binary: binary)
    } catch {
      throw .noSpawner("\(binary) does not start: \(error)")
    }
  }

  /// Every connection may need some descriptors more: of its file, or of its program.
  private static func boundedConnections(_ wanted: Int, log: Logger) -> Int {
    let descriptors = ThisProcess.raiseDescriptorLimit()
    let possible = max(16, descriptors / 2, descriptors - 2048)
    if wanted <= possible { return wanted }
    log.warning("connections = \(wanted) is lowered to \(possible): ulimit -n allows \(descriptors) descriptors")
    return possible
  }

  private func startLanes(_ handoffs: [Handoff<Spawner>]) throws(GatewayError) {
    let shared = self.shared
    let progress = self.progress
    for (number, handoff) in handoffs.enumerated() {
      Self.startLane(shared, number, handoff, progress)
    }
    let all = handoffs.count
    let outcome = progress.wait { $0.failed != nil || $0.ready == all ? $0 : nil }
    if let error = outcome.failed { throw .system(error) }
    shared.lanes[0].mailbox.post(ListenOrder(listeners: listeners), to: shared.lanes[0].token)
  }

  private static func startLane(
    _ shared: Shared, _ number: Int, _ handoff: Handoff<Spawner>, _ progress: Condition<Progress>
  ) {
    Threads.start(name: "tollgate-loop\(number)") { runLane(shared, number, handoff, progress) }
  }

  private static func runLane(
    _ shared: Shared, _ number: Int, _ handoff: Handoff<Spawner>, _ progress: Condition<Progress>
  ) {
    do throws(Errno) {
      let lane = try Lane(shared: shared, number: number, spawner: handoff.take())
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
