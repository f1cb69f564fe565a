// What workers take, by their own clocks: of one request, and of all.

/// What one request took of a worker, by the worker's own processor clock.
struct WorkerCost: Sendable {
  /// From BEGIN_REQUEST to END_REQUEST, in nanoseconds.
  var processor: Int64
  /// What it had taken since the end of the request before: of its start, or between requests.
  var before: Int64
  var clockAtEnd: Int64
}

/// What workers have done: one since its start, or all of a pool's together.
struct WorkerFigures: Sendable {
  var requests = 0
  /// Nanoseconds of processor time within requests, by the workers' own clocks.
  var within: Int64 = 0
  /// Between two requests.
  var between: Int64 = 0
  /// Before the first.
  var before: Int64 = 0

  var processor: Int64 { within + between + before }

  mutating func add(_ cost: WorkerCost?, answered: Bool) {
    if let cost {
      within += cost.processor
      if requests == 0 { before += cost.before } else { between += cost.before }
    }
    if answered { requests += 1 }
  }

  mutating func add(_ other: WorkerFigures) {
    requests += other.requests
    within += other.within
    between += other.between
    before += other.before
  }

  /// For the log: the figures, and what is left of the whole that the kernel has counted.
  func words(of whole: Int64) -> String {
    let outside = max(0, whole - within - between)
    return """
      \(requests) requests: \(Self.milliseconds(within)) of processor time within them, \(Self.milliseconds(between)) \
      between them, \(Self.milliseconds(outside)) at start and end
      """
  }

  private static func milliseconds(_ nanoseconds: Int64) -> String {
    let microseconds = nanoseconds / 1000
    let fraction = String(microseconds % 1000 + 1000).dropFirst()
    return "\(microseconds / 1000).\(fraction) ms"
  }
}
