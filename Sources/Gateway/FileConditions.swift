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
    if let matches = anyLine(.ifMatch, head, bytes, file, weak: false) {
      if !matches { return .preconditionFailed }
    } else if let value = head.value(of: .ifUnmodifiedSince), let date = HTTPDate.parse(bytes, value) {
      if file.lastModified > date { return .preconditionFailed }
    }
    if let matches = anyLine(.ifNoneMatch, head, bytes, file, weak: true) {
      if matches { return .notModified }
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

  /// Whether a list of tags, which may stand on several lines (RFC 9110, section 5.3), names the file's; nil where
  /// there is none.
  private static func anyLine(
    _ name: FieldName, _ head: RequestHead, _ bytes: Span<UInt8>, _ file: ServedFile, weak: Bool
  ) -> Bool? {
    var result: Bool?
    for field in head.fields where field.known == name {
      let matches = EntityTag.matches(bytes, field.value, etag: file.entityTag, weak: weak)
      result = (result ?? false) || matches
    }
    return result
  }

  /// If-Range: the strong tag, or the very date (RFC 9110, section 13.1.5).
  private static func holds(_ condition: Range<Int>, _ bytes: Span<UInt8>, _ file: ServedFile) -> Bool {
    if let date = HTTPDate.parse(bytes, condition) { return date == file.lastModified }
    // One tag, and not a list or `*`.
    let tag = file.entityTag
    return condition.count == tag.count && tag.indices.allSatisfy { bytes[condition.lowerBound + $0] == tag[$0] }
  }

  private static func isCondition(_ name: FieldName) -> Bool {
    switch name {
    case .ifMatch, .ifNoneMatch, .ifModifiedSince, .ifUnmodifiedSince, .range: true
    default: false
    }
  }
}
