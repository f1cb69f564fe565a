/// What can go wrong between a handler and its client.
public enum FastCGIError: Error, Equatable {
  /// No request can be accepted on descriptor 0; the errno, or one of libfcgi's own negative numbers.
  case notAccepting(Int32)
  /// A header field whose name is no token, or whose value holds a control character (RFC 9110, sections 5.1 and 5.5).
  case invalidField(name: String)
  /// A status that is not of three digits from 200 to 599.
  case invalidStatus(Int)
  /// The status or a header field was changed after the first bytes of the body.
  case headIsSent
  /// The body has more bytes than the handler wanted to have in memory.
  case bodyTooLarge(limit: Int)
  /// The body ended before CONTENT_LENGTH bytes had come: the client or the gateway gave up.
  case bodyCutShort
  /// Nobody takes the answer any more.
  case clientIsGone
  /// The request or the response was used after its handler had returned.
  case requestIsOver
}

extension FastCGIError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notAccepting(let code): "no request can be accepted on descriptor 0 (error \(code))"
    case .invalidField(let name): "the name or the value of the header field \(printable(name)) is not valid"
    case .invalidStatus(let status): "\(status) is no status of a response"
    case .headIsSent: "the head of the response is already sent"
    case .bodyTooLarge(let limit): "the body of the request has more than \(limit) bytes"
    case .bodyCutShort: "the body of the request ended early"
    case .clientIsGone: "the client is gone"
    case .requestIsOver: "the request is over"
    }
  }
}

/// A text on one line: control characters are written as `\u{1B}`, so that what a client sent cannot pass for a line of
/// a log, nor for a command to a terminal.
func printable(_ text: String) -> String {
  var line = ""
  for scalar in text.unicodeScalars {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator:
      line += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
    default: line.unicodeScalars.append(scalar)
    }
  }
  return line
}
