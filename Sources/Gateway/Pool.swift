// A pool of workers as all loops see it: the policy behind one short lock, and what the policy's slots stand for.

import CGI
import EventLoop
import Kernel
import Processes
import Synchronization
import WorkerPool

/// What a pool is told.
public struct PoolSettings: Sendable, Equatable {
  /// Where the workers come from.
  public enum Source: Sendable, Equatable {
    /// The gateway starts them: `workers` processes of a program, by its absolute path, each with a listening socket
    /// as its descriptor 0.
    case command(
      program: String, arguments: [String], directory: String, environment: [RequestContext.Variable], workers: Int)
    /// Somebody else runs them: up to `connections` at once to this address.
    case connect(SocketAddress, connections: Int)
  }

  public var name: String
  public var source: Source
  /// `timeout`: the wait for the answer's head, and any silence after it.
  public var timeout: Int64 = 60 * second
  /// `queue`: how many may wait for a worker.
  public var queue = 256
  /// `queue_timeout`: how long one may wait.
  public var queueTimeout: Int64 = 10 * second
  /// From TERM to KILL for a worker that is to end.
  public var killGrace: Int64 = 5 * second
  /// The longest head that a worker may print.
  public var headBytes = 65_536
  /// The longest line of standard error, the process's or FCGI_STDERR, that the log keeps whole.
  public var errorLineBytes = 8_192

  public init(name: String, source: Source) {
    self.name = name
    self.source = source
  }

  var slots: Int {
    switch source {
    case .command(_, _, _, _, let workers): workers
    case .connect(_, let connections): connections
    }
  }
}

/// Whom a pool tells what became of its wish: a target of some loop.
struct PoolAsker: Sendable {
  var mailbox: Mailbox
  var token: Token
  var lane: Int
}

/// A worker that a request has, until `Pool.leave`.
struct PoolGrant: Sendable {
  var worker: WorkerPool.Worker
  var request: WorkerPool.Request
  /// The worker's process and its processor clock; nil where somebody else runs it.
  var pid: Int32?
  var clock: ProcessClock?
  /// What the clock said when the worker's last request ended.
  var processor: Int64 = 0
  /// How many requests it has answered.
  var answered = 0
  /// Where the slot's open connection is, if there is one: the lane.
  var connectionAt: Int?
  /// The connection itself, where the lane that had it gives it along.
  var connection: WorkerConnection?
}

/// The request waits in vain: no worker runs. Posted to one that waited, who is to `cancel`.
struct PoolRefusal: Sendable {
  var words: String
}

/// The request has a slot whose process is gone and will not be replaced soon. Posted to one that has a worker.
struct PoolForsaken: Sendable {
  /// The process that is gone.
  var worker: WorkerPool.Worker
  var words: String

  /// Whether it speaks of the worker that a request has by now: it may have got another one while this was under way.
  func concerns(_ granted: WorkerPool.Worker?) -> Bool {
    guard let granted else { return false }
    // A request may keep its slot from one process to the next.
    return granted.slot == worker.slot && granted.generation <= worker.generation
  }
}

/// Orders to the keeper of a pool.
enum PoolOrder: Sendable {
  /// A worker is to be replaced.
  case end(WorkerPool.Worker)
  /// The pool is no longer wanted.
  case stop
}

final class Pool: Sendable {
  enum Entry {
    case granted(PoolGrant)
    /// A `PoolGrant` or a `PoolRefusal` will be posted.
    case queued(WorkerPool.Request)
    case full
    case noWorker(String)
  }

  /// What a slot's process is, as far as those who use it must know.
  fileprivate struct Slot {
    var pid: Int32?
    var clock: ProcessClock?
    var processor: Int64 = 0
    var connectionAt: Int?
    var figures = WorkerFigures()
  }

  fileprivate struct State {
    var machine: WorkerPool
    var slots: [Slot]
    /// By `WorkerPool.Request`.
    var askers: [PoolAsker?] = []
    var freeRequests: [WorkerPool.Request] = []
    /// Why no worker runs, in words.
    var trouble = ""
    var keeper: PoolAsker?
    /// By lane: who holds the idle connections there.
    var holders: [Int: PoolAsker] = [:]
  }

  let settings: PoolSettings
  /// By slot, where the gateway starts the workers: held open across their restarts, so that a connection made in
  /// between waits for the next.
  let listeners: [WorkerListener]
  private let state: Mutex<State>

  /// - Throws: what making the workers' sockets does.
  init(_ settings: PoolSettings) throws(Errno) {
    self.settings = settings
    var machine = WorkerPool(WorkerPool.Limits(slots: settings.slots, queue: settings.queue))
    var listeners: [WorkerListener] = []
    switch settings.source {
    case .command:
      for _ in 0..<settings.slots { listeners.append(WorkerListener(try PrivateListener())) }
    case .connect:
      for slot in 0..<settings.slots { _ = machine.started(slot) }
    }
    self.listeners = listeners
    state = Mutex(State(machine: machine, slots: [Slot](repeating: Slot(), count: settings.slots)))
  }

