// Why records of an application are not accepted, in words for the log.

/// What an application did against the protocol. The connection can carry nothing further.
public enum RecordRefusal: Error, Sendable, Equatable, CustomStringConvertible {
  /// The version is not 1 (3.3).
  case version(UInt8)
  /// A type that FastCGI 1.0 does not define, whatever its id. An application has no use for one: management
  /// records of a later version would be answers, and nobody asked.
  case undefinedType(UInt8)
  /// A type that only a web server sends (appendix A).
  case serverType(RecordType)
  /// A management record with the id of a request (3.3).
  case managementRecordOfRequest(RecordType, id: UInt16)
  /// A record of a request while none is expected: before the first, or behind FCGI_END_REQUEST.
  case noRequest(RecordType, id: UInt16)
  /// A record of another request than that which is expected.
  case otherRequest(RecordType, id: UInt16, expected: UInt16)
  /// The content of a record that has eight bytes always is not eight bytes long (4.2, 5.5).
  case contentLength(RecordType, bytes: Int)
  /// Content of a stream behind the empty record that ended it (3.3).
  case dataAfterEnd(RecordType)
  /// A protocol status that FastCGI 1.0 does not define (5.5).
  case protocolStatus(UInt8)
  /// More content in FCGI_GET_VALUES_RESULT than ``RecordReader/maximumValuesBytes``.
  case valuesTooLong(bytes: Int)
  /// FCGI_GET_VALUES_RESULT ends within a pair.
  case valuesTruncated
  /// The value of a variable is not what the specification says it is (4.1).
  case malformedValue(ApplicationVariable)

  /// What is wrong, in words for the log. Holds numbers of what was sent, and no text of it.
  public var description: String {
    switch self {
    case .version(let version):
      "a record of version \(version), where FastCGI has version 1"
    case .undefinedType(let type):
      "a record of type \(type), which FastCGI does not define"
    case .serverType(let type):
      "\(type), which only a web server sends"
    case .managementRecordOfRequest(let type, let id):
      "\(type) with the request id \(id), where it has 0"
    case .noRequest(let type, let id):
      "\(type) for request \(id) while no request runs"
    case .otherRequest(let type, let id, let expected):
      "\(type) for request \(id) while request \(expected) runs"
    case .contentLength(let type, let bytes):
      "\(type) with \(bytes) bytes of content, where it has 8"
    case .dataAfterEnd(let type):
      "content of \(type) behind the end of that stream"
    case .protocolStatus(let status):
      "\(RecordType.endRequest) with the protocol status \(status), which FastCGI does not define"
    case .valuesTooLong(let bytes):
      "\(RecordType.getValuesResult) with \(bytes) bytes, over the limit of \(RecordReader.maximumValuesBytes)"
    case .valuesTruncated:
      "\(RecordType.getValuesResult) that ends within a name-value pair"
    case .malformedValue(.multiplexesConnections):
      "\(ApplicationVariable.multiplexesConnections.rawValue) with a value that is neither 0 nor 1"
    case .malformedValue(let variable):
      "\(variable.rawValue) with a value that is not a number"
    }
  }
}
