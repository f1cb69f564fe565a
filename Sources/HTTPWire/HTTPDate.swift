// The dates of HTTP (RFC 9110 5.6.7): one form written, three forms read. The proleptic Gregorian calendar,
// GMT, no time zones, no leap seconds.

/// Writes and reads HTTP-date.
public enum HTTPDate {
  private static let dayNames = "SunMonTueWedThuFriSat"
  private static let longDayNames = [
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
  ]
  private static let monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"
  /// The first second of the year 0 and the last of 9999: what four digits can say.
  private static let range = -62_167_219_200...253_402_300_799

  // MARK: Writing

  /// Appends an IMF-fixdate, always 29 bytes: `Sun, 06 Nov 1994 08:49:37 GMT`.
  ///
  /// - Parameter secondsSinceEpoch: seconds since 1970-01-01; a time before the year 0 or after 9999 is
  ///   written as the nearest one within.
  public static func append(_ secondsSinceEpoch: Int, to output: inout [UInt8]) {
    let seconds = min(max(secondsSinceEpoch, range.lowerBound), range.upperBound)
    let day = floorDivide(seconds, 86_400)
    let time = seconds - day * 86_400
    let (year, month, dayOfMonth) = civil(day)
    // 1970-01-01 was a Thursday, the fourth day counted from Sunday as 0.
    let weekday = floorRemainder(day + 4, 7)
    output.reserveCapacity(output.count + 29)
    appendName(dayNames, weekday, to: &output)
    output.append(contentsOf: ", ".utf8)
    appendTwo(dayOfMonth, to: &output)
    output.append(ASCII.space)
    appendName(monthNames, month - 1, to: &output)
    output.append(ASCII.space)
    appendTwo(year / 100, to: &output)
    appendTwo(year % 100, to: &output)
    output.append(ASCII.space)
    appendTwo(time / 3600, to: &output)
    output.append(UInt8(ascii: ":"))
    appendTwo(time / 60 % 60, to: &output)
    output.append(UInt8(ascii: ":"))
    appendTwo(time % 60, to: &output)
    output.append(contentsOf: " GMT".utf8)
  }

  private static func appendName(_ names: String, _ index: Int, to output: inout [UInt8]) {
    output.append(contentsOf: names.utf8.dropFirst(index * 3).prefix(3))
  }

