// A pool as loops see it: numbers, letters, and what a slot's process is known to be.

import EventLoop
import Kernel
import Testing
import WorkerPool

@testable import Gateway

/// Somebody who asks for a worker, with the letters that came.
private final class Asker: LoopTarget {
  var letters: [any Sendable] = []
  func ready(_ readiness: Readiness, role: UInt8) {}
  func received(_ message: any Sendable, role: UInt8) { letters.append(message) }
}

@Suite struct PoolTests {
  private let loop: EventLoop

  init() throws { loop = try EventLoop(mailbox: Mailbox()) }

  private func asker(_ target: Asker = Asker()) -> PoolAsker {
    PoolAsker(mailbox: loop.mailbox, token: loop.register(target), lane: 0)
  }

  /// Has the loop deliver what was posted.
  private func deliver() {
    loop.mailbox.post(0, to: loop.register(Stop(loop)))
    loop.run()
  }

  private final class Stop: LoopTarget {
    let loop: EventLoop
    init(_ loop: EventLoop) { self.loop = loop }
    func ready(_ readiness: Readiness, role: UInt8) {}
    func received(_ message: any Sendable, role: UInt8) { loop.stop() }
  }

  private func connecting(_ connections: Int) throws -> Pool {
    let address = try SocketAddress(parsing: "127.0.0.1:9")
    return try Pool(PoolSettings(name: "p", source: .connect(address, connections: connections)))
  }

  private func starting(_ workers: Int) throws -> Pool {
    try Pool(
      PoolSettings(
        name: "p",
        source: .command(program: "/bin/true", arguments: [], directory: "/", environment: [], workers: workers)))
  }

  private func given(_ entry: Pool.Entry) -> PoolGrant? {
    if case .granted(let grant) = entry { grant } else { nil }
  }

  private func number(_ entry: Pool.Entry) -> Int? {
    if case .queued(let request) = entry { request } else { nil }
  }

  @Test func aConnectionToSomebodyElsesWorkerIsNeverReplacedAndSoNeverLost() throws {
    let pool = try connecting(1)
    for _ in 0..<3 {
      let grant = try #require(given(pool.enter(asker(), again: false)), "the slot is there")
      pool.retire(grant.worker)
      #expect(pool.leave(grant, lane: 0, connectionAt: nil, answered: false, cost: nil) == nil)
    }
  }

  @Test func oneThatIsRefusedAndLeavesBeforeItKnowsCancelsNobodyElsesWish() throws {
    let pool = try starting(1)
    let (refused, other) = (Asker(), Asker())
    let first = try #require(number(pool.enter(asker(refused), again: false)))
    // Its refusal is under way.
    #expect(pool.startFailed(0, now: 0, trouble: "no such file").count == 1)
    #expect(pool.pauseEnded(0, now: .max) == [.start(0)])
    let second = try #require(number(pool.enter(asker(other), again: false)))
    #expect(second != first)
    #expect(pool.cancel(first) == nil)
    #expect(pool.started(0, pid: 1, probe: nil) == nil)
    deliver()
    #expect((refused.letters.first as? PoolRefusal)?.words == "no such file")
    #expect((other.letters.first as? PoolGrant)?.request == second)
    // Once it has cancelled, its number is another's.
    #expect(number(pool.enter(asker(), again: false)) == first)
  }

  @Test func oneThatIsTurnedAwayLeavesItsNumberToTheNext() throws {
    var settings = PoolSettings(
      name: "p", source: .connect(try SocketAddress(parsing: "127.0.0.1:9"), connections: 1))
    settings.queue = 1
    let pool = try Pool(settings)
    let grant = try #require(given(pool.enter(asker(), again: false)))
    let waiting = try #require(number(pool.enter(asker(), again: false)))
    for _ in 0..<5 {
      guard case .full = pool.enter(asker(), again: false) else { throw Fault(description: "the queue has one place") }
    }
    #expect(pool.cancel(waiting) == nil)
    #expect(number(pool.enter(asker(), again: false)) ?? 99 <= 2)
    #expect(pool.leave(grant, lane: 0, connectionAt: nil, answered: true, cost: nil) != nil)
  }

