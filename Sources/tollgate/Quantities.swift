import ArgumentParser

/// A time as users write it: `30s`, `500ms`, `2m`, `1h`, or a number of seconds.
struct Duration: CustomStringConvertible {
  var nanoseconds: Int64
  let description: String

  /// - Throws: what would be right.
  init(_ argument: String) throws {
    let units: [(String, Int64)] = [
      ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000), ("", 1_000_000_000),
    ]
    guard let (digits, unit) = split(argument, units), let number = Int64(digits), number > 0,
      // A year is longer than anybody waits, and far from where sums would overflow.
      number <= 31_536_000_000_000_000 / unit
    else { throw ValidationError("«\(argument)» is not a time: write 500ms, 30s, 2m or 1h") }
    nanoseconds = number * unit
    description = argument
  }
}

/// A size as users write it: `64KiB`, `1MiB`, `2GiB`, or a number of bytes.
struct Size: CustomStringConvertible {
  var bytes: Int
  let description: String

  /// - Throws: what would be right.
  init(_ argument: String) throws {
    let units: [(String, Int64)] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1), ("", 1)]
    guard let (digits, unit) = split(argument, units), let number = Int64(digits), number >= 0,
      number <= (1 << 50) / unit
    else { throw ValidationError("«\(argument)» is not a size: write 64KiB, 10MiB, 1GiB or a number of bytes") }
    bytes = Int(number * unit)
    description = argument
  }
}

/// The digits of a quantity and what its unit stands for.
private func split(_ text: String, _ units: [(String, Int64)]) -> (digits: Substring, unit: Int64)? {
  for (suffix, unit) in units where text.hasSuffix(suffix) {
    let digits = text.dropLast(suffix.count)
    if !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
      return (digits, unit)
    }
  }
  return nil
}