  private static func appendTwo(_ number: Int, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / 10))
    output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
  }

  // MARK: Reading

  /// The time that a date in one of the three forms says: IMF-fixdate, RFC 850, asctime.
  ///
  /// - Parameters:
  ///   - now: seconds since 1970-01-01 against which the two-digit year of the RFC 850 form is read: one
  ///     that seems more than 50 years ahead is in the past. Without it, the beginning of 2026.
  /// - Returns: seconds since 1970-01-01, or nil when the bytes are no such date or one that does not
  ///   exist. The name of the day must be one, but it is not compared with the date.
  public static func parse(
    _ bytes: Span<UInt8>, _ range: Range<Int>, now: Int = 1_767_225_600
  ) -> Int? {
    guard range.count >= 24, range.count <= 33 else { return nil }
    let start = range.lowerBound
    if bytes[start + 3] == UInt8(ascii: ",") {
      guard range.count == 29, matches(bytes, start, "___, __ ___ ____ __:__:__ GMT"),
        name(bytes, start, dayNames) != nil
      else { return nil }
      return time(
        year: number(bytes, start + 12, 4), month: name(bytes, start + 8, monthNames),
        day: number(bytes, start + 5, 2), clock: clock(bytes, start + 17))
    }
    if bytes[start + 3] == ASCII.space {
      guard range.count == 24, matches(bytes, start, "___ ___ __ __:__:__ ____"),
        name(bytes, start, dayNames) != nil
      else { return nil }
      let day =
        bytes[start + 8] == ASCII.space ? number(bytes, start + 9, 1) : number(bytes, start + 8, 2)
      return time(
        year: number(bytes, start + 20, 4), month: name(bytes, start + 4, monthNames), day: day,
        clock: clock(bytes, start + 11))
    }
    return parseLongForm(bytes, range, now: now)
  }

  /// `Sunday, 06-Nov-94 08:49:37 GMT`.
  private static func parseLongForm(_ bytes: Span<UInt8>, _ range: Range<Int>, now: Int) -> Int? {
    for day in longDayNames {
      let comma = range.lowerBound + day.utf8.count
      guard range.count == day.utf8.count + 24, matches(bytes, range.lowerBound, day) else { continue }
      guard matches(bytes, comma, ", __-___-__ __:__:__ GMT"),
        let short = number(bytes, comma + 9, 2)
      else { return nil }
      let thisYear = civil(floorDivide(min(max(now, Self.range.lowerBound), Self.range.upperBound), 86_400)).year
      var year = thisYear / 100 * 100 + short
      if year > thisYear + 50 { year -= 100 }
      return time(
        year: year, month: name(bytes, comma + 5, monthNames), day: number(bytes, comma + 2, 2),
        clock: clock(bytes, comma + 12))
    }
    return nil
  }

  /// Whether the bytes from `start` are those of `pattern`, in which `_` is any byte.
  private static func matches(_ bytes: Span<UInt8>, _ start: Int, _ pattern: String) -> Bool {
    var index = start
    for expected in pattern.utf8 {
      if expected != UInt8(ascii: "_"), bytes[index] != expected { return false }
      index += 1
    }
    return true
  }

  /// The number of `count` digits from `start`.
  private static func number(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> Int? {
    ASCII.decimal(bytes, start..<start + count)
  }

  /// Which of the three-letter names the bytes from `start` are, counted from 0; case matters.
  private static func name(_ bytes: Span<UInt8>, _ start: Int, _ names: String) -> Int? {
    var index = 0
    var fits = true
    for byte in names.utf8 {
      fits = fits && bytes[start + index % 3] == byte
      index += 1
      if index % 3 == 0 {
        if fits { return index / 3 - 1 }
        fits = true
      }
    }
    return nil
  }

  /// Seconds of the day from `HH:MM:SS`. The grammar has second 60; it counts as the next minute's first.
  private static func clock(_ bytes: Span<UInt8>, _ start: Int) -> Int? {
    guard let hour = number(bytes, start, 2), let minute = number(bytes, start + 3, 2),
      let second = number(bytes, start + 6, 2), hour < 24, minute < 60, second <= 60
    else { return nil }
    return hour * 3600 + minute * 60 + second
  }

  private static func time(year: Int?, month: Int?, day: Int?, clock: Int?) -> Int? {
    guard let year, let month, let day, let clock, day >= 1 else { return nil }
    let number = dayNumber(year, month + 1, day)
    // A day that its month does not have comes back as another date.
    let back = civil(number)
    guard back.month == month + 1, back.day == day else { return nil }
    return number * 86_400 + clock
  }

  // MARK: The calendar

  private static func floorDivide(_ number: Int, _ divisor: Int) -> Int {
    (number - floorRemainder(number, divisor)) / divisor
  }

  private static func floorRemainder(_ number: Int, _ divisor: Int) -> Int {
    let remainder = number % divisor
    return remainder < 0 ? remainder + divisor : remainder
  }

  /// The date of a day counted from 1970-01-01. Years are counted from March, so that the leap day is the
  /// last of its year, in eras of 400 years, which all have 146,097 days.
  private static func civil(_ dayNumber: Int) -> (year: Int, month: Int, day: Int) {
    let sinceMarch = dayNumber + 719_468
    let era = floorDivide(sinceMarch, 146_097)
    let dayOfEra = sinceMarch - era * 146_097
    let leapDays = dayOfEra / 1460 - dayOfEra / 36_524 + dayOfEra / 146_096
    let yearOfEra = (dayOfEra - leapDays) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
  }

  /// The inverse of ``civil``: the day counted from 1970-01-01.
  private static func dayNumber(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let marchYear = month <= 2 ? year - 1 : year
    let era = floorDivide(marchYear, 400)
    let yearOfEra = marchYear - era * 400
    let marchMonth = month > 2 ? month - 3 : month + 9
    let dayOfYear = (153 * marchMonth + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }
}
