// Times and sizes as people write them: `30s`, `64KiB`.

/// In nanoseconds, for the bounds of keys.
let millisecond: Int64 = 1_000_000
let day: Int64 = 86_400_000_000_000

/// Reads and writes quantities with their units.
public enum Quantity {
  private typealias Unit = (name: String, count: Int64)

  /// In nanoseconds.
  private static let timeUnits: [Unit] = [
    ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
  ]
  /// In bytes.
  private static let sizeUnits: [Unit] = [
    ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
  ]

  /// The nanoseconds of a time: `500ms`, `30s`, `2m`, `1h`.
  /// - Parameter unitless: what the number of one without a unit counts, in nanoseconds; nil where it needs one.
  /// - Returns: nil for what is no time, or is longer than a year, which is far from where sums would overflow.
  public static func nanoseconds(_ text: String, unitless: Int64? = nil) -> Int64? {
    amount(text, timeUnits, unitless, limit: 31_536_000_000_000_000)
  }

  /// The bytes of a size: `240B`, `64KiB`, `10MiB`, `1GiB`, `1TiB`.
  /// - Parameter unitless: what the number of one without a unit counts, in bytes; nil where it needs one.
  /// - Returns: nil for what is no size, or is over 1,024 TiB.
  public static func bytes(_ text: String, unitless: Int64? = nil) -> Int? {
    amount(text, sizeUnits, unitless, limit: 1 << 50).map { Int($0) }
  }

  /// A time in the largest unit that it is a whole number of, but a minute as `60s`. Parts of a millisecond are left
  /// out: a configuration cannot say them.
  public static func time(_ nanoseconds: Int64) -> String {
    let unit = timeUnits.last { unit in
      nanoseconds != 0 && nanoseconds % unit.count == 0 && (unit.name != "m" || nanoseconds > unit.count)
    }
    let (name, count) = unit ?? (nanoseconds == 0 ? timeUnits[1] : timeUnits[0])
    return "\(nanoseconds / count)\(name)"
  }

  /// A size in the largest unit that it is a whole number of.
  public static func size(_ bytes: Int) -> String {
    let unit = sizeUnits.first { bytes != 0 && Int64(bytes) % $0.count == 0 } ?? ("B", 1)
    return "\(Int64(bytes) / unit.count)\(unit.name)"
  }

  private static func amount(
    _ text: String, _ units: [Unit], _ unitless: Int64?, limit: Int64
  ) -> Int64? {
    let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard let number = Int64(Substring(digits)) else { return nil }
    let name = Substring(text.utf8.dropFirst(digits.count))
    guard let unit = name.isEmpty ? unitless : units.first(where: { $0.name == name })?.count,
      number <= limit / unit
    else { return nil }
    return number * unit
  }
}
