// JSON text (RFC 8259) from values. Whatever bytes come in, what goes out is valid UTF-8 without a control
// character, so that neither a log's reader nor a terminal can be tricked by a stranger's header field.

/// Writes one JSON text, or one object a line, at the end of a byte buffer.
///
/// Commas are set by the writer. Nesting is the caller's: every `begin…` has its `end…`.
public struct JSONWriter {
  /// What has been written, after what was in the buffer before.
  public private(set) var bytes: [UInt8]
  private var needsComma = false

  public init() { bytes = [] }

  /// Takes over a caller's buffer, so that it grows in place; `finish(into:)` gives it back.
  public init(appendingTo buffer: inout [UInt8]) {
    bytes = []
    swap(&bytes, &buffer)
  }

  /// Gives the buffer back to the caller of `init(appendingTo:)`.
  public mutating func finish(into buffer: inout [UInt8]) {
    swap(&bytes, &buffer)
    bytes.removeAll()
  }

  public mutating func beginObject() { open(UInt8(ascii: "{")) }
  public mutating func endObject() { close(UInt8(ascii: "}")) }
  public mutating func beginArray() { open(UInt8(ascii: "[")) }
  public mutating func endArray() { close(UInt8(ascii: "]")) }

  /// The name of the member whose value is written next.
  public mutating func key(_ name: StaticString) {
    separate()
    name.withUTF8Buffer { JSON.appendString($0, to: &bytes) }
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  public mutating func string(_ value: String) {
    separate()
    JSON.appendString(value.utf8, to: &bytes)
    needsComma = true
  }

  /// A string of bytes that should be UTF-8; what is not becomes U+FFFD.
  public mutating func string<Bytes: Collection<UInt8>>(bytes value: Bytes) {
    separate()
    JSON.appendString(value, to: &bytes)
    needsComma = true
  }

  public mutating func integer<Integer: BinaryInteger>(_ value: Integer) { literal(String(value).utf8) }

  /// A number; NaN and the infinities, which JSON has no word for, become `null`.
  public mutating func number(_ value: Double) {
    if value.isFinite { literal("\(value)".utf8) } else { null() }
  }

  public mutating func bool(_ value: Bool) { literal((value ? "true" : "false").utf8) }

  public mutating func null() { literal("null".utf8) }

  /// A string, or `null`.
  public mutating func string(_ value: String?) {
    if let value { string(value) } else { null() }
  }

  /// An integer, or `null`.
  public mutating func integer<Integer: BinaryInteger>(_ value: Integer?) {
    if let value { integer(value) } else { null() }
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
  }

  private mutating func open(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }

  private mutating func literal(_ text: String.UTF8View) {
    separate()
    bytes.append(contentsOf: text)
    needsComma = true
  }
}

/// JSON's strings, RFC 8259 section 7.
public enum JSON {
  /// Appends a string with its quotes. Control characters (C0, DEL and C1) leave as `\u00XX`; bytes that are not
  /// UTF-8 become U+FFFD, one for each maximal part, as Unicode recommends.
  public static func appendString<Bytes: Collection<UInt8>>(_ value: Bytes, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    var rest = value[...]
    while let first = rest.first {
      if first < 0x80 {
        appendASCII(first, to: &out)
        rest = rest.dropFirst()
      } else {
        let end = rest.firstIndex { $0 < 0x80 } ?? rest.endIndex
        appendRepaired(rest[..<end], to: &out)
        rest = rest[end...]
      }
    }
    out.append(UInt8(ascii: "\""))
  }

  private static func appendASCII(_ byte: UInt8, to out: inout [UInt8]) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      out.append(UInt8(ascii: "\\"))
      out.append(byte)
    case 0x0A: out.append(contentsOf: "\\n".utf8)
    case 0x0D: out.append(contentsOf: "\\r".utf8)
    case 0x09: out.append(contentsOf: "\\t".utf8)
    case 0..<0x20, 0x7F: appendEscape(byte, to: &out)
    default: out.append(byte)
    }
  }

  /// A run without ASCII: the standard library repairs it; U+0080 to U+009F are controls of a terminal.
  private static func appendRepaired<Bytes: Collection<UInt8>>(_ run: Bytes, to out: inout [UInt8]) {
    for scalar in String(decoding: run, as: UTF8.self).unicodeScalars {
      if scalar.value < 0xA0 {
        appendEscape(UInt8(scalar.value), to: &out)
      } else {
        out.append(contentsOf: UTF8.encode(scalar)!)
      }
    }
  }

  private static func appendEscape(_ byte: UInt8, to out: inout [UInt8]) {
    out.append(contentsOf: "\\u00".utf8)
    out.append(hexDigit(byte >> 4))
    out.append(hexDigit(byte & 15))
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}
