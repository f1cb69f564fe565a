// A response's head, and the framing of a chunked body, appended to a buffer (RFC 9112 4, 5 and 7.1).

/// Appends the pieces of a response to an output buffer.
public enum ResponseWriter {
  /// Appends the status line of HTTP/1.1 with the standard's reason phrase.
  ///
  /// - Parameter status: 100 to 999.
  public static func appendStatusLine(_ status: Int, to output: inout [UInt8]) {
    if status == 200 {
      output.append(contentsOf: "HTTP/1.1 200 OK\r\n".utf8)
      return
    }
    appendStatus(status, to: &output)
    output.append(contentsOf: reasonPhrase(status).utf8)
    output.append(contentsOf: "\r\n".utf8)
  }

  /// Appends the status line of HTTP/1.1 with a reason phrase of a program's.
  public static func appendStatusLine(
    _ status: Int, reason: Range<Int>, of bytes: Span<UInt8>, to output: inout [UInt8]
  ) {
    appendStatus(status, to: &output)
    appendText(bytes, reason, to: &output)
    output.append(contentsOf: "\r\n".utf8)
  }

  private static func appendStatus(_ status: Int, to output: inout [UInt8]) {
    precondition(status >= 100 && status <= 999, "a status of three digits")
    output.append(contentsOf: "HTTP/1.1 ".utf8)
    appendDecimal(status, to: &output)
    output.append(ASCII.space)
  }

  /// Appends a field line. A control character in the value becomes a space, so that no value can begin a
  /// line of its own (RFC 9110 5.5). The same holds for the other forms.
  ///
  /// - Parameter name: a token.
  public static func appendField(_ name: String, _ value: String, to output: inout [UInt8]) {
    appendName(name, to: &output)
    let start = output.count
    output.append(contentsOf: value.utf8)
    clean(&output, from: start)
    output.append(contentsOf: "\r\n".utf8)
  }

  /// Appends a field line whose value is bytes.
  public static func appendField(_ name: String, _ value: [UInt8], to output: inout [UInt8]) {
    appendName(name, to: &output)
    let start = output.count
    output.append(contentsOf: value)
    clean(&output, from: start)
    output.append(contentsOf: "\r\n".utf8)
  }

  /// Appends a field line whose value is a number.
  public static func appendField(_ name: String, _ value: Int, to output: inout [UInt8]) {
    appendName(name, to: &output)
    appendDecimal(value, to: &output)
    output.append(contentsOf: "\r\n".utf8)
  }

  /// Appends a field line whose name and value stand in `bytes`.
  public static func appendField(
    _ bytes: Span<UInt8>, name: Range<Int>, value: Range<Int>, to output: inout [UInt8]
  ) {
    output.reserveCapacity(output.count + name.count + value.count + 4)
    appendText(bytes, name, to: &output)
    output.append(contentsOf: ": ".utf8)
    appendText(bytes, value, to: &output)
    output.append(contentsOf: "\r\n".utf8)
  }

  /// Appends the line that ends a head.
  @inlinable
  public static func appendHeadEnd(to output: inout [UInt8]) {
    output.append(0x0D)
    output.append(0x0A)
  }

  private static func appendName(_ name: String, to output: inout [UInt8]) {
    output.append(contentsOf: name.utf8)
    output.append(contentsOf: ": ".utf8)
  }

  private static func appendText(_ bytes: Span<UInt8>, _ range: Range<Int>, to output: inout [UInt8]) {
    for index in range {
      let byte = bytes[index]
      output.append(ASCII.isFieldContent(byte) ? byte : ASCII.space)
    }
  }

  /// Makes spaces of control characters. A value is appended in one piece and looked through afterwards,
  /// which takes two thirds of the time of appending byte by byte.
  private static func clean(_ output: inout [UInt8], from start: Int) {
    for index in start..<output.count where !ASCII.isFieldContent(output[index]) {
      output[index] = ASCII.space
    }
  }

  /// Appends a number in decimal digits, with a minus sign when it is negative.
  public static func appendDecimal(_ number: Int, to output: inout [UInt8]) {
    if number < 0 { output.append(UInt8(ascii: "-")) }
    appendDigits(number.magnitude, radix: 10, to: &output)
  }

