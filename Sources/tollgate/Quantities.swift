import ArgumentParser
import Configuration

/// A time as users write it: `30s`, `500ms`, `2m`, `1h`, or a number of seconds.
struct Duration: CustomStringConvertible {
  var nanoseconds: Int64
  let description: String

  /// - Throws: what would be right.
  init(_ argument: String) throws {
    guard let nanoseconds = Quantity.nanoseconds(argument, unitless: 1_000_000_000), nanoseconds > 0
    else { throw ValidationError("«\(argument)» is not a time: write 500ms, 30s, 2m or 1h") }
    self.nanoseconds = nanoseconds
    description = argument
  }
}

/// A size as users write it: `64KiB`, `1MiB`, `2GiB`, or a number of bytes.
struct Size: CustomStringConvertible {
  var bytes: Int
  let description: String

  /// - Throws: what would be right.
  init(_ argument: String) throws {
    guard let bytes = Quantity.bytes(argument, unitless: 1)
    else { throw ValidationError("«\(argument)» is not a size: write 64KiB, 10MiB, 1GiB or a number of bytes") }
    self.bytes = bytes
    description = argument
  }
}
