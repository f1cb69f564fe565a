// What an application says of itself when it is asked by FCGI_GET_VALUES (4.1).

/// The variables that the specification defines for FCGI_GET_VALUES, by their names on the wire.
public enum ApplicationVariable: String, Sendable, CaseIterable {
  /// How many connections the application accepts at once.
  case maximumConnections = "FCGI_MAX_CONNS"
  /// How many requests it accepts at once.
  case maximumRequests = "FCGI_MAX_REQS"
  /// Whether it accepts several requests at once on one connection.
  case multiplexesConnections = "FCGI_MPXS_CONNS"
}

/// The answer of an application. What it did not speak of is nil.
public struct ApplicationValues: Sendable, Equatable {
  /// How many connections it accepts at once, 0 or more.
  public var maximumConnections: Int?
  /// How many requests it accepts at once, 0 or more.
  public var maximumRequests: Int?
  /// Whether it accepts several requests at once on one connection.
  public var multiplexesConnections: Bool?

  /// An answer that speaks of nothing, or of what is given.
  public init(
    maximumConnections: Int? = nil, maximumRequests: Int? = nil, multiplexesConnections: Bool? = nil
  ) {
    self.maximumConnections = maximumConnections
    self.maximumRequests = maximumRequests
    self.multiplexesConnections = multiplexesConnections
  }

  /// Reads the content of one FCGI_GET_VALUES_RESULT. Names that the specification does not define are passed
  /// over, since the set of variables is open; of a name that stands there twice, the last value holds.
  init(_ content: Span<UInt8>) throws(RecordRefusal) {
    var index = 0
    while index < content.count {
      guard let pair = NameValuePair(content, from: index) else { throw .valuesTruncated }
      index = pair.value.upperBound
      for variable in ApplicationVariable.allCases where Self.equals(content, pair.name, variable.rawValue) {
        guard let number = Self.decimal(content, pair.value), take(number, of: variable) else {
          throw .malformedValue(variable)
        }
      }
    }
  }

  private mutating func take(_ number: Int, of variable: ApplicationVariable) -> Bool {
    switch variable {
    case .maximumConnections: maximumConnections = number
    case .maximumRequests: maximumRequests = number
    case .multiplexesConnections:
      guard number <= 1 else { return false }
      multiplexesConnections = number == 1
    }
    return true
  }

  private static func equals(_ bytes: Span<UInt8>, _ range: Range<Int>, _ text: String) -> Bool {
    let expected = text.utf8.span
    guard range.count == expected.count else { return false }
    for offset in expected.indices where bytes[range.lowerBound + offset] != expected[offset] { return false }
    return true
  }

  /// A number of decimal digits and nothing else; nil when there is none or it does not fit `Int`.
  private static func decimal(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    guard !range.isEmpty else { return nil }
    var number = 0
    for index in range {
      let digit = bytes[index] &- UInt8(ascii: "0")
      guard digit < 10 else { return nil }
      let (product, tooLarge) = number.multipliedReportingOverflow(by: 10)
      let (sum, carried) = product.addingReportingOverflow(Int(digit))
      if tooLarge || carried { return nil }
      number = sum
    }
    return number
  }
}
