import Kernel
import Synchronization

/// Where other threads leave messages for a loop. What it holds is bounded by those who post: a helper's answer to
/// each job, a place in a queue for each request that waits, a connection handed over.
public final class Mailbox: Sendable {
  struct Letter: Sendable {
    var token: Token
    var message: any Sendable
  }

  let wakeup: Wakeup
  private let letters = Mutex<[Letter]>([])

  /// - Throws: what eventfd(2) does.
  public init() throws(Errno) {
    wakeup = try Wakeup()
  }

  /// Leaves a message for a registration of the mailbox's loop, and wakes that loop.
  public func post(_ message: any Sendable, to token: Token) {
    let first = letters.withLock { letters in
      letters.append(Letter(token: token, message: message))
      return letters.count == 1
    }
    if first { wakeup.signal() }
  }

  func take(into taken: inout [Letter]) {
    letters.withLock { swap(&$0, &taken) }
  }
}
