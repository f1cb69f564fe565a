// The processes behind the slots: pauses, generations, replacement, the end.

import Testing

@testable import WorkerPool

@Suite struct ProcessTests {
  /// The pause that an event asks for, in nanoseconds from `now`.
  private func pause(_ actions: [WorkerPool.Action], now: Int64) -> Int64? {
    guard case .pause(0, let until)? = actions.first else { return nil }
    return until - now
  }

  @Test func thePauseDoublesWithEachDeathBeforeTheFirstAnswerUpToTheLongest() {
    var pool = WorkerPool.running(slots: 1)
    var now: Int64 = 5
    var pauses: [Int64] = []
    // More often than the shift has bits.
    for _ in 0..<80 {
      guard let length = pause(pool.exited(0, now: now), now: now) else { break }
      pauses.append(length / 1_000_000)
      now += length
      #expect(pool.pauseEnded(0, now: now) == [.start(0)])
      _ = pool.started(0)
    }
    #expect(pauses.count == 80)
    #expect(pauses.prefix(10) == [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000])
    #expect(pauses.dropFirst(10).allSatisfy { $0 == 30_000 })
  }

  @Test func startsThatFailAndEarlyDeathsCountTogether() {
    var pool = WorkerPool(WorkerPool.Limits(slots: 1, queue: 0))
    #expect(pause(pool.startFailed(0, now: 0), now: 0) == 100_000_000)
    _ = pool.pauseEnded(0, now: 100_000_000)
    _ = pool.started(0)
    #expect(pause(pool.exited(0, now: 0), now: 0) == 200_000_000)
  }

  @Test func anAnswerEndsThePausesOfItsSlot() {
    var pool = WorkerPool.running(slots: 1)
    _ = pool.exited(0, now: 0)
    _ = pool.pauseEnded(0, now: .max)
    _ = pool.started(0)
    pool.prove(0)
    #expect(pool.exited(0, now: 0) == [.start(0)], "it had answered: no pause")
    _ = pool.started(0)
    #expect(pause(pool.exited(0, now: 0), now: 0) == 100_000_000, "the first pause again")
  }

  @Test func aRequestThatGotNoAnswerProvesNothing() {
    var pool = WorkerPool.running(slots: 1)
    let worker = pool.take(1)
    _ = pool.release(worker, owner: 0, answered: false)
    #expect(pool.process(of: 0) == .up(answered: false))
    #expect(pause(pool.exited(0, now: 0), now: 0) == 100_000_000)
  }

  @Test func anAnswerCountsForTheProcessThatTheSlotHasByThen() {
    var pool = WorkerPool.running(slots: 1)
    pool.prove(0)
    let old = pool.take(1)
    #expect(pool.exited(0, now: 0) == [.start(0)])
    #expect(pool.started(0) == nil, "the request that reads the last words has the slot")
    #expect(pool.release(old, owner: 0, answered: true) == nil)
    #expect(pool.process(of: 0) == .up(answered: true))
    #expect(pool.worker(of: 0).generation == old.generation + 1)
    #expect(pool.take(2) == pool.worker(of: 0))
  }

  @Test func aWorkerThatEndsWithEveryAnswerIsReplacedWithoutAPause() {
    var pool = WorkerPool.running(slots: 1)
    pool.prove(0)
    for request in 1...20 {
      // Granted before its end is seen, and answered by its successor before that is known to run.
      let worker = pool.take(request)
      #expect(pool.exited(0, now: 0) == [.start(0)])
      #expect(pool.release(worker, owner: 0, answered: true) == nil)
      #expect(pool.started(0) == nil)
      #expect(pool.process(of: 0) == .up(answered: true))
    }
    #expect(pool.exited(0, now: 0) == [.start(0)])
    _ = pool.started(0)
    #expect(pause(pool.exited(0, now: 0), now: 0) == 100_000_000, "an answer counts for one process")
  }