  @Test func anOrderToEndIsForTheProcessThatItMeansAndNotItsSuccessor() throws {
    let pool = try starting(1)
    let keeper = Asker()
    pool.setKeeper(asker(keeper))
    _ = pool.started(0, pid: 1, probe: nil)
    let grant = try #require(given(pool.enter(asker(), again: false)))
    pool.retire(grant.worker)
    #expect(pool.isRetiring(grant.worker))
    // It ends by itself before the order comes.
    #expect(pool.exited(0, now: 0, trouble: "") == [.start(0)])
    _ = pool.started(0, pid: 2, probe: nil)
    deliver()
    guard case .end(let worker)? = keeper.letters.first as? PoolOrder else { throw Fault(description: "no order") }
    #expect(worker == grant.worker && !pool.isRetiring(worker))
  }

  @Test func aForsakenRequestIsToldWhichProcessItSpeaksOf() throws {
    let pool = try starting(2)
    let asking = Asker()
    _ = pool.started(0, pid: 1, probe: nil)
    let grant = try #require(given(pool.enter(asker(asking), again: false)))
    // The first processes may have died by accident: the next one has what they had not accepted.
    for _ in 0..<2 {
      #expect(pool.exited(0, now: 0, trouble: "exit 1").count == 1)
      _ = pool.pauseEnded(0, now: .max)
      _ = pool.started(0, pid: 1, probe: nil)
    }
    #expect(pool.exited(0, now: 0, trouble: "exit 1").count == 1)
    deliver()
    #expect(asking.letters.count == 1)
    let letter = try #require(asking.letters.first as? PoolForsaken)
    #expect(letter.words == "exit 1" && letter.concerns(grant.worker))
    // By now it may wait, or have another worker, or the slot's next process.
    #expect(!letter.concerns(nil))
    #expect(!letter.concerns(WorkerPool.Worker(slot: 1, generation: 0)))
    #expect(!letter.concerns(WorkerPool.Worker(slot: 0, generation: 3)))
  }

  @Test func theConnectionOfAProcessThatEndedIsGivenToNobody() throws {
    let pool = try starting(1)
    _ = pool.started(0, pid: 1, probe: nil)
    let first = try #require(given(pool.enter(asker(), again: false)))
    #expect(first.connectionAt == nil)
    _ = pool.leave(first, lane: 3, connectionAt: 3, answered: true, cost: nil)
    let second = try #require(given(pool.enter(asker(), again: false)))
    #expect(second.connectionAt == 3)
    _ = pool.leave(second, lane: 3, connectionAt: 3, answered: true, cost: nil)
    _ = pool.exited(0, now: 0, trouble: "")
    _ = pool.started(0, pid: 2, probe: nil)
    #expect(try #require(given(pool.enter(asker(), again: false))).connectionAt == nil)
  }

  @Test func aPoolThatIsGivenUpTellsItsKeeperBeforeThoseWhoHaveItsConnections() throws {
    let pool = try starting(1)
    let order = Order()
    pool.setHolder(PoolAsker(mailbox: loop.mailbox, token: loop.register(order, role: 1), lane: 0), lane: 0)
    pool.setKeeper(PoolAsker(mailbox: loop.mailbox, token: loop.register(order, role: 2), lane: 0))
    do { _ = PoolHandle(pool) }
    deliver()
    #expect(order.roles == [2, 1])
  }

  private final class Order: LoopTarget {
    var roles: [UInt8] = []
    func ready(_ readiness: Readiness, role: UInt8) {}
    func received(_ message: any Sendable, role: UInt8) { if message is PoolOrder { roles.append(role) } }
  }

  @Test func processorTimeIsCountedWhereItWasSpent() throws {
    let pool = try starting(1)
    _ = pool.started(0, pid: 1, probe: nil)
    for (cost, answered) in [
      (WorkerCost(processor: 50, before: 7, clockAtEnd: 57), true),
      (WorkerCost(processor: 10, before: 3, clockAtEnd: 70), false),
      (WorkerCost(processor: 20, before: 5, clockAtEnd: 95), true),
    ] {
      let grant = try #require(given(pool.enter(asker(), again: false)))
      _ = pool.leave(grant, lane: 0, connectionAt: nil, answered: answered, cost: cost)
    }
    let figures = pool.figures(of: 0)
    #expect(figures.requests == 2 && figures.within == 80 && figures.before == 7 && figures.between == 8)
    #expect(try #require(given(pool.enter(asker(), again: false))).processor == 95)
  }
}
