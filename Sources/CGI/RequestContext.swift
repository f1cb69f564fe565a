// What the gateway knows of a request that does not stand in its head.

/// The facts about a request that its meta-variables are made from, besides its head and target. All text
/// is bytes, as it came or as the file system has it, without NUL.
public struct RequestContext: Sendable {
  /// A variable that the configuration adds.
  public struct Variable: Sendable, Equatable {
    /// Its name.
    public var name: [UInt8]
    /// Its value.
    public var value: [UInt8]

    /// A variable by its name and its value.
    public init(name: [UInt8], value: [UInt8]) {
      self.name = name
      self.value = value
    }
  }

  /// SCRIPT_NAME: the part of the decoded path that leads to the script (RFC 3875 4.1.13).
  public var scriptName: [UInt8] = []
  /// PATH_INFO: the rest of the decoded path, or nil when there is none (RFC 3875 4.1.5).
  public var pathInfo: [UInt8]?
  /// PATH_TRANSLATED: `pathInfo` as a file's path; nil: `documentRoot` followed by `pathInfo` (4.1.6).
  public var pathTranslated: [UInt8]?
  /// DOCUMENT_ROOT: the directory that the site is served from; empty when there is none.
  public var documentRoot: [UInt8] = []
  /// SCRIPT_FILENAME: the file that is run; empty where no file stands for the path.
  public var scriptFilename: [UInt8] = []
  /// SERVER_ADDR, and SERVER_NAME where the request names no usable host: the listener's address, an IPv6
  /// address without brackets; empty for a Unix socket.
  public var serverAddress: [UInt8] = []
  /// SERVER_PORT: the listener's port (RFC 3875 4.1.15).
  public var serverPort = 0
  /// SERVER_SOFTWARE: name and version (RFC 3875 4.1.17).
  public var serverSoftware: [UInt8] = []
  /// REMOTE_ADDR and REMOTE_HOST: the client's address (RFC 3875 4.1.8 and 4.1.9).
  public var remoteAddress: [UInt8] = []
  /// REMOTE_PORT: the client's port, or nil for a Unix socket.
  public var remotePort: Int?
  /// CONTENT_LENGTH: the body in bytes, as it was read in full; nil when there is none (RFC 3875 4.1.2).
  public var contentLength: Int?
  /// Whether the request came over TLS.
  public var https = false
  /// Whether the program is told the Authorization field (RFC 3875 4.1.18 leaves that to the server): a worker may be,
  /// since nobody else can read what it is told.
  public var passesAuthorization = false
  /// What the configuration adds. A variable that is computed is never replaced.
  public var environment: [Variable] = []

  /// A context in which nothing is known.
  public init() {}
}
