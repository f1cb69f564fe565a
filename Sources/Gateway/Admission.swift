import DequeModule
import EventLoop
import Synchronization

/// Who may run a program of a route now, and who waits, in the order of their coming. Shared by all loops: a limit
/// that each loop kept for itself would be another limit.
final class Admission: Sendable {
  enum Verdict {
    case granted
    /// A `Granted` will be posted.
    case queued
    case full
  }

  /// Posted to one that waited: its place is there, and must be given back.
  struct Granted: Sendable {}

  private struct Waiter: Sendable {
    var mailbox: Mailbox
    var token: Token
  }

  private struct State: Sendable {
    var running = 0
    var waiting: Deque<Waiter> = []
  }

  private let state = Mutex(State())
  private let concurrency: Int
  private let queue: Int

  /// - Parameters:
  ///   - concurrency: how many may run.
  ///   - queue: how many may wait.
  init(concurrency: Int, queue: Int) {
    self.concurrency = concurrency
    self.queue = queue
  }

  /// Asks for a place.
  func enter(_ token: Token, mailbox: Mailbox) -> Verdict {
    state.withLock { state in
      if state.running < concurrency {
        state.running += 1
        return .granted
      }
      if state.waiting.count >= queue { return .full }
      state.waiting.append(Waiter(mailbox: mailbox, token: token))
      return .queued
    }
  }

  /// Gives a place back; the first who waits gets it.
  func leave() {
    let next = state.withLock { state -> Waiter? in
      if let next = state.waiting.popFirst() { return next }
      precondition(state.running > 0, "a place was given back twice")
      state.running -= 1
      return nil
    }
    next?.mailbox.post(Granted(), to: next!.token)
  }

  /// Leaves the queue. Where the place had been granted in the meantime, it is given back.
  func cancel(_ token: Token, mailbox: Mailbox) {
    let waited = state.withLock { state -> Bool in
      guard let index = state.waiting.firstIndex(where: { $0.token == token && $0.mailbox === mailbox }) else {
        return false
      }
      state.waiting.remove(at: index)
      return true
    }
    if !waited { leave() }
  }
}
