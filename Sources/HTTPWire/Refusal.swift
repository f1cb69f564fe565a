// What a decoder says when it will not go on: a status for the peer and plain words for the log.

/// The limits on a request's head. Each has a key in the configuration.
public struct HeadLimits: Sendable, Equatable {
  /// The longest request line, in bytes without its CRLF. Over it: 414.
  public var requestLineBytes = 8192
  /// The longest head, in bytes from the request line to the empty line, both included. Over it: 431.
  public var headBytes = 32768
  /// How many field lines a head may have. Over it: 431.
  public var fieldCount = 100
  /// The longest method, in bytes. Over it: 501 (RFC 9112 3).
  public var methodBytes = 32

  /// The default limits.
  public init() {}
}

/// The limits on the framing of a chunked body.
public struct ChunkLimits: Sendable, Equatable {
  /// The longest run of extensions on one chunk's line, in bytes. Over it: 400.
  public var extensionBytes = 4096
  /// The extensions of one body taken together, in bytes. Over it: 400.
  public var extensionTotalBytes = 16384
  /// The trailer section, in bytes. Over it: 431.
  public var trailerBytes = 8192
  /// How many field lines the trailer section may have. Over it: 431.
  public var trailerCount = 32

  /// The default limits.
  public init() {}
}

/// A limit that was hit: the key of its setting and its value then.
public struct LimitHit: Sendable, Equatable {
  /// The name of the limit.
  public var key: StaticString
  /// Its value, in the unit that the limit is set in.
  public var value: Int

  /// A limit by its key and its value.
  public init(key: StaticString, value: Int) {
    self.key = key
    self.value = value
  }

  public static func == (one: LimitHit, other: LimitHit) -> Bool {
    one.value == other.value && one.key.description == other.key.description
  }
}

/// Why a message is not accepted.
public struct Refusal: Error, Sendable, Equatable {
  /// The status of the response (RFC 9110 15).
  public var status: Int
  /// What is wrong, in words for the log and the error page. Holds nothing that the peer sent.
  public var reason: StaticString
  /// The limit that was hit, if one was.
  public var limit: LimitHit?

  /// A refusal with its status, its reason and the limit that was hit.
  public init(status: Int, reason: StaticString, limit: LimitHit? = nil) {
    self.status = status
    self.reason = reason
    self.limit = limit
  }

  public static func == (one: Refusal, other: Refusal) -> Bool {
    one.status == other.status && one.limit == other.limit
      && one.reason.description == other.reason.description
  }

  /// A message that breaks the grammar: 400.
  static func malformed(_ reason: StaticString) -> Refusal { Refusal(status: 400, reason: reason) }

  static let bareLineFeed: StaticString = "a line feed without a carriage return before it"
  static let bareCarriageReturn: StaticString = "a carriage return without a line feed after it"
}