  /// Appends the line before a chunk's data (RFC 9112 7.1). Behind the data comes CRLF.
  ///
  /// - Parameter size: of the data, in bytes; 0 is the last chunk, after which the trailers' end follows.
  public static func appendChunkHeader(_ size: Int, to output: inout [UInt8]) {
    precondition(size >= 0, "a chunk of no negative size")
    appendDigits(size.magnitude, radix: 16, to: &output)
    output.append(contentsOf: "\r\n".utf8)
  }

  private static func appendDigits(_ number: UInt, radix: UInt, to output: inout [UInt8]) {
    // Written backwards and then turned round in place, so that no string is made.
    let start = output.count
    var rest = number
    repeat {
      let digit = UInt8(truncatingIfNeeded: rest % radix)
      output.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + (digit - 10))
      rest /= radix
    } while rest > 0
    var low = start
    var high = output.count - 1
    while low < high {
      output.swapAt(low, high)
      low += 1
      high -= 1
    }
  }

  /// The reason phrase of a status (RFC 9110 15 and IANA's registry); for one that has none, that of its
  /// class, as a client would understand it (RFC 9110 15).
  public static func reasonPhrase(_ status: Int) -> String {
    switch status {
    case 100..<300: return successPhrase(status)
    case 300..<400: return redirectionPhrase(status)
    case 500...: return serverErrorPhrase(status)
    default: return clientErrorPhrase(status)
    }
  }

  private static func successPhrase(_ status: Int) -> String {
    switch status {
    case 100: return "Continue"
    case 101: return "Switching Protocols"
    case 102: return "Processing"
    case 103: return "Early Hints"
    case 201: return "Created"
    case 202: return "Accepted"
    case 203: return "Non-Authoritative Information"
    case 204: return "No Content"
    case 205: return "Reset Content"
    case 206: return "Partial Content"
    case 207: return "Multi-Status"
    case 208: return "Already Reported"
    case 226: return "IM Used"
    default: return status < 200 ? "Continue" : "OK"
    }
  }

  private static func redirectionPhrase(_ status: Int) -> String {
    switch status {
    case 301: return "Moved Permanently"
    case 302: return "Found"
    case 303: return "See Other"
    case 304: return "Not Modified"
    case 305: return "Use Proxy"
    case 307: return "Temporary Redirect"
    case 308: return "Permanent Redirect"
    default: return "Multiple Choices"
    }
  }

  private static func clientErrorPhrase(_ status: Int) -> String {
    switch status {
    case 401: return "Unauthorized"
    case 402: return "Payment Required"
    case 403: return "Forbidden"
    case 404: return "Not Found"
    case 405: return "Method Not Allowed"
    case 406: return "Not Acceptable"
    case 407: return "Proxy Authentication Required"
    case 408: return "Request Timeout"
    case 409: return "Conflict"
    case 410: return "Gone"
    case 411: return "Length Required"
    case 412: return "Precondition Failed"
    case 413: return "Content Too Large"
    case 414: return "URI Too Long"
    case 415: return "Unsupported Media Type"
    case 416: return "Range Not Satisfiable"
    case 417: return "Expectation Failed"
    case 421: return "Misdirected Request"
    case 422: return "Unprocessable Content"
    case 423: return "Locked"
    case 424: return "Failed Dependency"
    case 425: return "Too Early"
    case 426: return "Upgrade Required"
    case 428: return "Precondition Required"
    case 429: return "Too Many Requests"
    case 431: return "Request Header Fields Too Large"
    case 451: return "Unavailable For Legal Reasons"
    default: return "Bad Request"
    }
  }

  private static func serverErrorPhrase(_ status: Int) -> String {
    switch status {
    case 501: return "Not Implemented"
    case 502: return "Bad Gateway"
    case 503: return "Service Unavailable"
    case 504: return "Gateway Timeout"
    case 505: return "HTTP Version Not Supported"
    case 506: return "Variant Also Negotiates"
    case 507: return "Insufficient Storage"
    case 508: return "Loop Detected"
    case 511: return "Network Authentication Required"
    default: return "Internal Server Error"
    }
  }
}
