// What the tests of the policy share.

@testable import WorkerPool

extension WorkerPool {
  /// A pool whose processes all run, and have answered nothing yet.
  static func running(slots: Int, queue: Int = 4, passes: Int? = nil) -> WorkerPool {
    var limits = Limits(slots: slots, queue: queue)
    if let passes { limits.passes = passes }
    var pool = WorkerPool(limits)
    for slot in 0..<slots { _ = pool.started(slot) }
    return pool
  }

  /// The worker that a request gets at once.
  mutating func take(_ request: Request, owner: Int = 0) -> Worker {
    guard case .granted(let worker) = arrive(request, owner: owner) else { preconditionFailure("no worker is idle") }
    return worker
  }

  /// Has the process of a slot answer a request, so that its program is known to work.
  mutating func prove(_ slot: Slot) {
    let worker = take(9_999)
    precondition(worker.slot == slot, "another worker is idle, too")
    _ = release(worker, owner: 0, answered: true)
  }
}

/// A small generator with a seed, so that a failure can be repeated (the xorshift* family).
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }
}
