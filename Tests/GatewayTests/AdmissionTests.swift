import EventLoop
import Kernel
import Synchronization
import Testing

@testable import Gateway

/// A client of an admission, on a loop.
private final class Client: LoopTarget {
  var token: Token!
  var onGrant: () -> Void = { Issue.record("a place for one that does not wait") }

  func ready(_ readiness: Readiness, role: UInt8) {}
  func received(_ message: any Sendable, role: UInt8) {
    #expect(message is Admission.Granted)
    onGrant()
  }
}

/// A timer, or a message from oneself, as a closure.
private final class Step: LoopTarget {
  var body: () -> Void = {}
  func ready(_ readiness: Readiness, role: UInt8) {}
  func timerFired(role: UInt8) { body() }
  func received(_ message: any Sendable, role: UInt8) { body() }
}

/// Runs the loop until all mail that is there has been delivered.
private func deliver(_ loop: EventLoop) {
  let end = Step()
  let token = loop.register(end)
  end.body = { loop.stop() }
  loop.mailbox.post(0, to: token)
  loop.run()
}

@Suite struct AdmissionTests {
  private func client(on loop: EventLoop) -> Client {
    let client = Client()
    client.token = loop.register(client)
    return client
  }

  @Test func placesGoToTheFirstThenTheQueueIsFilledThenItIsFull() throws {
    let loop = try EventLoop(mailbox: Mailbox())
    let admission = Admission(concurrency: 2, queue: 3)
    let clients = (0..<7).map { _ in client(on: loop) }
    let verdicts = clients.map { admission.enter($0.token, mailbox: loop.mailbox) }
    #expect(verdicts == [.granted, .granted, .queued, .queued, .queued, .full, .full])
  }

  @Test func aPlaceThatIsGivenBackGoesToTheOneWhoHasWaitedLongest() throws {
    let loop = try EventLoop(mailbox: Mailbox())
    let admission = Admission(concurrency: 1, queue: 3)
    let clients = (0..<4).map { _ in client(on: loop) }
    var granted: [Int] = []
    for index in 1...3 {
      clients[index].onGrant = {
        granted.append(index)
        if index < 3 { admission.leave() }
      }
    }
    for client in clients { _ = admission.enter(client.token, mailbox: loop.mailbox) }
    admission.leave()
    // While one waits, a newcomer does not pass it.
    #expect(admission.enter(client(on: loop).token, mailbox: loop.mailbox) == .queued)
    clients[3].onGrant = {
      granted.append(3)
      loop.stop()
    }
    loop.run()
    #expect(granted == [1, 2, 3])
  }

  @Test func oneThatLeavesTheQueueIsPassedOver() throws {
    let loop = try EventLoop(mailbox: Mailbox())
    let admission = Admission(concurrency: 1, queue: 2)
    let clients = (0..<4).map { _ in client(on: loop) }
    for index in 0..<3 { _ = admission.enter(clients[index].token, mailbox: loop.mailbox) }
    admission.cancel(clients[1].token, mailbox: loop.mailbox)
    #expect(admission.enter(clients[3].token, mailbox: loop.mailbox) == .queued, "its place in the queue is free")
    var granted: [Int] = []
    for index in 2...3 { clients[index].onGrant = { granted.append(index) } }
    admission.leave()
    admission.leave()
    deliver(loop)
    #expect(granted == [2, 3])
  }

  @Test func oneThatLeavesWhenItsPlaceWasGrantedAlreadyGivesItOn() throws {
    let loop = try EventLoop(mailbox: Mailbox())
    let admission = Admission(concurrency: 1, queue: 2)
    let clients = (0..<3).map { _ in client(on: loop) }
    for client in clients { _ = admission.enter(client.token, mailbox: loop.mailbox) }
    admission.leave()
    // The grant is on its way; its target ends before it comes.
    admission.cancel(clients[1].token, mailbox: loop.mailbox)
    loop.unregister(clients[1].token)
    var granted = 0
    clients[2].onGrant = { granted += 1 }
    deliver(loop)
    #expect(granted == 1)
    admission.leave()
    #expect(admission.enter(clients[0].token, mailbox: loop.mailbox) == .granted)
  }

