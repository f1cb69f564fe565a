// What can go wrong for a client, in words that a person can act on.

/// Why a request of the client came to nothing.
public enum ClientError: Error, Equatable, CustomStringConvertible {
  /// The URL or address cannot be read.
  case malformedURL(String)
  /// The URL is fine, but asks for what this client cannot do.
  case unsupported(String)
  /// No connection: an unknown host, a refusal, no way there.
  case cannotConnect(String)
  /// A deadline passed.
  case timedOut(String)
  /// The connection ended before the answer was whole.
  case connectionLost(String)
  /// What came is not HTTP/1.
  case protocolError(String)

  public var description: String {
    switch self {
    case .malformedURL(let words), .unsupported(let words), .cannotConnect(let words), .timedOut(let words),
      .connectionLost(let words), .protocolError(let words):
      words
    }
  }
}
