// A lane: one loop with all that serves requests on it. Nothing here is shared: a request is served by one lane from
// head to last byte.

import CGI
import Costs
import EventLoop
import HTTPWire
import Kernel
import Log
import Processes
import StaticFiles

/// Orders to a lane from outside.
enum LaneOrder: Sendable {
  /// Finish what runs, take nothing new.
  case drain
  /// End everything now.
  case end
  /// All lanes owe nothing any more.
  case stop
}

/// Posted to the first lane.
struct LaneDone: Sendable {
  var number: Int
}

/// A client's socket, closed when nobody holds it any more. It goes from lane to lane before a connection's first
/// request, or between two.
final class AcceptedSocket: Sendable {
  let descriptor: Descriptor
  let address: SocketAddress
  /// The address of the listener that it came to.
  let local: SocketAddress

  init(_ descriptor: consuming Descriptor, address: SocketAddress, local: SocketAddress) {
    self.descriptor = descriptor
    self.address = address
    self.local = local
  }
}

final class Lane: LoopTarget, TurnObserver {
  let shared: Shared
  let number: Int
  let loop: EventLoop
  /// The plan in force. From the initializer's end to that of `run`.
  private(set) var present: LanePlan!
  private let endedSpawners: EndedSpawners
  let recorder: Recorder
  private(set) var acceptor: Acceptor?
  private var control: Token?
  var packing: Packing

  /// What one recv fills, up to `receivedBytes`; a connection's unread bytes stand before what comes. Behind that there
  /// is room for a request that a program has made in place of the client's.
  var inbox = [UInt8](repeating: 0, count: receivedBytes + Connection.localRedirectBytes)
  static let receivedBytes = 131_072
  /// What the answers of one turn of a connection are put together in.
  var outbox: [UInt8] = []
  /// What one read of a program's output fills.
  var relay = [UInt8](repeating: 0, count: 65_536)
  var head = RequestHead()
  var target = RequestTarget()
  let date = DateField()

  private(set) var connections: [ObjectIdentifier: Connection] = [:]
  private(set) var runs: [ObjectIdentifier: any ProgramRun] = [:]
  /// Runs whose output has ended in this turn, to be reaped at its end.
  var reapable: [CGIRun] = []
  /// What several records of one read of a worker are brought together in.
  var gathered: [UInt8] = []
  private var messageBuffers: [[UInt8]] = []
  private static let messageBuffersKept = 64
  private static let messageBytesKept = 16_384
  private var holders: [ObjectIdentifier: PoolHolder] = [:]
  private var keepers: [ObjectIdentifier: PoolKeeper] = [:]
  /// Connections whose programs have answered in this turn.
  private var continuing: [Connection] = []
  private static let forgetNanoseconds = 60 * second
  private var forgetting = false
  private(set) var draining = false
  private var ending = false
  private var mayStop = false
  /// The first lane's: those that owe nothing any more.
  private var doneLanes: Set<Int> = []

  init(
    shared: Shared, plan: Plan, pools: [PoolHandle], number: Int, spawner: consuming Spawner?
  ) throws(Errno) {
    self.shared = shared
    self.number = number
    loop = try EventLoop(mailbox: shared.lanes[number].mailbox)
    endedSpawners = EndedSpawners(loop)
    packing = Packing(lane: number, now: loop.now)
    recorder = Recorder(sink: shared.bills, loop: loop)
    control = loop.register(self)
    shared.lanes[number].token = control!
    loop.observer = self
    outbox.reserveCapacity(131_072)
    let spawning = Spawning(plan, shared: shared, loop: loop, ended: endedSpawners, spawner: spawner)
    present = LanePlan(plan, spawning, self, pools)
    keepPools()
  }

  /// Serves until everything has ended, and lets go of all that it had.
  func run() {
    loop.run()
    recorder.close()
    for holder in holders.values { holder.close() }
    holders = [:]
    present.spawning.close()
    endedSpawners.close()
    if let control { loop.unregister(control) }
    loop.observer = nil
  }

  /// What is in force now.
  var plan: Plan { present.plan }

  // MARK: Connections and runs

  func add(_ connection: Connection) { connections[ObjectIdentifier(connection)] = connection }

  /// A connection has closed, or has been handed over.
  func remove(_ connection: Connection, handedOver: Bool = false) {
    connections[ObjectIdentifier(connection)] = nil
    if !handedOver {
      shared.releaseConnection()
      if connections.isEmpty { forgetFilesLater() }
      if let acceptor { acceptor.connectionClosed() } else { wakeAcceptor() }
    }
    stopIfDone()
  }

  /// The caches share one budget: a lane that has nothing to do must not hold what another could use.
  private func forgetFilesLater() {
    guard !forgetting, let control else { return }
    forgetting = true
    loop.schedule(control, at: loop.now + Self.forgetNanoseconds)
  }

  func timerFired(role: UInt8) {
    forgetting = false
    if connections.isEmpty { present.files.removeAll() }
  }

  /// The first lane accepts for all: where it had paused because there were too many connections, one is gone now.
  private func wakeAcceptor() {
    if shared.openConnections == plan.limits.connections - 1 {
      shared.lanes[0].mailbox.post(Acceptor.Resume(), to: shared.lanes[0].token)
    }
  }

  /// Goes on with what a connection's client has sent ahead when the turn's programs have been reaped.
  func continueAtTurnEnd(_ connection: Connection) { continuing.append(connection) }

