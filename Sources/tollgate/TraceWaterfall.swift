// Where the time of one request went, computed from the client's timings and the server's bill. Values only.

import Costs
import HTTPClient

/// One request as `trace` saw it.
struct TraceSample: Sendable {
  var url: String
  /// The address that answered.
  var peer: String
  /// Whether that address is on this machine.
  var isLoopback: Bool
  var timings: ClientTimings
  /// nil where the answer carried no bill of Tollgate's.
  var bill: TraceBill?
  var status: Int
  var reason: String
  /// The body without its framing.
  var bodyBytes: Int64
  /// Head and body as they came.
  var wireBytes: Int64
}

/// A request's time, cut into parts that follow one another. Where the server's phases are known, they and
/// `clientAndNetwork` are what `send` and `wait` are made of, and nothing is counted twice.
struct Waterfall: Equatable {
  enum Part: String, CaseIterable {
    // The client's.
    case lookup, connect, send, wait
    // The server's, out of its bill; they are within the client's send and wait.
    case head, body, queue, spawn, firstByte, output, exit
    // What of sending and waiting is nobody's in particular: both kernels, the wire, wake-ups.
    case clientAndNetwork
    // The client's again.
    case receive
  }

  struct Segment: Equatable {
    var part: Part
    /// Nanoseconds from the beginning of the request.
    var start: Int64
    /// Nanoseconds.
    var length: Int64
  }

  /// In the order of time, the server's phases after `wait`.
  private(set) var segments: [Segment] = []
  let total: Int64
  /// The sum of the server's phases; 0 where there are none.
  private(set) var serverTotal: Int64 = 0
  /// Whether the server's phases are longer than the client waited: then they are of another exchange than the one
  /// that was timed (a cache between?), and none of this one's time is attributed to them.
  private(set) var serverExceedsWait = false

  /// The server's phases fall between the client's first byte out and its first byte in; where between them the
  /// rest lies cannot be known, and it is drawn behind them.
  init(timings: ClientTimings, bill: TraceBill?) {
    total = timings.total
    let sendStart = timings.lookup + timings.connect
    let waitStart = sendStart + timings.send
    add(.lookup, 0, timings.lookup)
    add(.connect, timings.lookup, timings.connect)
    add(.send, sendStart, timings.send)
    add(.wait, waitStart, timings.wait)
    let phases = bill.map { Self.phases($0.phases) } ?? []
    let window = timings.send + timings.wait
    if let sum = Self.sum(phases), sum <= window {
      serverTotal = sum
      // A server may begin to read before the client's send has returned.
      var start = sum <= timings.wait ? waitStart : sendStart
      for (part, length) in phases {
        add(part, start, length)
        start += length
      }
      if !phases.isEmpty {
        add(.clientAndNetwork, start, waitStart + timings.wait - start)
      }
    } else {
      serverExceedsWait = true
    }
    add(.receive, waitStart + timings.wait, timings.receive)
  }

  private mutating func add(_ part: Part, _ start: Int64, _ length: Int64) {
    segments.append(Segment(part: part, start: start, length: length))
  }

  private static func phases(_ phases: Phases) -> [(Part, Int64)] {
    let named: [(Part, Int64?)] = [
      (.head, phases.head), (.body, phases.body), (.queue, phases.queue), (.spawn, phases.spawn),
      (.firstByte, phases.firstByte), (.output, phases.output), (.exit, phases.exit),
    ]
    return named.compactMap { part, length in length.map { (part, $0) } }
  }

  /// nil where a stranger's figures overflow.
  private static func sum(_ phases: [(Part, Int64)]) -> Int64? {
    var sum: Int64 = 0
    for (_, length) in phases {
      let (next, overflow) = sum.addingReportingOverflow(length)
      if overflow { return nil }
      sum = next
    }
    return sum
  }

  /// A part's length; nil where it did not happen or is not known.
  func length(_ part: Part) -> Int64? { segments.first { $0.part == part }?.length }

  var hasServerPhases: Bool { segments.contains { Self.serverParts.contains($0.part) } }

  static let serverParts: [Part] = [.head, .body, .queue, .spawn, .firstByte, .output, .exit]
}

/// The least, the middle and the most of a figure over several requests.
struct Distribution: Equatable {
  let minimum: Int64
  let median: Int64
  let percentile99: Int64
  let maximum: Int64

  /// By nearest rank; nil for no figures.
  init?(_ figures: [Int64]) {
    guard !figures.isEmpty else { return nil }
    let sorted = figures.sorted()
    minimum = sorted[0]
    median = sorted[Self.rank(50, of: sorted.count)]
    percentile99 = sorted[Self.rank(99, of: sorted.count)]
    maximum = sorted[sorted.count - 1]
  }

  /// The index of a percentile by nearest rank.
  static func rank(_ percent: Int, of count: Int) -> Int { max(0, (percent * count + 99) / 100 - 1) }
}

/// All requests to one URL.
struct TraceSeries {
  let samples: [TraceSample]
  let total: Distribution
  /// Of the answers that said so; nil where none did.
  let cpu: Distribution?
  /// The request whose total is the median.
  let median: TraceSample

  init(_ samples: [TraceSample]) {
    precondition(!samples.isEmpty, "a series without a request")
    self.samples = samples
    total = Distribution(samples.map(\.timings.total))!
    cpu = Distribution(samples.compactMap { $0.bill?.cpuNanoseconds })
    let ordered = samples.sorted { $0.timings.total < $1.timings.total }
    median = ordered[Distribution.rank(50, of: ordered.count)]
  }
}
