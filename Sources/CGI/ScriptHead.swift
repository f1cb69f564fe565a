// A script's header block as ranges of its output, and what it means (RFC 3875 6.2 and 6.3).

import HTTPWire

/// A header of a script's, to be passed on.
public struct ScriptField: Sendable, Equatable {
  /// Where its name stands.
  public var name: Range<Int>
  /// Where its value stands, without the white space around it.
  public var value: Range<Int>
}

/// The header block of a script. Made to be reused: its storage stays.
///
/// Every range indexes the span that was given to the parser.
public struct ScriptHead: Sendable, Equatable {
  /// The kinds of response (RFC 3875 6.2).
  public enum Kind: Sendable, Equatable {
    /// A document, with its status (6.2.1).
    case document
    /// The gateway is to answer as if this path and query had been requested (6.2.2).
    case localRedirect(Range<Int>)
    /// The client is sent elsewhere, with or without a document (6.2.3 and 6.2.4).
    case clientRedirect
  }

  /// Which kind of response it is.
  public var kind = Kind.document
  /// The status: what Status says, else 302 for a client redirect and 200 for all else.
  public var status = 200
  /// Where the reason phrase stands that Status gave, if it did.
  public var reasonRange: Range<Int>?
  /// The fields to pass on, in their order, Location and Content-Type among them. Not Status, not
  /// Content-Length (see ``contentLength``), nothing of a connection's, not Date and Server.
  public var fields: [ScriptField] = []
  /// What Content-Length says, in bytes.
  public var contentLength: Int?
  /// Where the value of Location stands.
  public var location: Range<Int>?

  private var hasStatus = false
  private var hasContentType = false
  private var lineCount = 0

  /// An empty head.
  public init() {}

  mutating func clear() {
    kind = .document
    status = 200
    reasonRange = nil
    fields.removeAll(keepingCapacity: true)
    contentLength = nil
    location = nil
    hasStatus = false
    hasContentType = false
    lineCount = 0
  }

  /// Takes one header.
  ///
  /// - Returns: what is wrong with it, or nil.
  mutating func add(_ bytes: Span<UInt8>, name: Range<Int>, value: Range<Int>) -> String? {
    lineCount += 1
    switch ScriptFieldName(bytes, name) {
    case .status:
      return takeStatus(bytes, value)
    case .location:
      if location != nil { return "a second Location" }
      if value.isEmpty { return "an empty Location" }
      location = value
    case .contentType:
      if hasContentType { return "a second Content-Type" }
      hasContentType = true
    case .contentLength:
      if contentLength != nil { return "a second Content-Length" }
      guard let length = ASCII.decimal(bytes, value) else {
        return "a Content-Length that is not one decimal number in range"
      }
      contentLength = length
      return nil
    case .dropped:
      return nil
    case .other:
      break
    }
    fields.append(ScriptField(name: name, value: value))
    return nil
  }

  /// `3digit [ SP reason ]` (RFC 3875 6.3.3).
  private mutating func takeStatus(_ bytes: Span<UInt8>, _ value: Range<Int>) -> String? {
    if hasStatus { return "a second Status" }
    let end = value.lowerBound + 3
    guard value.count == 3 || value.count > 3 && bytes[end] == 0x20,
      let code = ASCII.decimal(bytes, value.lowerBound..<end), code >= 100, code <= 599
    else { return "a Status that is not a code from 200 to 599 and a reason" }
    // An interim response would leave the client waiting for the final one.
    if code < 200 { return "a Status of an interim response" }
    hasStatus = true
    status = code
    if value.count > 4 { reasonRange = end + 1..<value.upperBound }
    return nil
  }

  /// What only the whole block can tell.
  ///
  /// - Returns: what is wrong with it, or nil.
  mutating func conclude(_ bytes: Span<UInt8>) -> String? {
    guard let location else {
      return hasContentType || hasStatus ? nil : "no Content-Type, Location or Status"
    }
    if lineCount == 1, isLocalPath(bytes, location) {
      kind = .localRedirect(location)
      fields.removeAll(keepingCapacity: true)
    } else if !hasStatus {
      kind = .clientRedirect
      status = 302
    } else if status >= 300, status < 400 {
      kind = .clientRedirect
    }
    return nil
  }

  /// A path of this server. One that begins with two slashes names another host (RFC 3986 4.2).
  private func isLocalPath(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    let slash = UInt8(ascii: "/")
    return bytes[range.lowerBound] == slash && (range.count == 1 || bytes[range.lowerBound + 1] != slash)
  }
}

/// What is done with a script's header.
private enum ScriptFieldName {
  case status, location, contentType, contentLength, dropped, other

  /// Of this connection (RFC 3875 6.3.4, RFC 9110 7.6.1), or the gateway's own to say.
  private static let droppedNames = [
    "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "date", "server",
  ]

  init(_ bytes: Span<UInt8>, _ name: Range<Int>) {
    if ASCII.equals(bytes, name, "status") {
      self = .status
    } else if ASCII.equals(bytes, name, "location") {
      self = .location
    } else if ASCII.equals(bytes, name, "content-type") {
      self = .contentType
    } else if ASCII.equals(bytes, name, "content-length") {
      self = .contentLength
    } else if Self.isDropped(bytes, name) {
      self = .dropped
    } else {
      self = .other
    }
  }

  private static func isDropped(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Bool {
    for dropped in droppedNames where ASCII.equals(bytes, name, dropped) { return true }
    let proxy = name.lowerBound..<name.lowerBound + min(6, name.count)
    return ASCII.equals(bytes, proxy, "proxy-")
  }
}
