import Glibc

/// A moment as the calendar has it, in UTC. gmtime_r(3).
public struct CalendarTime: Sendable, Equatable {
  public var year: Int
  /// 1 to 12.
  public var month: Int
  public var day: Int
  public var hour: Int
  public var minute: Int
  public var second: Int

  public init(secondsSinceEpoch: Int) {
    var seconds = time_t(secondsSinceEpoch)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    year = Int(parts.tm_year) + 1900
    month = Int(parts.tm_mon) + 1
    day = Int(parts.tm_mday)
    hour = Int(parts.tm_hour)
    minute = Int(parts.tm_min)
    second = Int(parts.tm_sec)
  }

  /// RFC 3339 to the second: `2026-11-24T21:40:00Z`.
  public var rfc3339: String { "\(date)T\(clock):\(two(second))Z" }

  /// For tables: `2026-11-24 21:40`.
  public var readable: String { "\(date) \(clock)" }

  private var date: String { "\(year)-\(two(month))-\(two(day))" }
  private var clock: String { "\(two(hour)):\(two(minute))" }
  private func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
