// An http URL taken apart as far as a client needs it (RFC 9110 4.2.1, RFC 3986 3).

import Kernel

/// Where a request goes and what it asks for.
public struct HTTPURL: Sendable, Equatable {
  /// Without the brackets of an IPv6 address.
  public let host: String
  public let port: UInt16
  /// Path and query as they are sent, always with a leading slash; the fragment is not part of them.
  public let target: String
  /// The value of Host: the port is left out where it is 80.
  public let authority: String

  /// Reads an `http://` URL; the scheme may be left out where a host and a port, or a host and a path, are given.
  /// - Throws: `malformedURL`, or `unsupported` for any other scheme.
  public init(_ text: String) throws(ClientError) {
    for byte in text.utf8 where byte <= 0x20 || byte >= 0x7F {
      throw .malformedURL("«\(text)»: a URL is ASCII without spaces; write other bytes as %HH")
    }
    var rest = text[...]
    if let separator = text.firstRange(of: "://") {
      let scheme = text[..<separator.lowerBound].lowercased()
      if scheme == "https" {
        throw .unsupported("«\(text)»: https is not supported yet; ask the gateway over http")
      }
      guard scheme == "http" else { throw .unsupported("«\(text)»: only http:// URLs are supported") }
      rest = text[separator.upperBound...]
    }
    if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    let path = rest[end...]
    target = path.isEmpty ? "/" : path.hasPrefix("/") ? String(path) : "/" + path
    let named = rest[..<end]
    guard !named.contains("@") else {
      throw .unsupported("«\(text)»: a user's name or password in a URL is not supported")
    }
    (host, port) = try Self.hostAndPort(named, of: text)
    let literal = host.contains(":") ? "[\(host)]" : host
    authority = port == 80 ? literal : "\(literal):\(port)"
  }

  private static func hostAndPort(
    _ authority: Substring, of text: String
  ) throws(ClientError) -> (String, UInt16) {
    var host = authority
    var port: UInt16 = 80
    let afterBrackets = authority.lastIndex(of: "]") ?? authority.startIndex
    if let colon = authority[afterBrackets...].lastIndex(of: ":") {
      let digits = authority[authority.index(after: colon)...]
      // An empty port is the scheme's own (RFC 3986 3.2.3).
      if !digits.isEmpty {
        guard digits.allSatisfy(\.isNumber), let number = UInt16(digits), number > 0 else {
          throw .malformedURL("«\(text)»: the port is a number from 1 to 65535")
        }
        port = number
      }
      host = authority[..<colon]
    }
    if host.hasPrefix("["), host.hasSuffix("]"), host.count > 2 {
      host = host.dropFirst().dropLast()
    } else if host.contains(where: { "[]:".contains($0) }) {
      throw .malformedURL("«\(text)»: an IPv6 address stands in brackets, as in http://[::1]:8080/")
    }
    guard !host.isEmpty else { throw .malformedURL("«\(text)» names no host; write http://HOST:PORT/PATH") }
    return (String(host), port)
  }
}
