// The policy of a pool of workers: who works on what, who waits, when a worker is started and when not. A pure state
// machine: events in, actions out; no clock, no process, no socket. Times are nanoseconds of whatever clock the caller
// has.
//
// A slot is a place for one worker. What its process is at and whether a request has it are two things: a process can
// die while its last words are still being read, and its successor start meanwhile.

import DequeModule

/// The policy of one pool.
public struct WorkerPool: Sendable {
  /// Names a request from `arrive` to `release` or `cancel`; the caller's, and used again afterwards.
  public typealias Request = Int
  public typealias Slot = Int

  /// What a pool is told about itself.
  public struct Limits: Sendable, Equatable {
    /// How many workers, or connections to somebody else's.
    public var slots: Int
    /// How many requests may wait; those that wait again are let in beyond it, since they had their turn.
    public var queue: Int
    /// The pause before a worker is started again that died before its first answer; doubled each time.
    public var firstPause: Int64 = 100_000_000
    /// How many processes of a slot may die in a row before their first answer, and requests still wait for the next
    /// one: they may have died of a request, which says nothing against the program, or been killed.
    public var accidents = 2
    /// How often the first who waits may be passed over for a later one of the same owner as a worker that became free.
    public var passes = 8
    /// One time in so many the worker that was idle for the longest gets a request, and not the one used last.
    public var turns = 8
    /// How far back in the queue one of the same owner is looked for. The search is made while all loops wait for it.
    public var window = 64
    /// The longest such pause.
    public var longestPause: Int64 = 30_000_000_000

    public init(slots: Int, queue: Int) {
      self.slots = slots
      self.queue = queue
    }
  }

  /// A slot's process.
  public enum Process: Sendable, Equatable {
    /// It was asked for, and is not there yet.
    case starting
    /// It runs. `answered`: it has answered a request, so that the program is known to work.
    case up(answered: Bool)
    /// None, until the time has come: the program does not work.
    case paused(until: Int64)
    /// It was told to end, so that another takes its place.
    case retiring
    /// None, and none is wanted.
    case stopped
  }

  /// Which process of a slot: what is wrong with one says nothing of the next.
  public struct Worker: Sendable, Hashable {
    public let slot: Slot
    public let generation: Int

    public init(slot: Slot, generation: Int) {
      self.slot = slot
      self.generation = generation
    }
  }

  public enum Arrival: Sendable, Equatable {
    /// The request has this worker, until `release`.
    case granted(Worker)
    /// A `grant` will follow, or a `refuse`.
    case queued
    /// As many wait as may.
    case full
    /// No worker runs, and none is being started or expected to work.
    case noWorker
  }

  public enum Cancellation: Sendable, Equatable {
    case left
    /// It had been granted in the meantime: the worker is the request's, who is to `release` it.
    case granted(Worker)
  }

  public enum Action: Sendable, Equatable {
    /// Start a process for the slot and report `started` or `startFailed`.
    case start(Slot)
    /// Start one when the time has come: report `pauseEnded` then.
    case pause(Slot, until: Int64)
    /// End the process of the slot and report `exited`.
    case end(Slot)
    /// The request, which waited, has this worker.
    case grant(Worker, Request)
    /// The requests wait in vain: there is no worker, and none is being started or expected to work.
    case refuse(Request)
    /// The request has a slot whose process, this one, is gone and will not be replaced soon: what it still waits for
    /// may never come.
    case forsake(Worker, Request)
  }

  private struct Waiter {
    var request: Request
    var owner: Int
  }

  private struct Place {
    var process = Process.starting
    var generation = 0
    var request: Request?
    /// Whether a request was answered while the process was being started.
    var isCredited = false
    /// How many processes in a row have died before their first answer.
    var failures = 0
    /// Whether, while it is paused, its next process is expected to work.
    var isHopeful = false
    /// Who used it last: a loop that has its connection at hand.
    var owner = 0
  }

  public let limits: Limits
  private var places: [Place]
  /// The slots that could take a request, the one that was used last at the end: its memory is still warm.
  private var idle: [Slot] = []
  private var waiting: Deque<Waiter> = []
  /// How often in a row the slot that was idle for the longest was passed over for one used later.
  private var warmTurns = 0
  /// How often the first of them was passed over.
  private var passes = 0
  private var stopping = false

