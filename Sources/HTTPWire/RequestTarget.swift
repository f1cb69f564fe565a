// The forms of a request target (RFC 9112 3.2) taken apart, and the path decoded once and resolved
// (RFC 3986 2.1 and 5.2.4): what the routes and the file system see is this path and no other.

/// Where a request is directed. Made to be reused: the path's storage stays.
public struct RequestTarget: Sendable, Equatable {
  /// The path, percent-decoded once, without empty and dot segments. Begins with `/`. Ends with `/` when
  /// the target's path did, or ended in a dot segment. Holds no NUL, and a `/` only between segments.
  public var path: [UInt8] = [UInt8(ascii: "/")]
  /// Where the query stands, raw, without its `?`. Nil without a `?`; may be empty.
  public var query: Range<Int>?
  /// Where the authority stands that the request is for: that of the target, else the value of Host
  /// (RFC 9112 3.2.2). Nil when neither names one. A valid `host[:port]`.
  public var authority: Range<Int>?
  /// Whether the request is `OPTIONS *`, for the server as a whole (RFC 9112 3.2.4). The path is `/` then.
  public var isAsterisk = false

  /// A target that is `/`.
  public init() {}

  /// Takes apart the target of a head that is complete.
  ///
  /// - Parameter bytes: the span that the head's ranges index.
  /// - Returns: nil when all is well, else the refusal: 404 for an encoded slash, 400 for anything else:
  ///   NUL, a percent sign without two digits, `..` above the root, a fragment, a form that the method
  ///   does not have, a scheme other than http and https, user information.
  public mutating func parse(_ bytes: Span<UInt8>, head: RequestHead) -> Refusal? {
    path.removeAll(keepingCapacity: true)
    path.append(UInt8(ascii: "/"))
    query = nil
    authority = nil
    isAsterisk = false
    if let host = head.value(of: .host), !host.isEmpty { authority = host }
    do throws(Refusal) {
      try read(bytes, head.targetRange, head.method)
    } catch {
      return error
    }
    return nil
  }

  private mutating func read(_ bytes: Span<UInt8>, _ target: Range<Int>, _ method: Method) throws(Refusal) {
    if method == .connect {
      // Authority-form has a port and nothing behind it (RFC 9112 3.2.3).
      guard let host = Authority.host(bytes, target), target.upperBound - host.upperBound > 1 else {
        throw .malformed("a CONNECT target that is no host and port")
      }
      authority = target
      return
    }
    guard let first = target.first else { throw .malformed("an empty target") }
    if bytes[first] == UInt8(ascii: "/") {
      return try readPathAndQuery(bytes, target)
    }
    if target.count == 1, bytes[first] == UInt8(ascii: "*"), method == .options {
      isAsterisk = true
      return
    }
    try readAbsolute(bytes, target, method)
  }

  private mutating func readAbsolute(
    _ bytes: Span<UInt8>, _ target: Range<Int>, _ method: Method
  ) throws(Refusal) {
    guard let start = Self.authorityStart(bytes, target) else {
      throw .malformed("a target that is neither a path nor an http URL")
    }
    var end = start
    while end < target.upperBound, !Self.endsAuthority(bytes[end]) { end += 1 }
    guard Authority.host(bytes, start..<end) != nil else {
      throw .malformed("a target whose authority is no host and port")
    }
    authority = start..<end
    if end == target.upperBound {
      // RFC 9112 3.2.4: OPTIONS for an authority without a path means the server as a whole.
      isAsterisk = method == .options
      return
    }
    try readPathAndQuery(bytes, end..<target.upperBound)
  }

  private static func authorityStart(_ bytes: Span<UInt8>, _ target: Range<Int>) -> Int? {
    for scheme in ["http://", "https://"] {
      let count = scheme.utf8.count
      guard target.count > count else { continue }
      let start = target.lowerBound + count
      if ASCII.equals(bytes, target.lowerBound..<start, scheme) { return start }
    }
    return nil
  }

  private static func endsAuthority(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
  }

  /// A path, which may be empty before a `?`, and a query.
  private mutating func readPathAndQuery(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(Refusal) {
    var segment = path.count
    var index = range.lowerBound
    while index < range.upperBound {
      let byte = bytes[index]
      switch byte {
      case UInt8(ascii: "/"):
        segment = try endSegment(from: segment, slash: true)
      case UInt8(ascii: "%"):
        path.append(try Self.decoded(bytes, at: index, end: range.upperBound))
        index += 2
      case UInt8(ascii: "?"):
        _ = try endSegment(from: segment, slash: false)
        let rest = index + 1..<range.upperBound
        for place in rest where bytes[place] == UInt8(ascii: "#") { throw Self.fragment }
        query = rest
        return
      case UInt8(ascii: "#"):
        throw Self.fragment
      default:
        path.append(byte)
      }
      index += 1
    }
    _ = try endSegment(from: segment, slash: false)
  }

  private static let fragment = Refusal.malformed("a fragment in the target")

  /// The byte that three characters at `index` encode.
  private static func decoded(_ bytes: Span<UInt8>, at index: Int, end: Int) throws(Refusal) -> UInt8 {
    guard index + 2 < end, let high = ASCII.hexValue(bytes[index + 1]),
      let low = ASCII.hexValue(bytes[index + 2])
    else { throw .malformed("a percent sign in the path without two hexadecimal digits") }
    let byte = high << 4 | low
    if byte == 0 { throw .malformed("an encoded NUL in the path") }
    // Decoded it would make two segments of one; kept encoded, a program could decode it a second time.
    if byte == UInt8(ascii: "/") { throw Refusal(status: 404, reason: "an encoded slash in the path") }
    return byte
  }

  /// Resolves the segment that begins at `start` and ends the path so far. `path[start - 1]` is a slash.
  ///
  /// - Returns: where the next segment begins.
  private mutating func endSegment(from start: Int, slash: Bool) throws(Refusal) -> Int {
    let dot = UInt8(ascii: ".")
    let length = path.count - start
    if length == 1, path[start] == dot {
      path.removeLast()
    } else if length == 2, path[start] == dot, path[start + 1] == dot {
      guard start > 1 else { throw .malformed("a path that leads above the root") }
      path.removeLast(3)
      while path[path.count - 1] != UInt8(ascii: "/") { path.removeLast() }
    } else if length > 0, slash {
      path.append(UInt8(ascii: "/"))
    }
    return path.count
  }
}