  @Test func anAnswerThatComesWhileTheProgramPausesEndsTheGrowthOfThePauses() {
    var pool = WorkerPool.running(slots: 1)
    for count in 0..<3 {
      let worker = pool.take(1)
      #expect(pause(pool.exited(0, now: 0), now: 0) == 100_000_000, "pause \(count)")
      #expect(pool.release(worker, owner: 0, answered: true) == nil)
      #expect(pool.pauseEnded(0, now: .max) == [.start(0)])
      _ = pool.started(0)
    }
  }

  @Test func aWorkerOfBeforeIsNotReplacedOnceMore() {
    var pool = WorkerPool.running(slots: 1)
    pool.prove(0)
    let old = pool.worker(of: 0)
    #expect(pool.retire(old) == .end(0))
    #expect(pool.retire(old) == nil)
    #expect(pool.exited(0, now: 0) == [.start(0)])
    #expect(pool.retire(old) == nil)
    _ = pool.started(0)
    #expect(pool.retire(old) == nil)
    #expect(pool.process(of: 0) == .up(answered: false))
  }

  @Test func aWorkerThatIsToBeReplacedTakesNoRequestAndIsHopedFor() {
    var pool = WorkerPool.running(slots: 1)
    #expect(pool.retire(pool.worker(of: 0)) == .end(0))
    #expect(pool.idleCount == 0)
    #expect(pool.arrive(1, owner: 0) == .queued)
    // No pause, though it had answered nothing: it did not die of itself.
    #expect(pool.exited(0, now: 0) == [.start(0)])
    #expect(pool.started(0) == .grant(pool.worker(of: 0), 1))
  }