  /// A pool whose every slot is to be started; the slots are 0 to `limits.slots` - 1.
  public init(_ limits: Limits) {
    precondition(limits.slots > 0, "a pool has at least one slot")
    precondition(limits.queue >= 0, "a queue has a length")
    self.limits = limits
    places = [Place](repeating: Place(), count: limits.slots)
    waiting.reserveCapacity(min(limits.queue, 256))
  }

  // MARK: What can be seen

  public var waitingCount: Int { waiting.count }
  public var idleCount: Int { idle.count }
  public func process(of slot: Slot) -> Process { places[slot].process }
  public func request(of slot: Slot) -> Request? { places[slot].request }
  /// The process that a slot has now.
  public func worker(of slot: Slot) -> Worker { Worker(slot: slot, generation: places[slot].generation) }
  /// Who used the slot last.
  public func owner(of slot: Slot) -> Int { places[slot].owner }

  /// Whether no process is left after `stop`.
  public var isStopped: Bool { stopping && places.allSatisfy { $0.process == .stopped } }

  /// Whether a request may hope for a worker.
  private var canServe: Bool {
    places.contains { place in
      switch place.process {
      case .starting, .up, .retiring: true
      case .paused: place.isHopeful
      case .stopped: false
      }
    }
  }

  // MARK: Requests

  /// A request wants a worker.
  /// - Parameters:
  ///   - owner: who asks; a worker that the same one used last is preferred.
  ///   - again: whether it met a dead worker before: it has waited its turn, and goes before the others.
  public mutating func arrive(_ request: Request, owner: Int, again: Bool = false) -> Arrival {
    // While somebody waits nobody overtakes; an idle worker never stands beside one who waits.
    assert(idle.isEmpty || waiting.isEmpty, "an idle worker stands beside a waiting request")
    if let slot = takeIdle(owner) { return .granted(give(slot, to: request, owner: owner)) }
    if stopping || !canServe { return .noWorker }
    if again {
      waiting.prepend(Waiter(request: request, owner: owner))
      passes = 0
    } else if waiting.count >= limits.queue {
      return .full
    } else {
      waiting.append(Waiter(request: request, owner: owner))
    }
    return .queued
  }

  /// A request no longer wants a worker.
  public mutating func cancel(_ request: Request) -> Cancellation {
    if let index = waiting.firstIndex(where: { $0.request == request }) {
      waiting.remove(at: index)
      if index == 0 { passes = 0 }
      return .left
    }
    if let slot = places.firstIndex(where: { $0.request == request }) {
      return .granted(Worker(slot: slot, generation: places[slot].generation))
    }
    // It was refused, which its caller has not heard of yet.
    return .left
  }

  /// A request gives its worker back.
  /// - Parameter answered: whether the worker has answered it.
  /// - Returns: what the slot does next: at most one action, a `grant`.
  public mutating func release(_ worker: Worker, owner: Int, answered: Bool) -> Action? {
    let slot = worker.slot
    precondition(places[slot].request != nil, "a worker was given back twice")
    places[slot].request = nil
    places[slot].owner = owner
    if answered { credit(slot) }
    return offer(slot)
  }

  // MARK: Processes

  /// The process of a slot runs.
  /// - Parameter reserved: whether the caller has something to ask it first: then the slot is that request's.
  public mutating func started(_ slot: Slot, reservedFor request: Request? = nil) -> Action? {
    precondition(places[slot].process == .starting, "a process that nobody asked for")
    if stopping {
      places[slot].process = .retiring
      return .end(slot)
    }
    places[slot].process = .up(answered: places[slot].isCredited)
    if let request, places[slot].request == nil {
      places[slot].request = request
      return nil
    }
    return offer(slot)
  }

  /// The process of a slot could not be made, or the program not be executed.
  public mutating func startFailed(_ slot: Slot, now: Int64) -> [Action] {
    precondition(places[slot].process == .starting, "a process that nobody asked for")
    return failed(slot, now: now, mayBeAccident: false)
  }

  /// The process of a slot has ended.
  public mutating func exited(_ slot: Slot, now: Int64) -> [Action] {
    switch places[slot].process {
    case .starting, .paused, .stopped: preconditionFailure("the end of a process that was none")
    case .up(answered: false):
      return failed(slot, now: now, mayBeAccident: true)
    case .up(answered: true), .retiring:
      idle.removeAll { $0 == slot }
      return startAgain(slot)
    }
  }

  /// The pause of a slot is over.
  public mutating func pauseEnded(_ slot: Slot, now: Int64) -> [Action] {
    guard case .paused(let until) = places[slot].process else { return [] }
    if now < until { return [.pause(slot, until: until)] }
    return startAgain(slot)
  }

