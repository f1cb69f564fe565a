/// A pattern for the name of one segment of a path: `*` is any number of bytes, none included, `?` is one byte, and
/// every other byte is itself. Bytes are compared, never characters.
public struct Glob: Sendable, Equatable {
  /// As it was written down.
  public let pattern: String
  private let bytes: [UInt8]

  public init(_ pattern: String) {
    self.pattern = pattern
    bytes = Array(pattern.utf8)
  }

  /// Whether the whole of `name` is as the pattern says. Takes at most as many steps as name and pattern have bytes,
  /// multiplied: when what follows a `*` does not fit, only the last `*` takes a byte more, for whatever an earlier one
  /// could take, the last can take as well.
  public func matches(_ name: ArraySlice<UInt8>) -> Bool {
    var place = name.startIndex
    var next = 0
    var star: (next: Int, place: Int)?
    while place < name.endIndex {
      if next < bytes.count, bytes[next] == UInt8(ascii: "*") {
        next += 1
        star = (next, place)
      } else if next < bytes.count, bytes[next] == UInt8(ascii: "?") || bytes[next] == name[place] {
        next += 1
        place += 1
      } else if let last = star {
        next = last.next
        place = last.place + 1
        star = (next, place)
      } else {
        return false
      }
    }
    return bytes[next...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
