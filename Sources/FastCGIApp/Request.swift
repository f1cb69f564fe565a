// What a handler is asked: the request's variables, its body, and its error stream.

import Glibc

/// A request. It is of no use after its handler has returned.
public final class Request {
  /// Counts the requests of this worker, this one included.
  public let number: Int
  /// The body.
  public let body: RequestBody
  private let channel: any Channel

  init(_ channel: any Channel, number: Int) {
    self.channel = channel
    self.number = number
    let length = Self.bytes(of: "CONTENT_LENGTH", in: channel).flatMap(decimal)
    // A GET has no body unless it says so (RFC 9110, section 9.3.1); that of others may be known by its end alone.
    let endTells =
      channel.bodyHasEnd
      && ![nil, Array("GET".utf8), Array("HEAD".utf8)].contains(
        Self.bytes(of: "REQUEST_METHOD", in: channel))
    body = RequestBody(channel, length: length, left: length ?? (endTells ? nil : 0))
  }

  /// A variable (RFC 3875, section 4.1), or nil where there is none of that name. Bytes that are no UTF-8 are replaced;
  /// `bytes(of:)` has them as they came.
  ///
  ///     let path = request["PATH_INFO"] ?? "/"
  ///     let language = request["HTTP_ACCEPT_LANGUAGE"]  // The header field Accept-Language.
  public subscript(name: String) -> String? {
    bytes(of: name).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The bytes of a variable, or nil where there is none of that name.
  public func bytes(of name: String) -> [UInt8]? { Self.bytes(of: name, in: channel) }

  /// All variables by their names.
  public var variables: [String: String] {
    var all: [String: String] = [:]
    var next = channel.variables
    while let entry = next?.pointee {
      let text = String(cString: entry)
      if let sign = text.firstIndex(of: "="), all[String(text[..<sign])] == nil {
        all[String(text[..<sign])] = String(text[text.index(after: sign)...])
      }
      next = next?.successor()
    }
    return all
  }

  /// The request's method, `GET` where none is said.
  public var method: String { self["REQUEST_METHOD"] ?? "GET" }

  /// Writes a line to the error stream (FCGI_STDERR), which the gateway logs. Control characters are written as
  /// `\u{1B}`.
  public func log(_ message: String) {
    var line = printable(message) + "\n"
    line.withUTF8 { channel.writeError(UnsafeRawBufferPointer($0)) }
  }

  private static func bytes(of name: String, in channel: any Channel) -> [UInt8]? {
    name.withCString { name in
      let length = strlen(name)
      var next = channel.variables
      while let entry = next?.pointee {
        if strncmp(entry, name, length) == 0, entry[length] == CChar(UInt8(ascii: "=")) {
          let value = entry + length + 1
          return Array(UnsafeRawBufferPointer(start: value, count: strlen(value)))
        }
        next = next?.successor()
      }
      return nil
    }
  }
}

/// The body of a request: read it in pieces, or all at once up to a limit.
public final class RequestBody {
  /// How many bytes it has, by CONTENT_LENGTH; nil where that is not said. In CGI it then has none, in FastCGI those up
  /// to the end of FCGI_STDIN.
  public let length: Int?
  private let channel: any Channel
  /// How many bytes are still to be read; nil where only the stream's end will tell.
  private var left: Int?
  private var hasEnded = false

  init(_ channel: any Channel, length: Int?, left: Int?) {
    self.channel = channel
    self.length = length
    self.left = left
  }

  /// Whether nothing of it is left to come.
  var isRead: Bool { hasEnded || left == 0 }

  /// Reads what has come, and waits where nothing has.
  ///
  ///     var buffer = [UInt8](repeating: 0, count: 65_536)
  ///     while case let count = try request.body.read(into: &buffer), count > 0 {
  ///       checksum.update(buffer[..<count])
  ///     }
  ///
  /// - Parameter buffer: is filled from its start; it has at least one byte.
  /// - Returns: how many bytes were read; 0 at the end.
  /// - Throws: `bodyCutShort` where the body ends before its length.
  public func read(into buffer: inout [UInt8]) throws -> Int {
    precondition(!buffer.isEmpty, "a buffer without room would look like the end of the body")
    let most = min(buffer.count, left ?? Int.max)
    guard most > 0, !hasEnded else { return 0 }
    let count = try buffer.withUnsafeMutableBytes {
      try channel.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<most]))
    }
    if count == 0 {
      hasEnded = true
      if left != nil { throw FastCGIError.bodyCutShort }
    }
    left = left.map { $0 - count }
    return count
  }

  /// Reads all of what is left.
  ///
  ///     let form = try request.body.collect(upTo: 16_384)
  ///
  /// - Parameter limit: the most bytes that shall be in memory.
  /// - Throws: `bodyTooLarge` where there are more, by CONTENT_LENGTH before any is read; `bodyCutShort`.
  public func collect(upTo limit: Int) throws -> [UInt8] {
    if let left, left > limit { throw FastCGIError.bodyTooLarge(limit: limit) }
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: min(left ?? 8192, 65_536) + 1)
    while case let count = try read(into: &buffer), count > 0 {
      guard count <= limit - all.count else { throw FastCGIError.bodyTooLarge(limit: limit) }
      all.append(contentsOf: buffer[..<count])
    }
    return all
  }
}

/// A number of decimal digits alone; nil for anything else, and for one that does not fit.
private func decimal(_ text: [UInt8]) -> Int? {
  guard text.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
  return Int(String(decoding: text, as: UTF8.self))
}
