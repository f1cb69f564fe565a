// Messages within one loop: at once, but not without end.

import Kernel
import Testing

@testable import EventLoop

@Suite struct DeliveryTests {
  @Test func aMessageIsThereWhenDeliverReturnsAndBeforeWhatWasPosted() throws {
    let (test, target) = (try TestLoop(), Target())
    let token = test.loop.register(target, role: 7)
    var received: [Int] = []
    target.onMessage = { message, role in
      received.append(message as? Int ?? -1)
      #expect(role == 7)
      if received.count == 2 { test.loop.stop() }
    }
    test.loop.mailbox.post(2, to: token)
    test.loop.deliver(1, to: token)
    #expect(received == [1])
    test.run()
    #expect(received == [1, 2])
  }

  @Test func aChainOfMessagesGoesOnByTheMailboxWhenItIsDeep() throws {
    let (test, target) = (try TestLoop(), Target())
    let token = test.loop.register(target)
    var (depth, deepest) = (0, 0)
    var received: [Int] = []
    target.onMessage = { message, _ in
      guard let number = message as? Int else { return }
      depth += 1
      deepest = max(deepest, depth)
      received.append(number)
      if number == 10_000 { test.loop.stop() } else { test.loop.deliver(number + 1, to: token) }
      depth -= 1
    }
    test.loop.deliver(0, to: token)
    // The first ones are there; the next is in the mailbox.
    #expect(received == [0, 1, 2, 3] && depth == 0)
    test.run()
    #expect(received == Array(0...10_000), "none is lost, and all are in order")
    // One by the mailbox, and behind it as many as before.
    #expect(deepest == 5)
  }

  @Test func theDepthIsGivenBackSoThatTheNextOneGoesAtOnceAgain() throws {
    let (test, target) = (try TestLoop(), Target())
    let token = test.loop.register(target)
    var received = 0
    target.onMessage = { _, _ in received += 1 }
    for round in 1...100 {
      test.loop.deliver(0, to: token)
      #expect(received == round)
    }
  }

  @Test func aRegistrationThatHasEndedGetsNothingNorDoesItsSuccessor() throws {
    let (test, successor) = (try TestLoop(), Target())
    let old = test.loop.register(Target())
    test.loop.unregister(old)
    test.loop.deliver(1, to: old)
    let new = test.loop.register(successor)
    #expect(new.index == old.index)
    test.loop.deliver(2, to: old)
    var received: [Int] = []
    successor.onMessage = { message, _ in received.append(message as? Int ?? -1) }
    test.loop.deliver(3, to: new)
    #expect(received == [3])
  }

  @Test func oneThatEndsItselfWhileItIsToldIsToldNoMore() throws {
    let (test, target) = (try TestLoop(), Target())
    let token = test.loop.register(target)
    var received: [Int] = []
    target.onMessage = { message, _ in
      received.append(message as? Int ?? -1)
      test.loop.unregister(token)
      test.loop.deliver(2, to: token)
    }
    test.loop.deliver(1, to: token)
    #expect(received == [1])
  }
}
