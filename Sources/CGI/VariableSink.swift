// Where meta-variables go. One builder, and a sink for each way in which a program is told them.

/// Takes meta-variables one after the other.
public protocol VariableSink {
  /// Takes one variable.
  ///
  /// - Parameters:
  ///   - name: without `=` and NUL.
  ///   - value: without NUL; may be empty.
  mutating func add(_ name: Span<UInt8>, _ value: Span<UInt8>)
}

/// The environment of a process: `NAME=VALUE` and a NUL for each variable, one behind the other.
public struct EnvironmentSink: VariableSink, Sendable {
  /// The entries, each ended by a NUL.
  public private(set) var bytes: [UInt8] = []
  /// How many entries there are.
  public private(set) var count = 0
  /// How many variables were not taken, because an environment cannot hold them: an empty name, `=` in the
  /// name, NUL in the name or the value. No request can cause one; a configured variable can.
  public private(set) var rejected = 0

  /// An empty environment.
  public init() {}

  /// Empties it; the storage stays.
  public mutating func reset() {
    bytes.removeAll(keepingCapacity: true)
    count = 0
    rejected = 0
  }

  public mutating func add(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    let start = bytes.count
    var fits = name.count > 0
    bytes.reserveCapacity(start + name.count + value.count + 2)
    for index in 0..<name.count {
      fits = fits && name[index] != 0 && name[index] != UInt8(ascii: "=")
      bytes.append(name[index])
    }
    bytes.append(UInt8(ascii: "="))
    for index in 0..<value.count {
      fits = fits && value[index] != 0
      bytes.append(value[index])
    }
    if fits {
      bytes.append(0)
      count += 1
    } else {
      bytes.removeLast(bytes.count - start)
      rejected += 1
    }
  }
}
