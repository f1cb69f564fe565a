import Kernel
import Testing

@testable import EventLoop

@Suite struct TimerTests {
  @Test func timersFireInTheOrderOfTheirDeadlinesAndNeverBefore() throws {
    let test = try TestLoop()
    let start = test.loop.now
    // Some long past, some together in one turn, some to wait for.
    let offsets: [Int64] = [4_000_000, -5, 1_500_000, -2_000_000_000, 0, 2_000_000, 1_500_001, -6]
    var fired: [Int64] = []
    let targets = offsets.map { _ in Target() }
    for (target, offset) in zip(targets, offsets) {
      let token = test.loop.register(target)
      target.onTimer = { _ in
        fired.append(offset)
        #expect(test.loop.now >= start + offset)
        if fired.count == offsets.count { test.loop.stop() }
      }
      test.loop.schedule(token, at: start + offset)
    }
    test.run()
    #expect(fired == offsets.sorted())
  }

  @Test func aTimerOfARegistrationThatEndedNeverFiresNotEvenForItsSuccessor() throws {
    let test = try TestLoop()
    let (first, second) = (Target(), Target())  // Both say so when a timer reaches them.
    let old = test.loop.register(first)
    test.loop.schedule(old, at: test.loop.now + 2_000_000)
    test.loop.unregister(old)
    let new = test.loop.register(second)
    #expect(new.index == old.index)
    test.run(milliseconds: 10)
  }

  @Test func aRegistrationThatEndsInATimerTakesItsOtherDueTimersAlong() throws {
    let (test, target) = (try TestLoop(), Target())
    let token = test.loop.register(target)
    var fired = 0
    target.onTimer = { _ in
      fired += 1
      test.loop.unregister(token)
    }
    for _ in 0..<3 { test.loop.schedule(token, at: test.loop.now) }
    test.run(milliseconds: 5)
    #expect(fired == 1)
  }

  @Test func aTimerMaySetTimersThatAreDueAtOnceOrLater() throws {
    let (test, target) = (try TestLoop(), Target())
    let token = test.loop.register(target, role: 3)
    var times: [Int64] = []
    target.onTimer = { role in
      #expect(role == 3)
      times.append(test.loop.now)
      switch times.count {
      case 1: test.loop.schedule(token, at: test.loop.now - 1)
      case 2: test.loop.schedule(token, at: test.loop.now + 3_000_000)
      default: test.loop.stop()
      }
    }
    test.loop.schedule(token, at: test.loop.now)
    test.run()
    #expect(times.count == 3)
    // The second belongs to the first's turn; the third waits for its time.
    #expect(times[0] == times[1] && times[2] - times[1] >= 3_000_000)
  }

  @Test func theWaitIsRoundedUpSoThatATimerIsDueWhenItEnds() {
    var queue = TimerQueue()
    #expect(queue.timeoutMilliseconds(now: 0) == -1)
    let token = Token(index: 0, generation: 0)
    queue.add(deadline: 5_000_001, token: token)
    #expect(queue.timeoutMilliseconds(now: 0) == 6)
    #expect(queue.timeoutMilliseconds(now: 1) == 5)
    #expect(queue.timeoutMilliseconds(now: 5_000_000) == 1)
    #expect(queue.timeoutMilliseconds(now: 5_000_001) == 0)
    #expect(queue.timeoutMilliseconds(now: 9_000_000) == 0)
    #expect(queue.popDue(now: 5_000_000) == nil && queue.popDue(now: 5_000_001) == token)
    #expect(queue.popDue(now: .max) == nil)
    queue.add(deadline: .max, token: token)
    #expect(queue.timeoutMilliseconds(now: 0) == .max)
  }
}
