// A response's head as a client reads it (RFC 9112 4 and 5): for the command's own client and the tests,
// not for the gateway's hot path, so it gives strings and starts anew at each call.

/// What the parser of a response's head says about the bytes that it was shown.
public enum ResponseHeadVerdict: Sendable {
  /// The head is not complete; call again with the same bytes and more.
  case needMore
  /// The head is complete, and `end` is the index just behind its empty line.
  case complete(ResponseHead, end: Int)
  /// What is wrong, in plain words.
  case malformed(String)
}

/// The head of a response.
public struct ResponseHead: Sendable {
  /// The status code, 100 to 999.
  public var status: Int
  /// The minor version: 0 for HTTP/1.0, 1 for HTTP/1.1.
  public var minorVersion: Int
  /// The reason phrase; may be empty.
  public var reason: String
  /// The field lines in their order, names in lower case, values without the white space around them.
  public var fields: [(name: String, value: String)]

  /// The longest head that is read, in bytes; a longer one is malformed.
  public static let limitBytes = 262_144

  /// The value of the first field line with this name.
  ///
  /// - Parameter name: in lower case.
  public func first(_ name: String) -> String? {
    for field in fields where field.name == name { return field.value }
    return nil
  }

  /// Reads the head that begins `bytes`.
  public static func parse(_ bytes: Span<UInt8>) -> ResponseHeadVerdict {
    var head: ResponseHead?
    var lineStart = 0
    let end = min(bytes.count, limitBytes)
    for index in 0..<end where bytes[index] == ASCII.lineFeed {
      guard index > lineStart, bytes[index - 1] == ASCII.carriageReturn else {
        return .malformed("a line that does not end with CRLF")
      }
      let line = lineStart..<index - 1
      lineStart = index + 1
      for place in line where !ASCII.isFieldContent(bytes[place]) {
        return .malformed("a control character in the head")
      }
      if var current = head {
        if line.isEmpty { return .complete(current, end: lineStart) }
        guard let field = field(bytes, line) else {
          return .malformed("no field line: «\(text(bytes, line))»")
        }
        current.fields.append(field)
        head = current
      } else {
        guard let first = statusLine(bytes, line) else {
          return .malformed("no status line: «\(text(bytes, line))»")
        }
        head = first
      }
    }
    return bytes.count >= limitBytes ? .malformed("a head over \(limitBytes) bytes") : .needMore
  }

  /// `HTTP/1.1 200 OK`; the space behind the code may be missing when no phrase follows.
  private static func statusLine(_ bytes: Span<UInt8>, _ line: Range<Int>) -> ResponseHead? {
    let start = line.lowerBound
    guard line.count >= 12, ASCII.equals(bytes, start..<start + 7, "http/1."),
      let minor = ASCII.decimal(bytes, start + 7..<start + 8), minor <= 1,
      bytes[start + 8] == ASCII.space,
      let status = ASCII.decimal(bytes, start + 9..<start + 12), status >= 100,
      line.count == 12 || bytes[start + 12] == ASCII.space
    else { return nil }
    let reason = ASCII.trimmed(bytes, start + 12..<line.upperBound)
    return ResponseHead(status: status, minorVersion: minor, reason: text(bytes, reason), fields: [])
  }

  private static func field(_ bytes: Span<UInt8>, _ line: Range<Int>) -> (name: String, value: String)? {
    var colon = line.lowerBound
    while colon < line.upperBound, ASCII.isToken(bytes[colon]) { colon += 1 }
    guard colon > line.lowerBound, colon < line.upperBound, bytes[colon] == UInt8(ascii: ":") else {
      return nil
    }
    let value = ASCII.trimmed(bytes, colon + 1..<line.upperBound)
    return (text(bytes, line.lowerBound..<colon).lowercased(), text(bytes, value))
  }

  private static func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
    var copy: [UInt8] = []
    copy.reserveCapacity(range.count)
    for index in range { copy.append(bytes[index]) }
    return String(decoding: copy, as: UTF8.self)
  }
}
