// Every event in every state of a slot: what comes of it. The pool has one slot, one request (1) that may have it and
// one (2) that waits where something is to be granted or refused.

import Testing

@testable import WorkerPool

/// What a slot is at.
private enum State: String, CaseIterable {
  case starting, fresh, proven, paused, retiring, stopped
  /// Told to stop while its process was asked for and not there.
  case stoppingStart
  /// Told to stop while its process ran.
  case stoppingRun

  var process: WorkerPool.Process {
    switch self {
    case .starting, .stoppingStart: .starting
    case .fresh: .up(answered: false)
    case .proven: .up(answered: true)
    case .paused: .paused(until: pauseEnd)
    case .retiring, .stoppingRun: .retiring
    case .stopped: .stopped
    }
  }

  /// A pool in this state.
  /// - Parameter held: whether request 1 has the slot.
  func make(held: Bool) -> (pool: WorkerPool, worker: WorkerPool.Worker) {
    var pool = WorkerPool(WorkerPool.Limits(slots: 1, queue: 1))
    _ = pool.started(0)
    if self == .proven || self == .starting || self == .stoppingStart { pool.prove(0) }
    if held { _ = pool.take(1) }
    let worker = pool.worker(of: 0)
    switch self {
    case .fresh, .proven: break
    // A proven worker's death; its successor is asked for.
    case .starting: _ = pool.exited(0, now: 0)
    case .stoppingStart:
      _ = pool.exited(0, now: 0)
      _ = pool.stop()
    case .paused: _ = pool.exited(0, now: 0)
    case .retiring: _ = pool.retire(worker)
    case .stoppingRun: _ = pool.stop()
    case .stopped:
      _ = pool.exited(0, now: 0)
      _ = pool.stop()
    }
    return (pool, worker)
  }
}

private let pauseEnd: Int64 = 100_000_000
private let later: Int64 = 200_000_000

private enum Event: String, CaseIterable {
  case arrive, arriveAgain, cancel, releaseAnswered, release, started, startedReserved, startFailed, exited
  case pauseEnded, pauseEndedEarly, retire, retireOld, stop
}

/// What an event gave, of whichever kind.
private enum Outcome: Equatable {
  case arrival(WorkerPool.Arrival)
  case cancellation(WorkerPool.Cancellation)
  case actions([WorkerPool.Action])
  /// A precondition failure: nobody may say this in this state. Not tried.
  case impossible
}

/// What is expected: the outcome and the process afterwards; nil for the same as before.
private struct Row {
  var outcome: Outcome
  var process: WorkerPool.Process?

  static func keeps(_ outcome: Outcome) -> Row { Row(outcome: outcome) }
  static let nothing = Row(outcome: .actions([]))
  static let impossible = Row(outcome: .impossible)
  static func becomes(_ process: WorkerPool.Process, _ actions: WorkerPool.Action...) -> Row {
    Row(outcome: .actions(actions), process: process)
  }
}

private func expected(_ event: Event, in state: State, held: Bool, _ worker: WorkerPool.Worker) -> Row {
  let pause = WorkerPool.Process.paused(until: later + pauseEnd)
  switch (event, state) {
  case (.arrive, .fresh), (.arrive, .proven), (.arriveAgain, .fresh), (.arriveAgain, .proven):
    return .keeps(.arrival(held ? .queued : .granted(worker)))
  case (.arrive, .starting), (.arrive, .retiring), (.arriveAgain, .starting), (.arriveAgain, .retiring):
    return .keeps(.arrival(.queued))
  // The first death of its slot: an accident, as far as anybody knows.
  case (.arrive, .paused), (.arriveAgain, .paused): return .keeps(.arrival(.queued))
  case (.arrive, _), (.arriveAgain, _): return .keeps(.arrival(.noWorker))

  case (.cancel, .starting) where held, (.cancel, .stoppingStart) where held:
    // The slot's next process is named, since it is what the request may use by now.
    return .keeps(.cancellation(.granted(WorkerPool.Worker(slot: 0, generation: 1))))
  case (.cancel, _): return .keeps(.cancellation(held ? .granted(worker) : .left))

  case (.release, _) where !held, (.releaseAnswered, _) where !held: return .impossible
  case (.releaseAnswered, .fresh): return .becomes(.up(answered: true))
  case (.release, _), (.releaseAnswered, _): return .nothing

  case (.started, .starting): return .becomes(.up(answered: false))
  case (.startedReserved, .starting): return .becomes(.up(answered: false))
  case (.started, .stoppingStart), (.startedReserved, .stoppingStart): return .becomes(.retiring, .end(0))
  case (.startFailed, .starting) where held:
    return .becomes(pause, .pause(0, until: later + pauseEnd), .forsake(.init(slot: 0, generation: 1), 1))
  case (.startFailed, .starting): return .becomes(pause, .pause(0, until: later + pauseEnd))
  case (.startFailed, .stoppingStart): return .becomes(.stopped)
  case (.started, _), (.startedReserved, _), (.startFailed, _): return .impossible

  case (.exited, .fresh): return .becomes(pause, .pause(0, until: later + pauseEnd))
  case (.exited, .proven), (.exited, .retiring): return .becomes(.starting, .start(0))
  case (.exited, .stoppingRun): return .becomes(.stopped)
  case (.exited, _): return .impossible

  case (.pauseEnded, .paused): return .becomes(.starting, .start(0))
  case (.pauseEndedEarly, .paused): return .keeps(.actions([.pause(0, until: pauseEnd)]))
  case (.pauseEnded, _), (.pauseEndedEarly, _): return .nothing

  case (.retire, .fresh), (.retire, .proven): return .becomes(.retiring, .end(0))
  case (.retire, _), (.retireOld, _): return .nothing

  case (.stop, .fresh), (.stop, .proven), (.stop, .retiring), (.stop, .stoppingRun): return .becomes(.retiring, .end(0))
  case (.stop, .paused): return .becomes(.stopped)
  case (.stop, _): return .nothing
  }
}