  @Test func allWhoWaitAreRefusedWhenTheLastSlotFailsAndNotBefore() {
    var pool = WorkerPool(WorkerPool.Limits(slots: 3, queue: 4))
    for request in 1...4 { #expect(pool.arrive(request, owner: 0) == .queued) }
    #expect(pool.startFailed(0, now: 0) == [.pause(0, until: 100_000_000)])
    #expect(pool.startFailed(2, now: 0) == [.pause(2, until: 100_000_000)])
    #expect(pool.waitingCount == 4)
    let last = pool.startFailed(1, now: 0)
    #expect(last == [.pause(1, until: 100_000_000), .refuse(1), .refuse(2), .refuse(3), .refuse(4)])
    #expect(pool.waitingCount == 0)
    #expect(pool.arrive(5, owner: 0) == .noWorker)
    #expect(pool.arrive(5, owner: 0, again: true) == .noWorker)
    // As soon as one is tried again there is hope.
    #expect(pool.pauseEnded(1, now: 100_000_000) == [.start(1)])
    #expect(pool.arrive(5, owner: 0) == .queued)
    #expect(pool.started(1) == .grant(WorkerPool.Worker(slot: 1, generation: 1), 5))
  }

  @Test func requestsWaitOutTheFirstDeathsAndNotThoseThatFollow() {
    var pool = WorkerPool.running(slots: 1, queue: 1)
    for death in 1...pool.limits.accidents {
      #expect(pause(pool.exited(0, now: 0), now: 0) != nil)
      #expect(pool.arrive(death, owner: 0) == .queued)
      #expect(pool.pauseEnded(0, now: .max) == [.start(0)])
      #expect(pool.started(0) == .grant(pool.worker(of: 0), death))
      // It dies of it, as its predecessor did.
      _ = pool.release(pool.worker(of: 0), owner: 0, answered: false)
    }
    #expect(pause(pool.exited(0, now: 0), now: 0) == 400_000_000)
    #expect(pool.arrive(9, owner: 0) == .noWorker)
    _ = pool.pauseEnded(0, now: .max)
    _ = pool.started(0)
    pool.prove(0)
    // An answer, and its slot has its accidents before it again.
    #expect(pool.exited(0, now: 0) == [.start(0)])
    _ = pool.started(0)
    _ = pool.exited(0, now: 0)
    #expect(pool.arrive(9, owner: 0) == .queued)
  }

  @Test func aProgramThatCannotBeExecutedIsNoAccident() {
    var pool = WorkerPool.running(slots: 1, queue: 1)
    _ = pool.exited(0, now: 0)
    #expect(pool.arrive(1, owner: 0) == .queued)
    #expect(pool.pauseEnded(0, now: .max) == [.start(0)])
    #expect(pool.startFailed(0, now: 0).last == .refuse(1))
    #expect(pool.arrive(2, owner: 0) == .noWorker)
  }

  @Test func aRequestIsForsakenOnlyWhenItsOwnProcessIsNotReplacedSoon() {
    var pool = WorkerPool.running(slots: 2)
    let (one, other) = (pool.take(1), pool.take(2))
    for pause in [100, 200, 400] as [Int64] {
      let actions = pool.exited(one.slot, now: 0)
      let expected = WorkerPool.Action.pause(one.slot, until: pause * 1_000_000)
      let process = pool.worker(of: one.slot)
      #expect(actions == (pause < 400 ? [expected] : [expected, .forsake(process, 1)]))
      #expect(pool.request(of: one.slot) == 1, "until it gives it back")
      _ = pool.pauseEnded(one.slot, now: .max)
      _ = pool.started(one.slot)
    }
    _ = pool.release(other, owner: 0, answered: true)
    _ = pool.take(2)
    #expect(pool.exited(other.slot, now: 0) == [.start(other.slot)])
  }

  @Test func aPauseThatIsOverTwiceOrTooEarlyStartsOnce() {
    var pool = WorkerPool.running(slots: 1)
    _ = pool.exited(0, now: 0)
    #expect(pool.pauseEnded(0, now: 99_999_999) == [.pause(0, until: 100_000_000)])
    #expect(pool.pauseEnded(0, now: 100_000_000) == [.start(0)])
    #expect(pool.pauseEnded(0, now: 100_000_001) == [])
  }

  @Test func aStopRefusesAllWhoWaitAndEndsAllThatRun() {
    var pool = WorkerPool(WorkerPool.Limits(slots: 5, queue: 4))
    _ = pool.started(0)
    _ = pool.started(1)
    _ = pool.retire(pool.worker(of: 1))
    _ = pool.startFailed(2, now: 0)
    _ = pool.started(3)
    let busy = [pool.take(1), pool.take(2)]
    for request in [3, 4] { #expect(pool.arrive(request, owner: 0) == .queued) }
    #expect(pool.stop() == [.refuse(3), .refuse(4), .end(0), .end(1), .end(3)])
    #expect(!pool.isStopped)
    #expect(pool.waitingCount == 0 && pool.idleCount == 0)
    // What was being started when it came is ended as soon as it is there.
    #expect(pool.started(4) == .end(4))
    for worker in busy { #expect(pool.release(worker, owner: 0, answered: true) == nil) }
    #expect(pool.arrive(5, owner: 0) == .noWorker)
    #expect(pool.idleCount == 0)
    for slot in [0, 1, 3, 4] {
      #expect(!pool.isStopped)
      #expect(pool.exited(slot, now: 0) == [])
    }
    #expect(pool.isStopped)
    #expect(pool.pauseEnded(2, now: .max) == [])
  }

  @Test func aStopBeforeAnythingRunsIsOverWhenTheStartsAre() {
    var pool = WorkerPool(WorkerPool.Limits(slots: 2, queue: 0))
    #expect(pool.stop() == [])
    #expect(!pool.isStopped)
    #expect(pool.startFailed(0, now: 0) == [])
    #expect(pool.started(1) == .end(1))
    #expect(pool.exited(1, now: 0) == [])
    #expect(pool.isStopped)
    #expect(pool.stop() == [] && pool.isStopped)
  }
}
