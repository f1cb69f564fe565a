// Quantities as people read them: durations to three significant digits, sizes in binary units.

/// A unit of time that a duration is written in.
public enum DurationUnit: CaseIterable, Sendable {
  case nanoseconds, microseconds, milliseconds, seconds

  public var symbol: String {
    switch self {
    case .nanoseconds: "ns"
    case .microseconds: "µs"
    case .milliseconds: "ms"
    case .seconds: "s"
    }
  }

  public var nanoseconds: Int64 {
    switch self {
    case .nanoseconds: 1
    case .microseconds: 1_000
    case .milliseconds: 1_000_000
    case .seconds: 1_000_000_000
    }
  }

  /// The unit in which a duration has one to three digits before the point once it is rounded to three digits.
  public static func fitting(_ nanoseconds: Int64) -> DurationUnit {
    let magnitude = nanoseconds.magnitude
    for unit in [DurationUnit.nanoseconds, .microseconds, .milliseconds] {
      // 999.5 of a unit are rounded to 1 of the next.
      if Double(magnitude) < 999.5 * Double(unit.nanoseconds) { return unit }
    }
    return .seconds
  }
}

public enum Words {
  /// Nanoseconds as `512 µs`, `16.9 ms`, `2.1 s`: three significant digits, without zeros at the end.
  public static func duration(_ nanoseconds: Int64) -> String {
    let unit = DurationUnit.fitting(nanoseconds)
    return "\(amount(nanoseconds, in: unit)) \(unit.symbol)"
  }

  /// The same figure without its unit, in a unit that is given: for a part that stands beside its whole.
  public static func amount(_ nanoseconds: Int64, in unit: DurationUnit) -> String {
    significant(Double(nanoseconds) / Double(unit.nanoseconds))
  }

  /// A figure to three significant digits, without zeros at the end; groups of thousands where it is larger.
  public static func significant(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    let magnitude = value.magnitude
    if magnitude >= 999.5 {
      return grouped(magnitude < 0x1p63 ? Int64(magnitude.rounded()) : .max, negative: value < 0)
    }
    var decimals = 0
    var scale = 1.0
    // At most nine decimals: below that a figure says zero.
    while decimals < 9, magnitude > 0, (magnitude * scale).rounded() < 100 {
      decimals += 1
      scale *= 10
    }
    let scaled = Int64((magnitude * scale).rounded())
    return (value < 0 && scaled != 0 ? "-" : "") + decimal(scaled, decimals: decimals)
  }

  private static func decimal(_ scaled: Int64, decimals: Int) -> String {
    var digits = Array(String(scaled).utf8)
    while digits.count <= decimals { digits.insert(UInt8(ascii: "0"), at: 0) }
    var fraction = digits.suffix(decimals)
    while fraction.last == UInt8(ascii: "0") { fraction.removeLast() }
    let whole = String(decoding: digits.dropLast(decimals), as: UTF8.self)
    return fraction.isEmpty ? whole : whole + "." + String(decoding: fraction, as: UTF8.self)
  }

  /// Bytes as `8,912 bytes`, `1,332 KiB`, `10 MiB`: the largest binary unit of which there are ten.
  public static func size(_ bytes: Int64) -> String {
    var unit = Int64(1)
    var names = ["bytes", "KiB", "MiB", "GiB", "TiB"][...]
    while names.count > 1, bytes.magnitude >= UInt64(unit) * 10 * 1024 {
      unit *= 1024
      names = names.dropFirst()
    }
    let rounded = (bytes.magnitude + UInt64(unit) / 2) / UInt64(unit)
    let name = rounded == 1 && unit == 1 ? "byte" : names.first!
    return "\(grouped(Int64(clamping: rounded), negative: bytes < 0)) \(name)"
  }

  /// A whole number with a comma between groups of thousands: `1,234,567`.
  public static func count(_ value: Int64) -> String {
    grouped(Int64(clamping: value.magnitude), negative: value < 0)
  }

  private static func grouped(_ magnitude: Int64, negative: Bool) -> String {
    let digits = Array(String(magnitude).utf8)
    var out: [UInt8] = negative ? [UInt8(ascii: "-")] : []
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { out.append(UInt8(ascii: ",")) }
      out.append(digit)
    }
    return String(decoding: out, as: UTF8.self)
  }
}
