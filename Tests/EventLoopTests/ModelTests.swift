// Random sequences of everything that can be asked of a loop, held against a model that is simple enough to be
// believed.

import Kernel
import Testing

@testable import EventLoop

/// A registration with what the model knows of it.
private final class Subject: LoopTarget {
  let channel: Channel?
  unowned let model: Model
  var token: Token!
  var alive = true
  var written = 0
  var readCount = 0
  var posted = 0
  var received = 0
  /// Deadlines that have not fired.
  var deadlines: [Int64] = []

  init(_ model: Model, channel: Channel?) {
    self.model = model
    self.channel = channel
  }

  func ready(_ readiness: Readiness, role: UInt8) {
    model.check(alive, "ready after its end")
    model.check(readCount < written, "ready without a byte")
    readCount += channel?.drain() ?? 0
  }

  func timerFired(role: UInt8) {
    model.check(alive, "a timer after the end")
    // Each subject's own timers come in order, so the one that fired is the earliest.
    guard let earliest = deadlines.min(), let index = deadlines.firstIndex(of: earliest) else {
      return model.check(false, "a timer that nobody set")
    }
    model.check(earliest <= model.loop.now, "a timer before its time")
    model.check(earliest >= model.lastDeadline || model.turn != model.lastDeadlineTurn, "timers out of order")
    model.lastDeadline = earliest
    model.lastDeadlineTurn = model.turn
    deadlines.remove(at: index)
  }

  func received(_ message: any Sendable, role: UInt8) {
    model.check(alive, "mail after the end")
    model.check(message as? Int == received, "\(message) where \(received) was next")
    received += 1
  }
}

private final class Model: LoopTarget, TurnObserver {
  let test: TestLoop
  var loop: EventLoop { test.loop }
  var subjects: [Subject] = []
  var ended: [Subject] = []
  var random: Seeded
  var steps: Int
  var faults: [String] = []
  var turn = 0
  var lastDeadline = Int64.min
  var lastDeadlineTurn = -1
  var token: Token!

  init(seed: UInt64, steps: Int) throws {
    test = try TestLoop()
    random = Seeded(state: seed)
    self.steps = steps
    token = loop.register(self)
    loop.observer = self
  }

  func check(_ holds: Bool, _ fault: @autoclosure () -> String) {
    if !holds { faults.append(fault()) }
  }

  func ready(_ readiness: Readiness, role: UInt8) {}

  /// Mail wakes the model, which does some things and writes to itself again.
  func received(_ message: any Sendable, role: UInt8) {
    for _ in 0..<Int.random(in: 1...6, using: &random) { step() }
    steps -= 1
    if steps > 0 { return loop.mailbox.post(0, to: token) }
    let end = Target()
    end.onTimer = { [unowned self] _ in loop.stop() }
    // Later than every timer that was set.
    loop.schedule(loop.register(end), at: Clock.monotonic() + 10_000_000)
  }

  func turnEnded(now: Int64, busyNanoseconds: Int64) { turn += 1 }

  private func step() {
    switch Int.random(in: 0..<10, using: &random) {
    case 0, 1: begin()
    case 2: finish()
    case 3, 4:
      withSubject { subject in
        guard let channel = subject.channel, subject.written - subject.readCount < 1000 else { return }
        channel.write()
        subject.written += 1
      }
    case 5, 6:
      withSubject { subject in
        loop.mailbox.post(subject.posted, to: subject.token)
        subject.posted += 1
      }
    default:
      withSubject { subject in
        let deadline = loop.now + Int64.random(in: -1_000_000...2_000_000, using: &random)
        subject.deadlines.append(deadline)
        loop.schedule(subject.token, at: deadline)
      }
    }
  }

  private func withSubject(_ body: (Subject) -> Void) {
    if let subject = subjects.randomElement(using: &random) { body(subject) }
  }

  private func begin() {
    guard subjects.count < 40 else { return }
    do {
      let subject = Subject(self, channel: Bool.random(using: &random) ? try Channel() : nil)
      if let channel = subject.channel {
        subject.token = try loop.register(channel.readEnd, .readable, subject)
      } else {
        subject.token = loop.register(subject)
      }
      check(!subjects.contains { $0.token == subject.token }, "a token for two")
      subjects.append(subject)
    } catch {
      check(false, "\(error)")
    }
  }

  private func finish() {
    guard let index = subjects.indices.randomElement(using: &random) else { return }
    let subject = subjects.remove(at: index)
    subject.alive = false
    loop.unregister(subject.token)
    ended.append(subject)
  }
}

@Suite struct ModelTests {
  @Test(arguments: [1, 2, 3, 0xDEAD_BEEF, 77, 1234] as [UInt64])
  func whateverIsAskedOfALoopItDoesWhatTheModelSays(_ seed: UInt64) throws {
    let model = try Model(seed: seed, steps: 1_500)
    model.loop.mailbox.post(0, to: model.token)
    model.test.run()
    #expect(model.faults.isEmpty, "\(model.faults.prefix(10))")
    // The sequence was a real one.
    #expect(model.ended.count > 100 && model.ended.contains { $0.received > 0 && $0.readCount > 0 })
    for subject in model.subjects {
      #expect(subject.received == subject.posted && subject.readCount == subject.written)
      #expect(subject.deadlines.isEmpty)
    }
    for subject in model.ended {
      #expect(subject.received <= subject.posted && subject.readCount <= subject.written)
    }
  }
}
