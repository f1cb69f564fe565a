// Tells code from comments and from the text in quotes, in Swift and in C, so that a brace or a word counts only where
// the compiler would count it.

enum SourceLanguage {
  case swift
  case c
}

/// Blanks out what is not code. Every byte stays at its place and every line keeps its number: what is taken out
/// becomes spaces.
struct SourceScanner {
  private let bytes: [UInt8]
  private let language: SourceLanguage
  private let keepsQuotedText: Bool
  private var masked: [UInt8]
  private var at = 0
  /// The last byte of code that was not a space: tells a division from the start of a regular expression.
  private var lastCode = UInt8(ascii: "\n")

  /// `text` without comments, and unless `keepsQuotedText` without the contents of string literals.
  static func code(of text: String, _ language: SourceLanguage, keepsQuotedText: Bool = false) -> String {
    var scanner = SourceScanner(text, language, keepsQuotedText)
    scanner.scanCode(untilParenthesis: false)
    return String(decoding: scanner.masked, as: UTF8.self)
  }

  private init(_ text: String, _ language: SourceLanguage, _ keepsQuotedText: Bool) {
    bytes = Array(text.utf8)
    masked = bytes
    self.language = language
    self.keepsQuotedText = keepsQuotedText
  }

  private func byte(_ offset: Int) -> UInt8 {
    at + offset < bytes.count ? bytes[at + offset] : 0
  }

  private func follows(_ text: StaticString) -> Bool {
    var offset = 0
    return text.withUTF8Buffer { wanted in
      while offset < wanted.count, byte(offset) == wanted[offset] { offset += 1 }
      return offset == wanted.count
    }
  }

  /// Steps over `count` bytes and blanks them, line ends apart.
  private mutating func blank(_ count: Int) {
    for _ in 0..<count where at < bytes.count {
      if bytes[at] != UInt8(ascii: "\n") { masked[at] = UInt8(ascii: " ") }
      at += 1
    }
  }

  /// Steps over `count` bytes of quoted text.
  private mutating func quoted(_ count: Int) {
    if keepsQuotedText { at = min(at + count, bytes.count) } else { blank(count) }
  }

  /// Goes through code to its end, or to the parenthesis that closes an interpolation.
  private mutating func scanCode(untilParenthesis: Bool) {
    var depth = 0
    while at < bytes.count {
      if scanComment() || scanLiteral() { continue }
      let here = bytes[at]
      if here == UInt8(ascii: "(") { depth += 1 }
      if here == UInt8(ascii: ")") {
        if depth == 0 && untilParenthesis { return }
        depth -= 1
      }
      if here > UInt8(ascii: " ") { lastCode = here }
      at += 1
    }
  }

  private mutating func scanComment() -> Bool {
    if follows("//") {
      while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { blank(1) }
      return true
    }
    guard follows("/*") else { return false }
    var depth = 0
    repeat {
      if follows("/*"), depth == 0 || language == .swift {
        depth += 1
        blank(2)
      } else if follows("*/") {
        depth -= 1
        blank(2)
      } else {
        blank(1)
      }
    } while depth > 0 && at < bytes.count
    return true
  }

  private mutating func scanLiteral() -> Bool {
    if language == .c {
      guard byte(0) == UInt8(ascii: "\"") || byte(0) == UInt8(ascii: "'") else { return false }
      scanCQuote()
      return true
    }
    var pounds = 0
    while byte(pounds) == UInt8(ascii: "#") { pounds += 1 }
    if byte(pounds) == UInt8(ascii: "\"") {
      scanSwiftString(pounds: pounds)
      return true
    }
    guard byte(pounds) == UInt8(ascii: "/"), pounds > 0 || regularExpressionMayStart else { return false }
    return scanRegularExpression(pounds: pounds)
  }

  private mutating func scanCQuote() {
    let quote = bytes[at]
    at += 1
    while at < bytes.count, bytes[at] != quote, bytes[at] != UInt8(ascii: "\n") {
      quoted(bytes[at] == UInt8(ascii: "\\") ? 2 : 1)
    }
    at = min(at + 1, bytes.count)
    lastCode = quote
  }

  /// Whether `lengths` pound signs stand at `offset`.
  private func pounds(_ length: Int, at offset: Int) -> Bool {
    (0..<length).allSatisfy { byte(offset + $0) == UInt8(ascii: "#") }
  }

  private mutating func scanSwiftString(pounds count: Int) {
    at += count
    let quotes = follows("\"\"\"") ? 3 : 1
    at += quotes
    while at < bytes.count {
      if byte(0) == UInt8(ascii: "\\"), pounds(count, at: 1) {
        if byte(1 + count) == UInt8(ascii: "(") {
          at += 2 + count
          scanCode(untilParenthesis: true)
          at = min(at + 1, bytes.count)
        } else {
          quoted(2 + count)
        }
      } else if quotes == 3 ? follows("\"\"\"") : byte(0) == UInt8(ascii: "\""), pounds(count, at: quotes) {
        at += quotes + count
        break
      } else if quotes == 1 && byte(0) == UInt8(ascii: "\n") {
        break
      } else {
        quoted(1)
      }
    }
    lastCode = UInt8(ascii: "\"")
  }

  /// A bare slash starts a regular expression where an operand is due and no space follows.
  private var regularExpressionMayStart: Bool {
    let starters: [UInt8] = Array("\n(,=:[{!&|;?".utf8)
    let next = byte(1)
    return starters.contains(lastCode) && next > UInt8(ascii: " ") && next != UInt8(ascii: ")")
      && next != UInt8(ascii: ",")
  }

  /// Gives false, and goes nowhere, where no second slash ends it on the line (or anywhere, with pound signs).
  private mutating func scanRegularExpression(pounds count: Int) -> Bool {
    var offset = count + 1
    while at + offset < bytes.count {
      if byte(offset) == UInt8(ascii: "\\") {
        offset += 2
      } else if byte(offset) == UInt8(ascii: "/"), pounds(count, at: offset + 1) {
        at += count + 1
        quoted(offset - count - 1)
        at += 1 + count
        lastCode = UInt8(ascii: "/")
        return true
      } else if byte(offset) == UInt8(ascii: "\n"), count == 0 {
        return false
      } else {
        offset += 1
      }
    }
    return false
  }
}