  @Test func oneTokenOfTwoLoopsIsTwoClients() throws {
    let (one, two) = (try EventLoop(mailbox: Mailbox()), try EventLoop(mailbox: Mailbox()))
    let admission = Admission(concurrency: 1, queue: 2)
    let (first, second) = (client(on: one), client(on: two))
    #expect(first.token == second.token)
    #expect(admission.enter(client(on: one).token, mailbox: one.mailbox) == .granted)
    #expect(admission.enter(first.token, mailbox: one.mailbox) == .queued)
    #expect(admission.enter(second.token, mailbox: two.mailbox) == .queued)
    admission.cancel(second.token, mailbox: two.mailbox)
    var granted = 0
    first.onGrant = { granted += 1 }
    admission.leave()
    deliver(one)
    deliver(two)
    #expect(granted == 1)
  }

  @Test func aQueueOfNoneRefusesAtOnce() throws {
    let loop = try EventLoop(mailbox: Mailbox())
    let admission = Admission(concurrency: 1, queue: 0)
    let client = client(on: loop)
    #expect(admission.enter(client.token, mailbox: loop.mailbox) == .granted)
    #expect(admission.enter(client.token, mailbox: loop.mailbox) == .full)
    admission.leave()
    #expect(admission.enter(client.token, mailbox: loop.mailbox) == .granted)
  }
}

// MARK: Against a model

/// Random enters, leaves and cancels, and what must come of them. One step a turn, so that grants are under way while
/// other things happen.
private final class Model {
  let loop: EventLoop
  let admission: Admission
  let concurrency: Int
  let queue: Int
  var random: Seeded
  /// Those who hold a place and know it.
  var running: [Client] = []
  /// Those whose grant is under way, in the order in which it must come.
  var granted: [Client] = []
  var waiting: [Client] = []
  var faults: [String] = []
  var counts = (granted: 0, queued: 0, full: 0, cancelled: 0, cancelledLate: 0)

  init(seed: UInt64) throws {
    random = Seeded(state: seed)
    loop = try EventLoop(mailbox: Mailbox())
    concurrency = Int.random(in: 1...4, using: &random)
    queue = Int.random(in: 0...6, using: &random)
    admission = Admission(concurrency: concurrency, queue: queue)
  }

  func run(steps: Int) {
    let stepper = Step()
    let token = loop.register(stepper)
    var left = steps
    stepper.body = { [unowned self] in
      for _ in 0..<Int.random(in: 1...4, using: &random) { step() }
      if running.count + granted.count > concurrency { faults.append("too many run") }
      left -= 1
      if left == 0 { return loop.stop() }
      loop.mailbox.post(0, to: token)
    }
    loop.mailbox.post(0, to: token)
    loop.run()
  }

  private func step() {
    switch Int.random(in: 0..<10, using: &random) {
    case 0...4: enter()
    case 5...7: leave()
    default: cancel()
    }
  }

  private func enter() {
    let client = Client()
    client.token = loop.register(client)
    client.onGrant = { [unowned self, unowned client] in
      guard let first = granted.first, first === client else { return faults.append("a grant out of turn") }
      running.append(granted.removeFirst())
    }
    let verdict = admission.enter(client.token, mailbox: loop.mailbox)
    if running.count + granted.count < concurrency {
      if verdict != .granted { faults.append("\(verdict) where a place was free") }
      running.append(client)
      counts.granted += 1
    } else if waiting.count < queue {
      if verdict != .queued { faults.append("\(verdict) where there was room to wait") }
      waiting.append(client)
      counts.queued += 1
    } else {
      if verdict != .full { faults.append("\(verdict) where the queue was full") }
      loop.unregister(client.token)
      counts.full += 1
    }
  }

  private func leave() {
    guard let index = running.indices.randomElement(using: &random) else { return }
    loop.unregister(running.remove(at: index).token)
    admission.leave()
    passOn()
  }

