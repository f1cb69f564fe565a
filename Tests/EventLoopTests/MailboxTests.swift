import Kernel
import Testing

@testable import EventLoop

@Suite struct MailboxTests {
  private struct Note: Sendable, Equatable {
    var sender: Int
    var number: Int
  }

  @Test func messagesOfManyThreadsAllComeAndEachSendersInOrder() throws {
    let (test, target) = (try TestLoop(), Target())
    let token = test.loop.register(target, role: 9)
    let mailbox = test.loop.mailbox
    let (senders, each) = (8, 2_000)
    var next = [Int](repeating: 0, count: senders)
    var total = 0
    target.onMessage = { message, role in
      guard let note = message as? Note, role == 9 else {
        Issue.record("what is \(message)?")
        return
      }
      if note.number != next[note.sender] { Issue.record("\(note) came, \(next[note.sender]) was next") }
      next[note.sender] += 1
      total += 1
      if total == senders * each { test.loop.stop() }
    }
    for sender in 0..<senders {
      Threads.start(name: "sender") {
        for number in 0..<each { mailbox.post(Note(sender: sender, number: number), to: token) }
      }
    }
    test.run()
    #expect(next == [Int](repeating: each, count: senders))
  }

  @Test func aMessageToARegistrationThatEndedIsDroppedAndDoesNotReachItsSuccessor() throws {
    let (test, successor) = (try TestLoop(), Target())
    let old = test.loop.register(Target())
    test.loop.mailbox.post(1, to: old)
    test.loop.unregister(old)
    let new = test.loop.register(successor)
    #expect(new.index == old.index)
    var received: [Int] = []
    successor.onMessage = { message, _ in
      received.append(message as? Int ?? -1)
      test.loop.stop()
    }
    test.loop.mailbox.post(2, to: new)
    test.run()
    #expect(received == [2])
  }

  @Test func aMessagePostedWhileMailIsDeliveredComesToo() throws {
    let (test, target) = (try TestLoop(), Target())
    let token = test.loop.register(target)
    var received: [Int] = []
    target.onMessage = { message, _ in
      guard let number = message as? Int else { return }
      received.append(number)
      if number == 100 { return test.loop.stop() }
      test.loop.mailbox.post(number + 1, to: token)
    }
    test.loop.mailbox.post(0, to: token)
    test.run()
    #expect(received == Array(0...100))
  }
}

@Suite struct HelperThreadTests {
  @Test func jobsAreAnsweredWithTheirNumbersOnTheLoop() throws {
    let (test, target) = (try TestLoop(), Target())
    let token = test.loop.register(target)
    let helpers = HelperThreads(threads: 3, queueLimit: 1000)
    var answers: [UInt64: Int] = [:]
    target.onMessage = { message, _ in
      guard let answer = message as? HelperThreads.Answer, let value = answer.value as? Int else {
        Issue.record("what is \(message)?")
        return
      }
      #expect(answers.updateValue(value, forKey: answer.job) == nil)
      if answers.count == 200 { test.loop.stop() }
    }
    for number in 0..<UInt64(200) {
      #expect(helpers.submit(number: number, for: token, mailbox: test.loop.mailbox) { Int(number) * 3 })
    }
    test.run()
    #expect((0..<UInt64(200)).allSatisfy { answers[$0] == Int($0) * 3 })
  }

  @Test func aJobBeyondTheQueuesLimitIsRefusedUntilThereIsRoom() throws {
    let (test, target) = (try TestLoop(), Target())
    let token = test.loop.register(target)
    let mailbox = test.loop.mailbox
    let helpers = HelperThreads(threads: 2, queueLimit: 3)
    let gate = Condition((started: 0, open: false))
    let hold: @Sendable () -> any Sendable = {
      gate.change { state in state.started += 1 }
      gate.wait { $0.open ? () : nil }
      gate.change { _ in }
      return true
    }
    for number in 0..<UInt64(2) { #expect(helpers.submit(number: number, for: token, mailbox: mailbox, hold)) }
    gate.wait { $0.started >= 2 ? () : nil }
    for number in 2..<UInt64(5) { #expect(helpers.submit(number: number, for: token, mailbox: mailbox) { true }) }
    #expect(!helpers.submit(number: 5, for: token, mailbox: mailbox) { true })
    var answered: Set<UInt64> = []
    target.onMessage = { message, _ in
      if let answer = message as? HelperThreads.Answer { answered.insert(answer.job) }
      if answered.count == 5 {
        #expect(helpers.submit(number: 6, for: token, mailbox: mailbox) { true })
      }
      if answered.contains(6) { test.loop.stop() }
    }
    gate.change { state in state.open = true }
    test.run()
    #expect(answered == [0, 1, 2, 3, 4, 6])
  }
}
