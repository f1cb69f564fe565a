// Values as TOML writes them.

enum TOMLText {
  /// A basic string, with its quotes.
  static func string(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case "\0"..."\u{1F}", "\u{7F}"..."\u{9F}": out += "\\u00" + hexadecimal(scalar.value)
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }

  private static func hexadecimal(_ value: UInt32) -> String {
    (value < 16 ? "0" : "") + String(value, radix: 16, uppercase: true)
  }

  /// A key: bare where it may be, else in quotes.
  static func key(_ name: String) -> String {
    isBareKey(name) ? name : string(name)
  }

  /// Whether a key needs no quotes.
  static func isBareKey(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { byte in
        switch Unicode.Scalar(byte) {
        case "a"..."z", "A"..."Z", "0"..."9", "-", "_": true
        default: false
        }
      }
  }

  static func list(_ elements: [String]) -> String { "[" + elements.joined(separator: ", ") + "]" }
}
