import HTTPWire
import StaticFiles

/// What the conditions of a request for a file come to (RFC 9110, sections 13 and 14).
enum FileConditions {
  enum Verdict {
    case whole
    case part(Range<Int>)
    case notModified
    case preconditionFailed
    case unsatisfiable
  }

  /// Judges in the order of precedence of RFC 9110, section 13.2.2.
  static func judge(_ head: RequestHead, _ bytes: Span<UInt8>, _ file: ServedFile) -> Verdict {
    // Most requests have none.
    guard head.fields.contains(where: { isCondition($0.known) }) else { return .whole }
    if let list = head.value(of: .ifMatch) {
      if !EntityTag.matches(bytes, list, etag: file.entityTag, weak: false) { return .preconditionFailed }
    } else if let value = head.value(of: .ifUnmodifiedSince), let date = HTTPDate.parse(bytes, value) {
      if file.lastModified > date { return .preconditionFailed }
    }
    if let list = head.value(of: .ifNoneMatch) {
      if EntityTag.matches(bytes, list, etag: file.entityTag, weak: true) { return .notModified }
    } else if let value = head.value(of: .ifModifiedSince), let date = HTTPDate.parse(bytes, value) {
      if file.lastModified <= date { return .notModified }
    }
    guard head.method == .get, let range = head.value(of: .range) else { return .whole }
    if let condition = head.value(of: .ifRange), !holds(condition, bytes, file) { return .whole }
    return switch ByteRange.parse(bytes, range, length: file.size) {
    case .whole: .whole
    case .part(let part): .part(part)
    case .unsatisfiable: .unsatisfiable
    }
  }

  /// If-Range: the strong tag, or the very date (RFC 9110, section 13.1.5).
  private static func holds(_ condition: Range<Int>, _ bytes: Span<UInt8>, _ file: ServedFile) -> Bool {
    if let date = HTTPDate.parse(bytes, condition) { return date == file.lastModified }
    return EntityTag.matches(bytes, condition, etag: file.entityTag, weak: false)
  }

  private static func isCondition(_ name: FieldName) -> Bool {
    switch name {
    case .ifMatch, .ifNoneMatch, .ifModifiedSince, .ifUnmodifiedSince, .range: true
    default: false
    }
  }
}