  var name: String { settings.name }

  /// Whether its workers are the gateway's own processes.
  var hasProcesses: Bool { !listeners.isEmpty }

  /// Whether a connection stays open between two requests. Not to somebody else's workers: each connection that is kept
  /// takes one of them out of use, and if there are fewer of them than `max_connections`, the next one would wait for
  /// ever in their backlog.
  var keepsConnections: Bool { hasProcesses }

  /// Where a slot's worker is reached.
  func address(of slot: WorkerPool.Slot) -> SocketAddress {
    switch settings.source {
    case .command: listeners[slot].listener.address
    case .connect(let address, _): address
    }
  }

  // MARK: Requests

  /// Asks for a worker.
  /// - Parameter again: whether the request met a dead worker and goes before the others.
  func enter(_ asker: PoolAsker, again: Bool) -> Entry {
    state.withLock { state in
      let request = state.number(asker)
      switch state.machine.arrive(request, owner: asker.lane, again: again) {
      case .granted(let worker): return .granted(state.grant(worker, request))
      case .queued: return .queued(request)
      case .full:
        state.forget(request)
        return .full
      case .noWorker:
        state.forget(request)
        return .noWorker(state.trouble)
      }
    }
  }

  /// A request no longer wants a worker.
  /// - Returns: the worker that it was granted in the meantime, to be given back.
  func cancel(_ request: WorkerPool.Request) -> PoolGrant? {
    state.withLock { state in
      switch state.machine.cancel(request) {
      case .left:
        state.forget(request)
        return nil
      case .granted(let worker): return state.grant(worker, request)
      }
    }
  }

  /// Gives a worker back.
  /// - Parameters:
  ///   - connectionAt: the lane that keeps the connection open; nil where there is none any more.
  ///   - answered: whether the worker has answered the request.
  ///   - cost: the processor time of the request, and the clock at its end.
  /// - Returns: who gets the worker next, and what is to be told; the caller posts it, with the connection.
  func leave(
    _ grant: PoolGrant, lane: Int, connectionAt: Int?, answered: Bool, cost: WorkerCost?
  ) -> (asker: PoolAsker, grant: PoolGrant)? {
    state.withLock { state in
      let slot = grant.worker.slot
      state.slots[slot].connectionAt = connectionAt
      if grant.worker == state.machine.worker(of: slot) {
        if answered { state.trouble = "" }
        state.slots[slot].figures.add(cost, answered: answered)
        if let cost { state.slots[slot].processor = cost.clockAtEnd }
      }
      state.forget(grant.request)
      guard case .grant(let worker, let request) = state.machine.release(grant.worker, owner: lane, answered: answered),
        let asker = state.askers[request]
      else { return nil }
      return (asker, state.grant(worker, request))
    }
  }

  /// Why its program does not work, in words; empty where one of its workers has answered since.
  var trouble: String { state.withLock { $0.trouble } }

  /// An idle connection has been closed by its worker.
  func connectionClosed(_ slot: WorkerPool.Slot, at lane: Int) {
    state.withLock { state in
      if state.slots[slot].connectionAt == lane { state.slots[slot].connectionAt = nil }
    }
  }

  /// A worker is to be replaced: it does not answer. Somebody else's is not ours to replace.
  func retire(_ worker: WorkerPool.Worker) {
    guard hasProcesses else { return }
    let keeper = state.withLock { state in
      if case .end = state.machine.retire(worker) { return state.keeper }
      return nil
    }
    keeper?.mailbox.post(PoolOrder.end(worker), to: keeper!.token)
  }

  /// Whether a worker is still to be ended: when the order comes, its successor may have been started.
  func isRetiring(_ worker: WorkerPool.Worker) -> Bool {
    state.withLock {
      $0.machine.worker(of: worker.slot) == worker && $0.machine.process(of: worker.slot) == .retiring
    }
  }

  // MARK: The keeper's events

  func started(_ slot: WorkerPool.Slot, pid: Int32, probe: PoolAsker?) -> PoolGrant? {
    let (probing, next) = state.withLock { state -> (PoolGrant?, (PoolAsker, PoolGrant)?) in
      state.slots[slot].pid = pid
      state.slots[slot].clock = ProcessClock(pid: pid)
      state.slots[slot].processor = 0
      state.slots[slot].figures = WorkerFigures()
      let request = probe.map { state.number($0) }
      let action = state.machine.started(slot, reservedFor: request)
      if let request {
        if state.machine.request(of: slot) == request {
          return (state.grant(state.machine.worker(of: slot), request), nil)
        }
        state.forget(request)
      }
      guard case .grant(let worker, let next) = action, let asker = state.askers[next] else { return (nil, nil) }
      return (nil, (asker, state.grant(worker, next)))
    }
    if let (asker, grant) = next { asker.mailbox.post(grant, to: asker.token) }
    return probing
  }

