import HeapModule

/// Deadlines in order. A timer whose registration has ended stays until its time and is then passed over: taking it
/// out would cost more than letting it fall due.
struct TimerQueue {
  private struct Entry: Comparable {
    let deadline: Int64
    let token: Token

    static func < (left: Entry, right: Entry) -> Bool { left.deadline < right.deadline }
    static func == (left: Entry, right: Entry) -> Bool { left.deadline == right.deadline }
  }

  private var heap = Heap<Entry>()

  mutating func add(deadline: Int64, token: Token) {
    heap.insert(Entry(deadline: deadline, token: token))
  }

  /// The next timer that is due, taken out.
  mutating func popDue(now: Int64) -> Token? {
    guard let first = heap.min, first.deadline <= now else { return nil }
    return heap.popMin()?.token
  }

  /// How long epoll may wait, rounded up so that a timer is due when it returns; -1 without timers.
  func timeoutMilliseconds(now: Int64) -> Int32 {
    guard let first = heap.min else { return -1 }
    if first.deadline <= now { return 0 }
    // In this order no deadline is so late that it overflows: «never» is one.
    return Int32(clamping: (first.deadline - now - 1) / 1_000_000 + 1)
  }
}
