// Which loop serves a connection. Loops are filled one after another: fewer loops awake means fuller batches and
// fewer wake-ups, and a request costs less.

import Kernel

/// The rule, and one loop's measure of itself.
struct Packing {
  /// How long one measure takes.
  static let windowNanoseconds: Int64 = 20 * millisecond
  static let staleNanoseconds: Int64 = 100 * millisecond
  /// A loop that works more than this is saturated: it takes no new connection, and hands some on.
  static let saturatedPermille = 900
  /// A loop takes connections over while it works less than this.
  static let roomPermille = 700
  /// Two neighbours that together work less than this are one loop's work: the later one hands back.
  static let togetherPermille = 500

  private let lane: Int
  private var windowStart: Int64
  private var busy: Int64 = 0
  /// How many connections may still be handed over in this window, and to which loop.
  private var allowance = 0
  private var target = 0

  init(lane: Int, now: Int64) {
    self.lane = lane
    windowStart = now
  }

  /// Adds a turn to the measure; at a window's end publishes it and decides what to hand over.
  mutating func turnEnded(now: Int64, busyNanoseconds: Int64, connections: Int, lanes: [LaneStatus]) {
    busy += busyNanoseconds
    let elapsed = now - windowStart
    if elapsed < Self.windowNanoseconds { return }
    let permille = Int(busy * 1000 / elapsed)
    lanes[lane].publish(busyPermille: permille, now: now)
    busy = 0
    windowStart = now
    decide(permille, connections: connections, lanes: lanes, now: now)
  }

  private mutating func decide(_ permille: Int, connections: Int, lanes: [LaneStatus], now: Int64) {
    allowance = 0
    if permille > Self.saturatedPermille, connections > 1 {
      for next in lanes.indices where next > lane && lanes[next].busyPermille(now: now) < Self.roomPermille {
        target = next
        allowance = max(1, connections / 8)
        return
      }
    } else if lane > 0 {
      let before = lane - 1
      if permille + lanes[before].busyPermille(now: now) < Self.togetherPermille {
        target = before
        allowance = max(1, connections / 8)
      }
    }
  }

  /// Where a connection whose request has just ended shall go, if it shall go.
  mutating func handover(now: Int64) -> Int? {
    // What was decided before a long sleep is no longer true.
    if allowance == 0 || now - windowStart > Self.staleNanoseconds { return nil }
    allowance -= 1
    return target
  }

  /// The loop that a new connection goes to: the first that is not saturated, else the one that works least.
  static func choose(_ lanes: [LaneStatus], now: Int64) -> Int {
    var best = 0
    var least = Int.max
    for index in lanes.indices {
      let permille = lanes[index].busyPermille(now: now)
      if permille <= saturatedPermille { return index }
      if permille < least {
        least = permille
        best = index
      }
    }
    return best
  }
}
