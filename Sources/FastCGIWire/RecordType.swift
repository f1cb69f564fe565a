// The names and numbers of FastCGI 1.0 (section 8 of its specification).

/// The sizes and numbers that a record is made of (3.3).
public enum Record {
  /// The version that every record carries: FCGI_VERSION_1.
  public static let version: UInt8 = 1
  /// The length of a record's header, in bytes: FCGI_HEADER_LEN.
  public static let headerBytes = 8
  /// The most content that one record can hold, in bytes.
  public static let maximumContentBytes = 65_535
  /// The content of a record that is followed by more of its stream, in bytes: the largest multiple of eight,
  /// so that the next record stands on a multiple of eight without padding, as 3.3 recommends.
  public static let fullContentBytes = 65_528
  /// The most padding that one record can hold, in bytes.
  public static let maximumPaddingBytes = 255
  /// The id of management records, which belong to no request: FCGI_NULL_REQUEST_ID.
  public static let managementID: UInt16 = 0
  /// The flag of FCGI_BEGIN_REQUEST that leaves the closing of the connection to the web server: FCGI_KEEP_CONN.
  public static let keepConnection: UInt8 = 1
}

/// The types of records, by their numbers (8 and the table in appendix A).
public enum RecordType: UInt8, Sendable, CaseIterable, CustomStringConvertible {
  case beginRequest = 1
  case abortRequest
  case endRequest
  case params
  case stdin
  case stdout
  case stderr
  case data
  case getValues
  case getValuesResult
  case unknownType

  /// Whether records of this type belong to no request and have the id 0.
  public var isManagement: Bool {
    switch self {
    case .getValues, .getValuesResult, .unknownType: true
    default: false
    }
  }

  /// Whether only a web server sends this type. The other types are only sent by an application.
  public var isSentByServer: Bool {
    switch self {
    case .beginRequest, .abortRequest, .params, .stdin, .data, .getValues: true
    default: false
    }
  }

  /// Whether records of this type form a stream that an empty record ends.
  public var isStream: Bool {
    switch self {
    case .params, .stdin, .data, .stdout, .stderr: true
    default: false
    }
  }

  /// The name that the specification gives it.
  public var description: String {
    switch self {
    case .beginRequest: "FCGI_BEGIN_REQUEST"
    case .abortRequest: "FCGI_ABORT_REQUEST"
    case .endRequest: "FCGI_END_REQUEST"
    case .params: "FCGI_PARAMS"
    case .stdin: "FCGI_STDIN"
    case .stdout: "FCGI_STDOUT"
    case .stderr: "FCGI_STDERR"
    case .data: "FCGI_DATA"
    case .getValues: "FCGI_GET_VALUES"
    case .getValuesResult: "FCGI_GET_VALUES_RESULT"
    case .unknownType: "FCGI_UNKNOWN_TYPE"
    }
  }
}

/// What an application is asked to be for a request (6).
public enum Role: UInt16, Sendable, CaseIterable {
  /// Answers the request, as a CGI program does.
  case responder = 1
  /// Says whether the request is allowed.
  case authorizer
  /// Answers with a changed form of a file that the web server sends along.
  case filter
}

/// How a request ended, from the side of the protocol (5.5).
public enum ProtocolStatus: UInt8, Sendable, CaseIterable, CustomStringConvertible {
  /// The request was processed.
  case requestComplete
  /// Rejected: a request runs on this connection, and the application takes one at a time.
  case cannotMultiplex
  /// Rejected: the application is out of some resource.
  case overloaded
  /// Rejected: the application does not know the role.
  case unknownRole

  /// The name that the specification gives it.
  public var description: String {
    switch self {
    case .requestComplete: "FCGI_REQUEST_COMPLETE"
    case .cannotMultiplex: "FCGI_CANT_MPX_CONN"
    case .overloaded: "FCGI_OVERLOADED"
    case .unknownRole: "FCGI_UNKNOWN_ROLE"
    }
  }
}
