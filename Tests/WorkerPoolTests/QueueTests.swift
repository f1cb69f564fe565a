// Who waits, in which order they are served, and how one leaves.

import Testing

@testable import WorkerPool

@Suite struct QueueTests {
  /// Gives the one worker back until nobody waits: who gets it, in order.
  private func drain(_ pool: inout WorkerPool, owner: Int) -> [Int] {
    var order: [Int] = []
    while case .grant(_, let request) = pool.release(pool.worker(of: 0), owner: owner, answered: true) {
      order.append(request)
    }
    return order
  }

  /// A pool of one worker that is taken.
  private func busy(queue: Int, passes: Int? = nil) -> WorkerPool {
    var pool = WorkerPool.running(slots: 1, queue: queue, passes: passes)
    _ = pool.take(0)
    return pool
  }

  @Test func thoseOfOneOwnerAreServedInTheOrderOfTheirComing() {
    var pool = busy(queue: 5)
    for request in 1...5 { #expect(pool.arrive(request, owner: 0) == .queued) }
    #expect(drain(&pool, owner: 0) == [1, 2, 3, 4, 5])
    #expect(pool.idleCount == 1)
  }

  @Test func thoseOfOthersAreServedInTheOrderOfTheirComing() {
    var pool = busy(queue: 5)
    for request in 1...5 { #expect(pool.arrive(request, owner: request) == .queued) }
    #expect(drain(&pool, owner: 9) == [1, 2, 3, 4, 5])
  }

  @Test func theFirstIsPassedOverForTheOwnersOwnOnlySoOften() {
    var pool = busy(queue: 20, passes: 3)
    #expect(pool.arrive(100, owner: 1) == .queued)
    for request in 1...6 { #expect(pool.arrive(request, owner: 0) == .queued) }
    #expect(drain(&pool, owner: 0) == [1, 2, 3, 100, 4, 5, 6])
  }

  @Test func whatWasLeftOfThePassesIsNotTheNextFirsts() {
    var pool = busy(queue: 20, passes: 2)
    for request in [100, 101] { #expect(pool.arrive(request, owner: 1) == .queued) }
    for request in 1...6 { #expect(pool.arrive(request, owner: 0) == .queued) }
    #expect(drain(&pool, owner: 0) == [1, 2, 100, 3, 4, 101, 5, 6])
  }

  @Test func whenTheFirstLeavesTheNextIsPassedOverFromTheBeginning() {
    var pool = busy(queue: 20, passes: 2)
    for request in [100, 101] { #expect(pool.arrive(request, owner: 1) == .queued) }
    for request in 1...6 { #expect(pool.arrive(request, owner: 0) == .queued) }
    let worker = pool.worker(of: 0)
    #expect(pool.release(worker, owner: 0, answered: true) == .grant(worker, 1))
    #expect(pool.cancel(100) == .left)
    #expect(drain(&pool, owner: 0) == [2, 3, 101, 4, 5, 6])
  }

  @Test func oneOfTheOwnersThatStandsFarBehindIsNotSoughtOut() {
    var limits = WorkerPool.Limits(slots: 1, queue: 20)
    limits.window = 4
    var pool = WorkerPool(limits)
    _ = pool.started(0)
    _ = pool.take(0)
    for request in 1...4 { #expect(pool.arrive(request, owner: 1) == .queued) }
    #expect(pool.arrive(5, owner: 0) == .queued)
    // The fifth place is one too far; it comes within reach when the first has gone.
    #expect(drain(&pool, owner: 0) == [1, 5, 2, 3, 4])
  }

  @Test func oneThatWaitsAgainGoesBeforeTheOthersAndBeyondTheQueue() {
    var pool = busy(queue: 2)
    for request in [1, 2] { #expect(pool.arrive(request, owner: 0) == .queued) }
    #expect(pool.arrive(3, owner: 0) == .full)
    #expect(pool.arrive(4, owner: 0, again: true) == .queued)
    #expect(pool.waitingCount == 3)
    #expect(pool.arrive(5, owner: 0) == .full)
    #expect(drain(&pool, owner: 0) == [4, 1, 2])
  }

  @Test func aQueueOfNoneIsFullAtOnce() {
    var pool = busy(queue: 0)
    #expect(pool.arrive(1, owner: 0) == .full)
    #expect(pool.release(pool.worker(of: 0), owner: 0, answered: true) == nil)
    #expect(pool.arrive(1, owner: 0) == .granted(pool.worker(of: 0)))
  }

  @Test func oneThatLeavesTheQueueIsPassedByAndItsPlaceIsFree() {
    var pool = busy(queue: 3)
    for request in 1...3 { #expect(pool.arrive(request, owner: 0) == .queued) }
    #expect(pool.cancel(2) == .left)
    #expect(pool.waitingCount == 2)
    #expect(pool.arrive(4, owner: 0) == .queued)
    #expect(drain(&pool, owner: 0) == [1, 3, 4])
  }

  @Test func oneThatWasGrantedAWorkerMeanwhileHasToGiveItBack() {
    var pool = busy(queue: 3)
    for request in [1, 2] { #expect(pool.arrive(request, owner: 0) == .queued) }
    let worker = pool.worker(of: 0)
    #expect(pool.release(worker, owner: 0, answered: true) == .grant(worker, 1))
    #expect(pool.cancel(1) == .granted(worker))
    #expect(pool.request(of: 0) == 1)
    #expect(pool.release(worker, owner: 0, answered: false) == .grant(worker, 2))
  }

  @Test func oneThatWasRefusedOrIsUnknownHasNothingToGiveBack() {
    var pool = WorkerPool(WorkerPool.Limits(slots: 1, queue: 3))
    #expect(pool.arrive(1, owner: 0) == .queued)
    #expect(pool.startFailed(0, now: 0).contains(.refuse(1)))
    #expect(pool.cancel(1) == .left)
    #expect(pool.cancel(77) == .left)
  }

  @Test func theWorkerThatWasUsedLastIsTakenFirst() {
    var pool = WorkerPool.running(slots: 3)
    let workers = (0..<3).map { pool.take($0) }
    #expect(Set(workers.map(\.slot)) == [0, 1, 2])
    for slot in [1, 0, 2] { _ = pool.release(WorkerPool.Worker(slot: slot, generation: 0), owner: 0, answered: true) }
    #expect((0..<3).map { pool.take($0).slot } == [2, 0, 1])
  }

  @Test func everyWorkerHasItsTurnHoweverFewAreNeeded() {
    var pool = WorkerPool.running(slots: 4)
    var served = [0, 0, 0, 0]
    for request in 0..<800 {
      let worker = pool.take(request)
      served[worker.slot] += 1
      _ = pool.release(worker, owner: 0, answered: true)
    }
    #expect(served.allSatisfy { $0 >= 150 }, "\(served)")
  }

  @Test func aWorkerThatTheAskerUsedLastIsTakenBeforeAnyOther() {
    var pool = WorkerPool.running(slots: 3)
    for request in 0..<3 { _ = pool.take(request) }
    for slot in 0..<3 { _ = pool.release(WorkerPool.Worker(slot: slot, generation: 0), owner: slot, answered: true) }
    #expect(pool.take(1, owner: 0).slot == 0)
    #expect(pool.take(2, owner: 1).slot == 1)
    // None of its own: the one that was used last.
    #expect(pool.take(3, owner: 7).slot == 2)
    #expect((0..<3).map { pool.owner(of: $0) } == [0, 1, 7])
  }
}