  func add(_ run: any ProgramRun) { runs[ObjectIdentifier(run)] = run }

  func remove(_ run: any ProgramRun) {
    runs[ObjectIdentifier(run)] = nil
    stopIfDone()
  }

  // MARK: Pools

  /// This lane's side of a pool.
  func holder(of pool: Pool) -> PoolHolder {
    if let holder = holders[ObjectIdentifier(pool)] { return holder }
    let holder = PoolHolder(pool, self)
    holders[ObjectIdentifier(pool)] = holder
    return holder
  }

  /// A pool is no longer wanted.
  func close(_ holder: PoolHolder) {
    holders[ObjectIdentifier(holder.pool)] = nil
    holder.close()
  }

  /// The first lane keeps the workers of all pools.
  private func keepPools() {
    if number != 0 { return }
    for pool in plan.pools where pool.hasProcesses {
      if let keeper = keepers[ObjectIdentifier(pool)] {
        keeper.follow(present)
      } else {
        keepers[ObjectIdentifier(pool)] = PoolKeeper(pool, self, present)
      }
    }
  }

  /// The last worker of a pool has ended.
  func ended(_ keeper: PoolKeeper) {
    keepers[ObjectIdentifier(keeper.pool)] = nil
    stopIfDone()
  }

  /// A buffer for what a worker is told, so that not every request makes one.
  func takeMessageBuffer() -> [UInt8] { messageBuffers.popLast() ?? [] }

  func giveBack(messageBuffer: consuming [UInt8]) {
    guard messageBuffers.count < Self.messageBuffersKept, messageBuffer.capacity <= Self.messageBytesKept else {
      return
    }
    messageBuffer.removeAll(keepingCapacity: true)
    messageBuffers.append(messageBuffer)
  }

  /// Takes a connection that was accepted by, or served on, another lane.
  func adopt(_ socket: AcceptedSocket) {
    do {
      let connection = try Connection(self, socket)
      add(connection)
      if draining { connection.drain() }
    } catch {
      shared.releaseConnection()
      shared.log.error("a connection from \(socket.address.text) was closed: \(error)")
    }
  }

  /// Closes the files that are kept open, where descriptors have run out.
  /// - Returns: whether there were any.
  func giveUpFiles() -> Bool { present.files.removeDescriptors() }

  // MARK: The loop's calls

  func ready(_ readiness: Readiness, role: UInt8) {
    preconditionFailure("the control registration has no descriptor")
  }

  func received(_ message: any Sendable, role: UInt8) {
    switch message {
    case let socket as AcceptedSocket: adopt(socket)
    case let order as ListenOrder:
      if !draining { acceptor = Acceptor(self, order.listeners) }
    case is Acceptor.Resume: acceptor?.connectionClosed()
    case let order as PlanOrder: exchange(order)
    case let order as LaneOrder: obey(order)
    case let done as LaneDone: laneIsDone(done.number)
    default: preconditionFailure("a lane cannot take \(type(of: message))")
    }
  }

  func turnEnded(now: Int64, busyNanoseconds: Int64) {
    while let run = reapable.popLast() { run.reapAfterOutput() }
    // What they do may let others go on at this end, too.
    while let connection = continuing.popLast() { connection.continueWithInput() }
    packing.turnEnded(
      now: now, busyNanoseconds: busyNanoseconds, connections: connections.count, lanes: shared.lanes)
    recorder.turnEnded(now: now)
  }

  /// Takes another plan. What is under way keeps the one that it has.
  private func exchange(_ order: PlanOrder) {
    let spawning = Spawning(
      order.plan, shared: shared, loop: loop, ended: endedSpawners, spawner: order.spawner.take())
    present.retire()
    present = LanePlan(order.plan, spawning, self, order.pools)
    keepPools()
    acceptor?.exchange(order.listeners)
    order.taken.change { $0 += 1 }
  }

  // MARK: The end

  private func obey(_ order: LaneOrder) {
    draining = true
    // Who waits at a listener was let in by the kernel, and is served all the same.
    acceptor?.exchange([])
    acceptor?.close()
    acceptor = nil
    switch order {
    case .drain:
      for connection in Array(connections.values) { connection.drain() }
    case .end:
      ending = true
      for connection in Array(connections.values) { connection.close() }
      for run in Array(runs.values) { run.endNow() }
      for keeper in Array(keepers.values) { keeper.stop(grace: 0) }
    case .stop: mayStop = true
    }
    stopIfDone()
  }

  /// A lane that owes nothing any more says so to the first one, and goes on until that one lets all of them stop: it
  /// may have the connection to a worker that another lane needs.
  private func stopIfDone() {
    guard draining, connections.isEmpty, runs.isEmpty else { return }
    if mayStop { return loop.stop() }
    present.files.removeAll()
    if number == 0 {
      laneIsDone(0)
    } else {
      shared.lanes[0].mailbox.post(LaneDone(number: number), to: shared.lanes[0].token)
    }
  }

  private func laneIsDone(_ number: Int) {
    doneLanes.insert(number)
    if doneLanes.count < shared.lanes.count { return }
    // Nobody wants a worker any more.
    for keeper in Array(keepers.values) {
      // With the connections of all lanes: php-cgi waits in read(2) for the end of its own, and takes no TERM there.
      keeper.pool.giveUp()
      if ending { keeper.stop(grace: 0) }
    }
    if !keepers.isEmpty { return }
    for lane in shared.lanes { lane.mailbox.post(LaneOrder.stop, to: lane.token) }
  }
}
