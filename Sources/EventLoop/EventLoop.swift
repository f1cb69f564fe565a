// One loop: an epoll instance, the table of those who wait on it, timers, and a mailbox that other threads post to.
// It knows no protocol, and it sleeps nowhere but in epoll_wait.

import Kernel

/// Names a registration. The generation makes a stale event harmless: a slot that was given to somebody else has
/// another one.
public struct Token: Hashable, Sendable {
  let index: UInt32
  let generation: UInt32

  var packed: UInt64 { UInt64(generation) << 32 | UInt64(index) }

  init(index: UInt32, generation: UInt32) {
    self.index = index
    self.generation = generation
  }

  init(packed: UInt64) {
    index = UInt32(truncatingIfNeeded: packed)
    generation = UInt32(packed >> 32)
  }
}

/// Somebody whom a loop calls. All calls come on the loop's own thread.
public protocol LoopTarget: AnyObject {
  /// A registered descriptor is ready. `role` is what it was registered with, to tell several of one target apart.
  func ready(_ readiness: Readiness, role: UInt8)
  /// A timer of this target has run out.
  func timerFired(role: UInt8)
  /// Something was posted to this target from another thread.
  func received(_ message: any Sendable, role: UInt8)
}

extension LoopTarget {
  public func timerFired(role: UInt8) {}
  public func received(_ message: any Sendable, role: UInt8) {}
}

/// Work for the end of a turn, when every event of it has been seen.
public protocol TurnObserver: AnyObject {
  /// - Parameter busyNanoseconds: how long the turn took from waking up to here.
  func turnEnded(now: Int64, busyNanoseconds: Int64)
}

/// The loop. Everything but its `mailbox` belongs to the thread that calls `run`.
public final class EventLoop {
  private struct Slot {
    var target: (any LoopTarget)?
    var generation: UInt32
    var role: UInt8
    /// The registered descriptor, or -1 for a slot that only has timers and messages.
    var descriptor: Int32
  }

  private let epoll: Epoll
  private var slots: [Slot] = []
  private var freeSlots: [UInt32] = []
  private var timers = TimerQueue()
  private var stopped = false
  private var letters: [Mailbox.Letter] = []
  /// How many messages are being delivered one inside the other.
  private var depth = 0
  private static let deliveriesInARow = 4

  /// What other threads post to.
  public let mailbox: Mailbox
  /// The monotonic clock when this turn began, in nanoseconds.
  public private(set) var now: Int64 = Clock.monotonic()
  public var observer: (any TurnObserver)?

  private static let mailboxData = UInt64.max

  /// - Throws: what epoll_create1(2) and eventfd(2) do.
  public init(mailbox: Mailbox) throws(Errno) {
    epoll = try Epoll()
    self.mailbox = mailbox
    try epoll.add(mailbox.wakeup.descriptor.raw, .readable, data: Self.mailboxData)
  }

  // MARK: Registrations

  /// Registers a descriptor, level-triggered. The caller keeps it open until `unregister`.
  /// - Throws: what epoll_ctl(2) does: ENOMEM, ENOSPC.
  public func register(
    _ descriptor: Int32, _ interest: Readiness, _ target: any LoopTarget, role: UInt8 = 0
  ) throws(Errno) -> Token {
    let token = takeSlot(target, role: role, descriptor: descriptor)
    do {
      try epoll.add(descriptor, interest, data: token.packed)
    } catch {
      freeSlot(token)
      throw error
    }
    return token
  }

  /// A registration without a descriptor, for timers and messages.
  public func register(_ target: any LoopTarget, role: UInt8 = 0) -> Token {
    takeSlot(target, role: role, descriptor: -1)
  }

  /// Changes what is waited for.
  public func setInterest(_ token: Token, _ interest: Readiness) {
    guard isLive(token) else { preconditionFailure("interest of a registration that has ended") }
    epoll.modify(slots[Int(token.index)].descriptor, interest, data: token.packed)
  }

  /// Ends a registration: no event, timer or message reaches its target any more. Before the descriptor is closed.
  public func unregister(_ token: Token) {
    precondition(isLive(token), "a registration ended twice")
    let descriptor = slots[Int(token.index)].descriptor
    if descriptor >= 0 { epoll.remove(descriptor) }
    freeSlot(token)
  }

  private func isLive(_ token: Token) -> Bool {
    slots[Int(token.index)].generation == token.generation && slots[Int(token.index)].target != nil
  }

  private func takeSlot(_ target: any LoopTarget, role: UInt8, descriptor: Int32) -> Token {
    if let index = freeSlots.popLast() {
      slots[Int(index)].target = target
      slots[Int(index)].role = role
      slots[Int(index)].descriptor = descriptor
      return Token(index: index, generation: slots[Int(index)].generation)
    }
    slots.append(Slot(target: target, generation: 0, role: role, descriptor: descriptor))
    return Token(index: UInt32(slots.count - 1), generation: 0)
  }

  private func freeSlot(_ token: Token) {
    slots[Int(token.index)].target = nil
    slots[Int(token.index)].generation &+= 1
    freeSlots.append(token.index)
  }

  // MARK: Timers

  /// Calls the target of a registration at a time of the monotonic clock, unless the registration ends before.
  /// A timer is not taken back: whoever no longer needs it looks at its own deadline when it fires.
  public func schedule(_ token: Token, at deadline: Int64) {
    timers.add(deadline: deadline, token: token)
  }

  // MARK: Running

  /// Runs until `stop`.
  public func run() {
    while !stopped {
      let count = epoll.wait(milliseconds: timers.timeoutMilliseconds(now: Clock.monotonic()))
      now = Clock.monotonic()
      for index in 0..<count {
        let (readiness, data) = epoll.event(index)
        if data == Self.mailboxData {
          deliverMail()
        } else {
          deliver(readiness, Token(packed: data))
        }
      }
      fireTimers()
      let end = Clock.monotonic()
      observer?.turnEnded(now: end, busyNanoseconds: end - now)
    }
  }

  /// Lets `run` return after this turn.
  public func stop() { stopped = true }

  private func deliver(_ readiness: Readiness, _ token: Token) {
    let slot = slots[Int(token.index)]
    guard slot.generation == token.generation, let target = slot.target else { return }
    target.ready(readiness, role: slot.role)
  }

  /// Tells a registration of this loop something at once, as `Mailbox.post` does from elsewhere. Where one such message
  /// has led to another, and so on, the next goes by the mailbox, so that no chain of them runs out of stack.
  public func deliver(_ message: any Sendable, to token: Token) {
    if depth == Self.deliveriesInARow { return mailbox.post(message, to: token) }
    guard isLive(token), let target = slots[Int(token.index)].target else { return }
    depth += 1
    target.received(message, role: slots[Int(token.index)].role)
    depth -= 1
  }

  private func deliverMail() {
    mailbox.wakeup.clear()
    mailbox.take(into: &letters)
    for letter in letters {
      let slot = slots[Int(letter.token.index)]
      guard slot.generation == letter.token.generation, let target = slot.target else { continue }
      target.received(letter.message, role: slot.role)
    }
    letters.removeAll(keepingCapacity: true)
  }

  private func fireTimers() {
    while let token = timers.popDue(now: now) {
      let slot = slots[Int(token.index)]
      guard slot.generation == token.generation, let target = slot.target else { continue }
      target.timerFired(role: slot.role)
    }
  }
}
