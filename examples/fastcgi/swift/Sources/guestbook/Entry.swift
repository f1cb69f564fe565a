// An entry, and how it is read from a form: what comes from strangers becomes a value here, or is refused.

/// What somebody wrote.
struct Entry {
  static let nameLength = 60
  static let messageLength = 500

  var name: String
  /// Lines end with a line feed.
  var message: String
  /// As `2026-01-31 12:00`, in UTC; empty until it is in the book.
  var written = ""
}

extension Entry {
  /// Reads the fields `name` and `message` of an `application/x-www-form-urlencoded` body.
  /// - Throws: `Refusal` 400 where one is missing, empty, too long, no UTF-8, or holds control characters.
  init(form: [UInt8]) throws {
    let fields = try formFields(form)
    name = try Self.text(fields, "name", length: Self.nameLength, isLine: true)
    message = try Self.text(fields, "message", length: Self.messageLength, isLine: false)
  }

  /// - Parameter length: in Unicode scalars, since there is no end to those that one character can have.
  private static func text(
    _ fields: [String: String], _ name: String, length: Int, isLine: Bool
  ) throws -> String {
    // Browsers send a line's end as CR LF, which Swift takes for one character.
    let text = (fields[name] ?? "").split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\r\n" })
      .joined(separator: "\n").trimmed
    guard !text.isEmpty else { throw Refusal(status: 400, words: "The \(name) is missing.") }
    guard text.unicodeScalars.count <= length else {
      throw Refusal(status: 400, words: "The \(name) is longer than \(length) characters.")
    }
    let mayHold: Set<Unicode.Scalar> = isLine ? [] : ["\n", "\t"]
    guard text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control || mayHold.contains($0) }) else {
      throw Refusal(status: 400, words: "The \(name) holds control characters.")
    }
    return text
  }
}

extension String {
  fileprivate var trimmed: String {
    let start = drop(while: \.isWhitespace)
    return String(start[..<(start.lastIndex { !$0.isWhitespace }.map(start.index(after:)) ?? start.startIndex)])
  }
}

/// The fields of a form (URL Standard, section 5.1); of several with one name, the first.
/// - Throws: `Refusal` 400 for a `%` without two hexadecimal digits, and for bytes that are no UTF-8.
func formFields(_ form: [UInt8]) throws -> [String: String] {
  var fields: [String: String] = [:]
  for pair in form.split(separator: UInt8(ascii: "&")) {
    let sign = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
    let name = try decoded(pair[..<sign])
    if fields[name] == nil { fields[name] = try decoded(pair[sign...].dropFirst()) }
  }
  return fields
}

private func decoded(_ encoded: ArraySlice<UInt8>) throws -> String {
  var bytes: [UInt8] = []
  var rest = encoded
  while let byte = rest.popFirst() {
    switch byte {
    case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
    case UInt8(ascii: "%"):
      guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
        throw Refusal(status: 400, words: "A percent sign stands without its two digits.")
      }
      bytes.append(high << 4 | low)
    default: bytes.append(byte)
    }
  }
  guard let text = String(validating: bytes, as: UTF8.self) else {
    throw Refusal(status: 400, words: "That is not UTF-8.")
  }
  return text
}

private func digit(_ byte: UInt8) -> UInt8? {
  Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
}

/// A path as it stands in a URL (RFC 3986, section 3.3): what came decoded is encoded again.
func percentEncoded(_ path: String) -> String {
  path.utf8.reduce(into: "") { encoded, byte in
    let character = Character(Unicode.Scalar(byte))
    if byte < 0x80, character.isLetter || character.isNumber || "-._~/".contains(character) {
      encoded.append(character)
    } else {
      encoded += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
    }
  }
}