  private func passOn() {
    if !waiting.isEmpty { granted.append(waiting.removeFirst()) }
  }

  private func cancel() {
    let all = waiting + granted
    guard let client = all.randomElement(using: &random) else { return }
    admission.cancel(client.token, mailbox: loop.mailbox)
    loop.unregister(client.token)
    if let index = waiting.firstIndex(where: { $0 === client }) {
      waiting.remove(at: index)
      counts.cancelled += 1
    } else {
      granted.removeAll { $0 === client }
      counts.cancelledLate += 1
      passOn()
    }
  }
}

@Suite struct AdmissionModelTests {
  @Test(arguments: Array(1...12) as [UInt64])
  func whoeverEntersLeavesAndCancelsThePlacesAreWhatTheModelSays(_ seed: UInt64) throws {
    let model = try Model(seed: seed &* 0x9E37_79B9_7F4A_7C15)
    model.run(steps: 1_000)
    #expect(model.faults.isEmpty, "\(model.faults.prefix(5))")
    #expect(model.counts.granted > 50 && model.counts.full > 50)
    guard model.queue > 0 else { return }
    #expect(model.counts.queued > 50 && model.counts.cancelled > 10 && model.counts.cancelledLate > 0)
  }

  @Test func loopsOnManyThreadsNeverRunMoreThanTheLimitAndServeEverybody() throws {
    let limit = 3
    let tally = Tally()
    let admission = Admission(concurrency: limit, queue: 1_000)
    let ended = Condition(0)
    let (threads, each, rounds) = (4, 6, 100)
    for _ in 0..<threads {
      let mailbox = try Mailbox()
      Threads.start(name: "admission") {
        guard let loop = try? EventLoop(mailbox: mailbox) else { return }
        let workers = (0..<each).map { _ in Worker(loop, admission, tally, rounds: rounds) }
        var left = each
        for worker in workers {
          worker.onEnd = {
            left -= 1
            if left == 0 { loop.stop() }
          }
          worker.begin()
        }
        loop.run()
        ended.change { $0 += 1 }
      }
    }
    ended.wait { $0 == threads ? () : nil }
    #expect(tally.served.load(ordering: .relaxed) == threads * each * rounds)
    #expect(tally.most.load(ordering: .relaxed) <= limit)
    #expect(tally.running.load(ordering: .relaxed) == 0)
    // All places are there again.
    let loop = try EventLoop(mailbox: Mailbox())
    let token = loop.register(Client())
    #expect((0..<limit).allSatisfy { _ in admission.enter(token, mailbox: loop.mailbox) == .granted })
    #expect(admission.enter(token, mailbox: loop.mailbox) == .queued)
  }
}

private final class Tally: Sendable {
  let running = Atomic<Int>(0)
  let most = Atomic<Int>(0)
  let served = Atomic<Int>(0)
}

/// Asks for a place, holds it for a turn of its loop, gives it back, and asks again.
private final class Worker: LoopTarget {
  private let loop: EventLoop
  private let admission: Admission
  private let tally: Tally
  private var rounds: Int
  private var token: Token!
  var onEnd: () -> Void = {}

  private struct Done: Sendable {}

  init(_ loop: EventLoop, _ admission: Admission, _ tally: Tally, rounds: Int) {
    self.loop = loop
    self.admission = admission
    self.tally = tally
    self.rounds = rounds
    token = loop.register(self)
  }

  func ready(_ readiness: Readiness, role: UInt8) {}

  func begin() {
    switch admission.enter(token, mailbox: loop.mailbox) {
    case .granted: hold()
    case .queued: break
    case .full: Issue.record("the queue has room for all")
    }
  }

  private func hold() {
    let now = tally.running.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
    tally.most.max(now, ordering: .relaxed)
    loop.mailbox.post(Done(), to: token)
  }

  func received(_ message: any Sendable, role: UInt8) {
    if message is Admission.Granted { return hold() }
    tally.running.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    tally.served.wrappingAdd(1, ordering: .relaxed)
    admission.leave()
    rounds -= 1
    if rounds == 0 { onEnd() } else { begin() }
  }
}
