// The request's fields as HTTP_ variables (RFC 3875 4.1.18).

import HTTPWire

extension MetaVariables {
  /// Adds a variable for each field name that may have one, repeated fields joined.
  static func addFields<Sink: VariableSink>(
    _ bytes: Span<UInt8>, _ head: RequestHead, _ target: RequestTarget, passesAuthorization: Bool,
    _ sink: inout Sink
  ) {
    // RFC 9112 3.2.2: where the target names an authority, it replaces what Host says.
    if let authority = target.authority {
      sink.add("HTTP_HOST".utf8.span, bytes.extracting(authority))
    }
    var name: [UInt8] = []
    var joined: [UInt8] = []
    for (index, field) in head.fields.enumerated() {
      let isPassed = isPassed(bytes, field) || (passesAuthorization && field.known == .authorization)
      guard field.known != .host, isPassed, !isRepeated(bytes, head, index) else { continue }
      variableName(bytes, field.name, into: &name)
      if joinValues(bytes, head, from: index, into: &joined) {
        sink.add(name.span, joined.span)
      } else {
        sink.add(name.span, bytes.extracting(field.value))
      }
    }
  }

  /// Whether the request has a field whose variable has this name.
  static func isFieldVariable(_ name: [UInt8], _ bytes: Span<UInt8>, _ head: RequestHead) -> Bool {
    guard name.starts(with: "HTTP_".utf8) else { return false }
    var candidate: [UInt8] = []
    for field in head.fields where field.name.count + 5 == name.count && isPassed(bytes, field) {
      variableName(bytes, field.name, into: &candidate)
      if candidate == name { return true }
    }
    return false
  }

  /// Whether a field becomes a variable.
  private static func isPassed(_ bytes: Span<UInt8>, _ field: Field) -> Bool {
    switch field.known {
    case .contentLength, .contentType:
      return false  // variables of their own
    case .authorization, .proxyAuthorization:
      return false  // secrets: the environment of a process, where its user's others can read it, is no place for them
    case .transferEncoding, .connection, .keepAlive, .te, .trailer, .upgrade:
      return false  // of this connection, not of the request
    case .proxy:
      return false  // HTTP_PROXY is what client libraries take for their proxy (CVE-2016-5385)
    default:
      break
    }
    // `-` becomes `_`, so that a name which already has one could pass for another field.
    for index in field.name {
      let byte = bytes[index]
      guard ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-") else { return false }
    }
    return true
  }

  private static func isRepeated(_ bytes: Span<UInt8>, _ head: RequestHead, _ index: Int) -> Bool {
    let name = head.fields[index].name
    for earlier in 0..<index where ASCII.equals(bytes, head.fields[earlier].name, name) { return true }
    return false
  }

  /// Joins the values of all fields that have the name of the one at `index` (RFC 9110 5.3; for Cookie,
  /// whose values may hold commas, RFC 9113 8.2.3).
  ///
  /// - Returns: false when there is only one, and nothing was joined.
  private static func joinValues(
    _ bytes: Span<UInt8>, _ head: RequestHead, from index: Int, into joined: inout [UInt8]
  ) -> Bool {
    let first = head.fields[index]
    joined.removeAll(keepingCapacity: true)
    var found = false
    for later in head.fields[(index + 1)...] where ASCII.equals(bytes, later.name, first.name) {
      if !found {
        for place in first.value { joined.append(bytes[place]) }
        found = true
      }
      joined.append(contentsOf: (first.known == .cookie ? "; " : ", ").utf8)
      for place in later.value { joined.append(bytes[place]) }
    }
    return found
  }

  private static func variableName(_ bytes: Span<UInt8>, _ name: Range<Int>, into result: inout [UInt8]) {
    result.removeAll(keepingCapacity: true)
    result.append(contentsOf: "HTTP_".utf8)
    for index in name {
      let byte = bytes[index]
      if byte == UInt8(ascii: "-") {
        result.append(UInt8(ascii: "_"))
      } else {
        result.append(ASCII.isLetter(byte) ? byte & 0xDF : byte)
      }
    }
  }
}