  /// - Parameter trouble: why, in words for those who wait in vain.
  func startFailed(_ slot: WorkerPool.Slot, now: Int64, trouble: String) -> [WorkerPool.Action] {
    change(trouble: trouble) { $0.startFailed(slot, now: now) }
  }

  /// - Parameter trouble: the same; nil where the end says nothing against the program.
  func exited(_ slot: WorkerPool.Slot, now: Int64, trouble: String?) -> [WorkerPool.Action] {
    state.withLock { state in
      state.slots[slot].pid = nil
      state.slots[slot].clock = nil
      // Its connection is dead, whether or not the lane that has it knows.
      state.slots[slot].connectionAt = nil
    }
    return change(trouble: trouble) { $0.exited(slot, now: now) }
  }

  func pauseEnded(_ slot: WorkerPool.Slot, now: Int64) -> [WorkerPool.Action] {
    change(trouble: nil) { $0.pauseEnded(slot, now: now) }
  }

  func stop() -> [WorkerPool.Action] { change(trouble: nil) { $0.stop() } }

  /// Performs an event and tells those whom it concerns.
  /// - Returns: the actions that are the keeper's.
  private func change(
    trouble: String?, _ event: (inout WorkerPool) -> [WorkerPool.Action]
  ) -> [WorkerPool.Action] {
    var letters: [(PoolAsker, any Sendable)] = []
    let actions = state.withLock { state in
      if let trouble { state.trouble = trouble }
      return event(&state.machine).filter { action in
        switch action {
        case .start, .pause, .end: return true
        case .grant(let worker, let request):
          if let asker = state.askers[request] { letters.append((asker, state.grant(worker, request))) }
        case .refuse(let request):
          // Its number stays its own until it cancels: one that leaves before it has heard of this would else cancel
          // the wish of whoever has the number next.
          if let asker = state.askers[request] { letters.append((asker, PoolRefusal(words: state.trouble))) }
        case .forsake(let worker, let request):
          if let asker = state.askers[request] {
            letters.append((asker, PoolForsaken(worker: worker, words: state.trouble)))
          }
        }
        return false
      }
    }
    for (asker, letter) in letters { asker.mailbox.post(letter, to: asker.token) }
    return actions
  }

  /// Whether a worker has answered since its start.
  func hasAnswered(_ slot: WorkerPool.Slot) -> Bool {
    state.withLock { $0.machine.process(of: slot) == .up(answered: true) }
  }

  /// Whether a request has the slot, and may be the first that its worker answers.
  func owesFirstAnswer(_ slot: WorkerPool.Slot) -> Bool {
    state.withLock { $0.machine.process(of: slot) == .up(answered: false) && $0.machine.request(of: slot) != nil }
  }

  /// What a worker has done, taken when its process has ended.
  func figures(of slot: WorkerPool.Slot) -> WorkerFigures { state.withLock { $0.slots[slot].figures } }

  // MARK: Who keeps what

  func setKeeper(_ keeper: PoolAsker) { state.withLock { $0.keeper = keeper } }

  func setHolder(_ holder: PoolAsker?, lane: Int) {
    state.withLock { state in
      state.holders[lane] = holder
      if holder == nil {
        for slot in state.slots.indices where state.slots[slot].connectionAt == lane {
          state.slots[slot].connectionAt = nil
        }
      }
    }
  }

  func holder(at lane: Int) -> PoolAsker? { state.withLock { $0.holders[lane] } }

  /// No configuration that is in force, and no request, has the pool any more.
  func giveUp() {
    // The keeper first: what it asks of a worker ends while its lane still has a place for the connection.
    let all = state.withLock { [$0.keeper].compactMap { $0 } + Array($0.holders.values) }
    for one in all { one.mailbox.post(PoolOrder.stop, to: one.token) }
  }
}

extension Pool.State {
  mutating func number(_ asker: PoolAsker) -> WorkerPool.Request {
    if let request = freeRequests.popLast() {
      askers[request] = asker
      return request
    }
    askers.append(asker)
    return askers.count - 1
  }

  mutating func forget(_ request: WorkerPool.Request) {
    if askers[request] == nil { return }
    askers[request] = nil
    freeRequests.append(request)
  }

  func grant(_ worker: WorkerPool.Worker, _ request: WorkerPool.Request) -> PoolGrant {
    let slot = slots[worker.slot]
    return PoolGrant(
      worker: worker, request: request, pid: slot.pid, clock: slot.clock, processor: slot.processor,
      answered: slot.figures.requests, connectionAt: slot.connectionAt)
  }
}

/// A worker's listening socket.
final class WorkerListener: Sendable {
  let listener: PrivateListener
  init(_ listener: consuming PrivateListener) { self.listener = listener }
}

/// A connection to a worker, on its way from lane to lane or kept by one.
final class WorkerConnection: Sendable {
  let descriptor: Descriptor
  init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
}

/// Holds a pool for a configuration: when no configuration in force and no request under way holds it any more, the
/// workers are ended.
final class PoolHandle: Sendable {
  let pool: Pool
  init(_ pool: Pool) { self.pool = pool }
  deinit { pool.giveUp() }
}
