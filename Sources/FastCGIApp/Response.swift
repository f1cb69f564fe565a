// What a handler answers: a status, header fields, and a body that leaves as it is written.

/// The response to a request. Status and header fields come first; the first byte of the body sends them. It is of no
/// use after its handler has returned.
public final class Response {
  /// The status, 200 where nothing else is said. One that is not from 200 to 599 is refused when the head is sent.
  public var status = 200
  /// Whether the head is sent: status and header fields can no longer be changed.
  public private(set) var headIsSent = false

  private let channel: any Channel
  /// RFC 9110, section 9.3.2: no body, though the header fields are those of a GET.
  private let isHead: Bool
  private var fields: [(name: String, value: String)] = []

  init(_ channel: any Channel, isHead: Bool) {
    self.channel = channel
    self.isHead = isHead
  }

  /// Sets a header field, in place of those of the same name.
  ///
  ///     try response.set("Content-Type", "text/html; charset=utf-8")
  ///
  /// A body without a Content-Type is sent as `text/plain; charset=utf-8`.
  /// - Throws: `invalidField` for a name that is no token, for `Status` (which is a property), and for a value with a
  ///   control character, so that no value that came from a client can begin another field; `headIsSent`.
  public func set(_ name: String, _ value: String) throws {
    try check(name, value)
    fields.removeAll { isSameName($0.name, name) }
    fields.append((name, value))
  }

  /// Adds a header field to those of the same name, as for Set-Cookie.
  /// - Throws: what `set` throws.
  public func add(_ name: String, _ value: String) throws {
    try check(name, value)
    fields.append((name, value))
  }

  /// Sends the client to another place: sets the status and the Location.
  ///
  ///     try response.redirect(to: request["SCRIPT_NAME"] ?? "/")  // After a POST: GET that (RFC 9110, 15.4.4).
  ///
  /// - Throws: what `set` throws.
  public func redirect(to location: String, status: Int = 303) throws {
    try set("Location", location)
    self.status = status
  }

  /// Writes to the body. What is written leaves in pieces of some kilobytes, or by `flush`.
  /// - Throws: `clientIsGone`; with the first bytes, `invalidStatus`.
  public func write(_ text: String) throws {
    var text = text
    try text.withUTF8 { try write(UnsafeRawBufferPointer($0)) }
  }

  /// Writes to the body.
  /// - Throws: `clientIsGone`; with the first bytes, `invalidStatus`.
  public func write(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try write($0) }
  }

  /// Writes to the body.
  /// - Throws: `clientIsGone`; with the first bytes, `invalidStatus`.
  public func write(_ bytes: Span<UInt8>) throws {
    try bytes.withUnsafeBytes { try write($0) }
  }

  /// Sends what was written so far, the head included, without waiting for more.
  ///
  ///     for line in progress {
  ///       try response.write(line)
  ///       try response.flush()
  ///     }
  ///
  /// - Throws: `clientIsGone`; where that sends the head, `invalidStatus`.
  public func flush() throws {
    try sendHead(withBody: true)
    try channel.flush()
  }

  private func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard !bytes.isEmpty else { return }
    try sendHead(withBody: true)
    if !isHead { try channel.write(bytes) }
  }

  /// Sends the head where nothing else did.
  func finish() throws { try sendHead(withBody: false) }

  /// Forgets what was set, to answer something else.
  func startAgain() {
    status = 200
    fields = []
  }

  private func check(_ name: String, _ value: String) throws {
    guard !headIsSent else { throw FastCGIError.headIsSent }
    guard isToken(name), isFieldValue(value), !isSameName(name, "Status") else {
      throw FastCGIError.invalidField(name: name)
    }
  }

  /// The response's header of RFC 3875, section 6.
  private func sendHead(withBody: Bool) throws {
    guard !headIsSent else { return }
    guard (200...599).contains(status) else { throw FastCGIError.invalidStatus(status) }
    var head = "Status: \(status) \(reasonPhrase(status))\r\n"
    for field in fields { head += "\(field.name): \(field.value)\r\n" }
    if withBody, !fields.contains(where: { isSameName($0.name, "Content-Type") }) {
      head += "Content-Type: text/plain; charset=utf-8\r\n"
    }
    head += "\r\n"
    headIsSent = true
    try head.withUTF8 { try channel.write(UnsafeRawBufferPointer($0)) }
  }
}

/// Names of header fields are the same in upper and lower case (RFC 9110, section 5.1).
private func isSameName(_ one: String, _ other: String) -> Bool {
  one.utf8.elementsEqual(other.utf8) { lowercased($0) == lowercased($1) }
}

private func lowercased(_ byte: UInt8) -> UInt8 {
  (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}

/// Whether a text is a token (RFC 9110, section 5.6.2).
private func isToken(_ name: String) -> Bool {
  !name.isEmpty
    && name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        true
      default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
      }
    }
}

/// Whether a text may be a field's value (RFC 9110, section 5.5): no control character but the tab.
private func isFieldValue(_ value: String) -> Bool {
  value.utf8.allSatisfy { $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }
}

/// The words for a status (RFC 9110, section 15); empty for one that a worker seldom says, as it may be.
func reasonPhrase(_ status: Int) -> String {
  switch status {
  case 200: "OK"
  case 201: "Created"
  case 202: "Accepted"
  case 204: "No Content"
  case 206: "Partial Content"
  case 301: "Moved Permanently"
  case 302: "Found"
  case 303: "See Other"
  case 304: "Not Modified"
  case 307: "Temporary Redirect"
  case 308: "Permanent Redirect"
  case 400: "Bad Request"
  case 401: "Unauthorized"
  case 403: "Forbidden"
  case 404: "Not Found"
  case 405: "Method Not Allowed"
  case 409: "Conflict"
  case 410: "Gone"
  case 411: "Length Required"
  case 412: "Precondition Failed"
  case 413: "Content Too Large"
  case 415: "Unsupported Media Type"
  case 422: "Unprocessable Content"
  case 429: "Too Many Requests"
  case 500: "Internal Server Error"
  case 501: "Not Implemented"
  case 503: "Service Unavailable"
  default: ""
  }
}
