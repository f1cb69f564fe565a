import Kernel
import Testing

@testable import EventLoop

/// Looks at its deadline when a timer fires, and stops the loop when it has come.
private final class Holder: LoopTarget {
  let loop: EventLoop
  var deadline = Deadline()
  var token: Token?
  var fired = 0
  var cameAt: Int64?

  init(_ loop: EventLoop) {
    self.loop = loop
    token = loop.register(self)
  }

  func set(_ time: Int64) { deadline.set(time, for: token!, on: loop) }

  func ready(_ readiness: Readiness, role: UInt8) { Issue.record("there is no descriptor") }

  func timerFired(role: UInt8) {
    fired += 1
    guard deadline.hasCome(for: token!, on: loop) else { return }
    cameAt = loop.now
    loop.stop()
  }
}

@Suite struct DeadlineTests {
  private static let millisecond: Int64 = 1_000_000

  @Test func aDeadlineThatIsMovedBackComesOnceAtItsLastTime() throws {
    let holder = Holder(try EventLoop(mailbox: Mailbox()))
    let start = holder.loop.now
    // Each is later than the one before: one timer is under way, and one more when that finds the time not come.
    for milliseconds in 10...30 { holder.set(start + Int64(milliseconds) * Self.millisecond) }
    holder.loop.run()
    #expect(try #require(holder.cameAt) >= start + 30 * Self.millisecond)
    #expect(holder.fired == 2)
  }

  @Test func aDeadlineThatIsMovedForwardComesInTimeAndTheLaterTimerSaysNothing() throws {
    let holder = Holder(try EventLoop(mailbox: Mailbox()))
    let start = holder.loop.now
    holder.set(start + 60_000 * Self.millisecond)
    holder.set(start + 5 * Self.millisecond)
    holder.loop.run()
    let came = try #require(holder.cameAt)
    #expect(came >= start + 5 * Self.millisecond && came < start + 60_000 * Self.millisecond)
    let again = holder.deadline.hasCome(for: holder.token!, on: holder.loop)
    #expect(!again, "it comes once")
  }

  @Test func oneThatIsClearedDoesNotCome() throws {
    let cleared = Holder(try EventLoop(mailbox: Mailbox()))
    let start = cleared.loop.now
    cleared.set(start + 5 * Self.millisecond)
    cleared.deadline.clear()
    let other = Holder(cleared.loop)
    other.set(start + 20 * Self.millisecond)
    cleared.loop.run()
    #expect(cleared.fired == 1 && cleared.cameAt == nil && other.cameAt != nil)
  }
}