  /// The worker is to be replaced: it does not answer, or has lost step. Does nothing for one that is gone already.
  public mutating func retire(_ worker: Worker) -> Action? {
    let slot = worker.slot
    guard worker.generation == places[slot].generation, case .up = places[slot].process else { return nil }
    places[slot].process = .retiring
    idle.removeAll { $0 == slot }
    return .end(slot)
  }

  /// Ends all workers. No request may want one any more.
  public mutating func stop() -> [Action] {
    stopping = true
    idle.removeAll()
    var actions: [Action] = waiting.map { .refuse($0.request) }
    waiting.removeAll()
    for slot in places.indices {
      switch places[slot].process {
      case .up, .retiring:
        places[slot].process = .retiring
        actions.append(.end(slot))
      case .paused: places[slot].process = .stopped
      // Ended as soon as it is there.
      case .starting, .stopped: break
      }
    }
    return actions
  }

  // MARK: Inside

  /// The slot that was used last, of the same owner where there is one. One time in `limits.turns` the one that was
  /// idle for the longest: else a program that is fast would be served by some of its workers alone.
  private mutating func takeIdle(_ owner: Int) -> Slot? {
    guard var index = idle.indices.last else { return nil }
    warmTurns += 1
    if warmTurns >= limits.turns {
      warmTurns = 0
      return idle.removeFirst()
    }
    for candidate in idle.indices.reversed() where places[idle[candidate]].owner == owner {
      index = candidate
      break
    }
    return idle.remove(at: index)
  }

  private mutating func give(_ slot: Slot, to request: Request, owner: Int? = nil) -> Worker {
    assert(places[slot].request == nil, "a worker for two requests")
    places[slot].request = request
    if let owner { places[slot].owner = owner }
    return Worker(slot: slot, generation: places[slot].generation)
  }

  /// A request was answered: the program works. A request can keep its slot from one process to the next, which then
  /// answers it, perhaps before it is known to run; so the answer counts for the one that the slot has now. If it was
  /// the last word of the one before, this one may die once without a pause.
  private mutating func credit(_ slot: Slot) {
    places[slot].failures = 0
    switch places[slot].process {
    case .up: places[slot].process = .up(answered: true)
    case .starting: places[slot].isCredited = true
    case .paused, .retiring, .stopped: break
    }
  }

  /// A slot that may be free: for the first who waits, or to stand by.
  private mutating func offer(_ slot: Slot) -> Action? {
    guard case .up = places[slot].process, places[slot].request == nil, !stopping else { return nil }
    if let next = takeWaiting(places[slot].owner) { return .grant(give(slot, to: next.request), next.request) }
    idle.append(slot)
    return nil
  }

  /// The next in the queue: one of the owner who used the worker last, whose connection is at hand there, but not past
  /// the first more often than `limits.passes` in a row.
  private mutating func takeWaiting(_ owner: Int) -> Waiter? {
    guard let first = waiting.first else { return nil }
    if first.owner != owner, passes < limits.passes,
      let index = waiting.prefix(limits.window).firstIndex(where: { $0.owner == owner })
    {
      passes += 1
      return waiting.remove(at: index)
    }
    passes = 0
    return waiting.popFirst()
  }

  private mutating func startAgain(_ slot: Slot) -> [Action] {
    if stopping {
      places[slot].process = .stopped
      return []
    }
    places[slot].process = .starting
    places[slot].isCredited = false
    places[slot].generation += 1
    return [.start(slot)]
  }

  /// A process that ended before it had answered anything, or never was.
  private mutating func failed(_ slot: Slot, now: Int64, mayBeAccident: Bool) -> [Action] {
    idle.removeAll { $0 == slot }
    if stopping {
      places[slot].process = .stopped
      return []
    }
    // Shifted by so much at most: the longest pause is reached long before.
    let pause = min(limits.longestPause, limits.firstPause << Int64(min(places[slot].failures, 20)))
    places[slot].failures += 1
    places[slot].isHopeful = mayBeAccident && places[slot].failures <= limits.accidents
    places[slot].process = .paused(until: now + pause)
    var actions: [Action] = [.pause(slot, until: now + pause)]
    // One that the dead process has not accepted is the next one's, where that comes soon.
    if let request = places[slot].request, !places[slot].isHopeful {
      actions.append(.forsake(worker(of: slot), request))
    }
    if !canServe {
      actions += waiting.map { .refuse($0.request) }
      waiting.removeAll()
    }
    return actions
  }
}
