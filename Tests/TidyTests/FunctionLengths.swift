// Finds the functions of a source file and how long they are.

/// A function, an initializer, a subscript or a computed property, from its first line to its last.
struct FunctionExtent: Equatable {
  let name: String
  /// Counted from 1.
  let firstLine: Int
  let lastLine: Int

  var lines: Int { lastLine - firstLine + 1 }
}

/// The braces of a file do not match, so nothing can be said about its functions.
struct UnbalancedBraces: Error, Equatable {
  let line: Int
}

/// A word or one sign of code.
private struct Token {
  let text: Substring
  let line: Int
}

/// Where the functions of `text` begin and end, in the order of their last lines.
func functionExtents(in text: String, _ language: SourceLanguage) throws -> [FunctionExtent] {
  var code = SourceScanner.code(of: text, language)
  if language == .c { code = withoutPreprocessorLines(code) }
  let tokens = tokenized(code)
  let openings = language == .swift ? swiftFunctions(tokens) : cFunctions(tokens)
  var extents: [FunctionExtent] = []
  var open: [(index: Int, line: Int)] = []
  for (index, token) in tokens.enumerated() {
    if token.text == "{" { open.append((index, token.line)) }
    guard token.text == "}" else { continue }
    guard let opening = open.popLast() else { throw UnbalancedBraces(line: token.line) }
    if let function = openings[opening.index] {
      extents.append(
        FunctionExtent(name: function.name, firstLine: function.line, lastLine: token.line))
    }
  }
  if let left = open.last { throw UnbalancedBraces(line: left.line) }
  return extents
}

private func tokenized(_ code: String) -> [Token] {
  var tokens: [Token] = []
  var line = 1
  var rest = Substring(code)
  while let first = rest.first {
    if first.isNewline { line += 1 }
    if first.isLetter || first == "_" || first == "@" || first == "#" {
      let end = rest.dropFirst().firstIndex { !($0.isLetter || $0.isNumber || $0 == "_") } ?? rest.endIndex
      tokens.append(Token(text: rest[..<end], line: line))
      rest = rest[end...]
    } else {
      if !first.isWhitespace { tokens.append(Token(text: rest.prefix(1), line: line)) }
      rest = rest.dropFirst()
    }
  }
  return tokens
}

/// A directive, with the lines that a backslash carries it on to, becomes empty lines: a macro's braces are no
/// function's.
private func withoutPreprocessorLines(_ code: String) -> String {
  var carried = false
  let lines = code.split(separator: "\n", omittingEmptySubsequences: false).map { line -> Substring in
    let isDirective = carried || line.drop(while: \.isWhitespace).hasPrefix("#")
    carried = isDirective && line.hasSuffix("\\")
    return isDirective ? "" : line
  }
  return lines.joined(separator: "\n")
}

private let declarationWords: Set<Substring> = [
  "func", "init", "deinit", "subscript", "var", "let", "case", "struct", "class", "enum", "extension", "protocol",
  "actor", "typealias", "associatedtype", "import",
]

/// For each brace that opens a function's body, by its index: the name, and the line of the declaration.
private func swiftFunctions(_ tokens: [Token]) -> [Int: (name: String, line: Int)] {
  var found: [Int: (name: String, line: Int)] = [:]
  for (index, token) in tokens.enumerated() {
    let isProperty = token.text == "var"
    guard isProperty || ["func", "init", "deinit", "subscript"].contains(token.text) else { continue }
    // `self.init(…)` and `.init(…)` are calls; a label or an enum's case may bear any of the names.
    if index > 0, tokens[index - 1].text == "." || tokens[index - 1].text == "`" { continue }
    guard let body = swiftBody(tokens, after: index, isProperty: isProperty) else { continue }
    let named = token.text == "func" || isProperty
    let name = named && index + 1 < tokens.count ? tokens[index + 1].text : token.text
    found[body] = (String(name), token.line)
  }
  return found
}

/// The brace that opens the body of the declaration at `start`, or nothing where it has none, as in a protocol.
private func swiftBody(_ tokens: [Token], after start: Int, isProperty: Bool) -> Int? {
  var depth = 0
  var index = start + 1
  while index < tokens.count {
    let text = tokens[index].text
    if text == "(" || text == "[" { depth += 1 }
    if text == ")" || text == "]" { depth -= 1 }
    if depth < 0 { return nil }
    if depth == 0 {
      if text == "{" { return index }
      if text == "}" || text == ";" || declarationWords.contains(text) { return nil }
      // A property with a value has no body of its own, and its body opens on the line where its type ends.
      if isProperty, text == "=" || tokens[index].line > tokens[index - 1].line { return nil }
    }
    index += 1
  }
  return nil
}

/// In C a body opens behind the parenthesis of the parameters; what opens inside a function is part of it.
private func cFunctions(_ tokens: [Token]) -> [Int: (name: String, line: Int)] {
  var found: [Int: (name: String, line: Int)] = [:]
  var inFunction: [Bool] = []
  for (index, token) in tokens.enumerated() {
    if token.text == "}" { _ = inFunction.popLast() }
    guard token.text == "{" else { continue }
    let isInside = inFunction.last ?? false
    var before = index - 1
    while before > 0, ["const", "noexcept", "override", "final"].contains(tokens[before].text) { before -= 1 }
    let opensBody = !isInside && before > 0 && tokens[before].text == ")"
    inFunction.append(isInside || opensBody)
    guard opensBody else { continue }
    var depth = 0
    var first = before
    repeat {
      if tokens[first].text == ")" { depth += 1 }
      if tokens[first].text == "(" { depth -= 1 }
      first -= 1
    } while depth > 0 && first > 0
    found[index] = (String(tokens[max(first, 0)].text), tokens[max(first, 0)].line)
  }
  return found
}