private func apply(_ event: Event, to pool: inout WorkerPool, _ worker: WorkerPool.Worker) -> Outcome {
  func one(_ action: WorkerPool.Action?) -> Outcome { .actions(action.map { [$0] } ?? []) }
  switch event {
  case .arrive: return .arrival(pool.arrive(2, owner: 0))
  case .arriveAgain: return .arrival(pool.arrive(2, owner: 0, again: true))
  case .cancel: return .cancellation(pool.cancel(1))
  case .releaseAnswered: return one(pool.release(worker, owner: 0, answered: true))
  case .release: return one(pool.release(worker, owner: 0, answered: false))
  case .started: return one(pool.started(0))
  case .startedReserved: return one(pool.started(0, reservedFor: 3))
  case .startFailed: return .actions(pool.startFailed(0, now: later))
  case .exited: return .actions(pool.exited(0, now: later))
  case .pauseEnded: return .actions(pool.pauseEnded(0, now: pauseEnd))
  case .pauseEndedEarly: return .actions(pool.pauseEnded(0, now: pauseEnd - 1))
  case .retire: return one(pool.retire(pool.worker(of: 0)))
  case .retireOld: return one(pool.retire(WorkerPool.Worker(slot: 0, generation: pool.worker(of: 0).generation - 1)))
  case .stop: return .actions(pool.stop())
  }
}

@Suite struct TableTests {
  @Test func everyEventInEveryStateDoesWhatTheTableSays() {
    var (tried, impossible) = (0, 0)
    for state in State.allCases {
      for held in [false, true] {
        for event in Event.allCases {
          var (pool, worker) = state.make(held: held)
          let name = "\(event) in \(state), \(held ? "held" : "free")"
          #expect(pool.process(of: 0) == state.process, "\(state) was not reached")
          #expect(pool.request(of: 0) == (held ? 1 : nil), "\(name)")
          let row = expected(event, in: state, held: held, worker)
          if row.outcome == .impossible {
            impossible += 1
            continue
          }
          tried += 1
          #expect(apply(event, to: &pool, worker) == row.outcome, "\(name)")
          #expect(pool.process(of: 0) == row.process ?? state.process, "\(name)")
          checkRequest(after: event, in: state, held: held, pool, name)
        }
      }
    }
    // The table is not empty by mistake.
    #expect(tried + impossible == State.allCases.count * 2 * Event.allCases.count)
    // Three of the starter's events in the six states where no process was asked for, an exit in the four where none
    // runs, each with and without a request; and what nobody has cannot be given back.
    #expect(impossible == 3 * 6 * 2 + 4 * 2 + 2 * 8)
  }

  /// Whose the slot is afterwards, and whether it stands by.
  private func checkRequest(after event: Event, in state: State, held: Bool, _ pool: WorkerPool, _ name: String) {
    let up = if case .up = pool.process(of: 0) { true } else { false }
    let stopping = [.stopped, .stoppingStart, .stoppingRun].contains(state) || event == .stop
    let holder: Int? =
      switch event {
      case .release, .releaseAnswered: nil
      case .arrive, .arriveAgain: held ? 1 : (up ? 2 : nil)
      case .startedReserved: held ? 1 : (state == .starting ? 3 : nil)
      default: held ? 1 : nil
      }
    #expect(pool.request(of: 0) == holder, "\(name)")
    #expect(pool.idleCount == (up && holder == nil && !stopping ? 1 : 0), "\(name)")
  }

  @Test func oneThatWaitsGetsTheSlotWhereverItBecomesFree() {
    // By release, in each state in which a process runs.
    for answered in [false, true] {
      var pool = WorkerPool.running(slots: 1)
      let worker = pool.take(1)
      #expect(pool.arrive(2, owner: 0) == .queued)
      #expect(pool.release(worker, owner: 0, answered: answered) == .grant(worker, 2))
      #expect(pool.process(of: 0) == .up(answered: answered))
      #expect(pool.waitingCount == 0 && pool.idleCount == 0 && pool.request(of: 0) == 2)
    }
    // By a start.
    var pool = WorkerPool(WorkerPool.Limits(slots: 1, queue: 1))
    #expect(pool.arrive(1, owner: 0) == .queued)
    #expect(pool.started(0) == .grant(WorkerPool.Worker(slot: 0, generation: 0), 1))
    // By a start that is the caller's own first, and by its end.
    pool = WorkerPool(WorkerPool.Limits(slots: 1, queue: 1))
    #expect(pool.arrive(1, owner: 0) == .queued)
    #expect(pool.started(0, reservedFor: 2) == nil)
    #expect(pool.request(of: 0) == 2)
    #expect(pool.release(pool.worker(of: 0), owner: 0, answered: false) == .grant(pool.worker(of: 0), 1))
  }

  @Test func oneThatWaitsGetsNoSlotWhoseProcessIsNotThere() {
    var pool = WorkerPool.running(slots: 1)
    pool.prove(0)
    let worker = pool.take(1)
    #expect(pool.arrive(2, owner: 0) == .queued)
    #expect(pool.exited(0, now: 0) == [.start(0)])
    #expect(pool.release(worker, owner: 0, answered: true) == nil)
    #expect(pool.waitingCount == 1)
    let next = WorkerPool.Worker(slot: 0, generation: 1)
    #expect(pool.started(0) == .grant(next, 2))
  }
}
