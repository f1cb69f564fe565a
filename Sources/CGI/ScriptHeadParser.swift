// Reads a script's header block (RFC 3875 6.2): lines that end with LF or CRLF, up to an empty one. Each
// byte is looked at once, however the output is cut into pieces.

import HTTPWire

/// What the parser says about a script's output so far.
public enum ScriptHeadVerdict: Sendable, Equatable {
  /// The block is not complete; call again with the same bytes and more. At the output's end: it is cut off.
  case needMore
  /// The block is complete, and the body begins at this index.
  case complete(bodyStart: Int)
  /// The block is none: why, with the number and the beginning of the line, for the log.
  case malformed(reason: String)
  /// The block is over its limit.
  case tooLarge
}

/// Reads the header block of one script.
public struct ScriptHeadParser: Sendable {
  private var position = 0
  private var lineStart = 0
  private var lineNumber = 0
  private var outcome: ScriptHeadVerdict?

  /// A parser at the beginning of a script's output.
  public init() {}

  /// Back to the beginning of another script's output.
  public mutating func reset() { self = ScriptHeadParser() }

  /// Reads on in a script's output.
  ///
  /// - Parameters:
  ///   - bytes: all of the output so far, from its first byte.
  ///   - limitBytes: how long the block may be, its empty line included.
  ///   - head: filled step by step; whole only with `.complete`. Its ranges index `bytes`.
  /// - Returns: once it is not `.needMore`, the same verdict until ``reset()``.
  public mutating func parse(
    _ bytes: Span<UInt8>, limitBytes: Int, into head: inout ScriptHead
  ) -> ScriptHeadVerdict {
    if let outcome { return outcome }
    if lineNumber == 0 {
      head.clear()
      lineNumber = 1
    }
    let verdict = read(bytes, limitBytes, &head)
    if verdict != .needMore { outcome = verdict }
    return verdict
  }

  private mutating func read(
    _ bytes: Span<UInt8>, _ limitBytes: Int, _ head: inout ScriptHead
  ) -> ScriptHeadVerdict {
    // Nothing behind the limit is looked at, so that the verdict does not depend on how the output comes.
    let end = min(bytes.count, limitBytes)
    while position < end {
      let byte = bytes[position]
      if ASCII.isFieldContent(byte) {
        position += 1
        continue
      }
      let lineEnd = position
      if byte == 0x0D {
        guard position + 1 < end else { break }
        guard bytes[position + 1] == 0x0A else { return malformed(bytes, "a carriage return in the line") }
        position += 2
      } else if byte == 0x0A {
        position += 1
      } else {
        return malformed(bytes, byte == 0 ? "NUL in the line" : "a control character in the line")
      }
      let line = lineStart..<lineEnd
      if line.isEmpty {
        if let fault = head.conclude(bytes) { return .malformed(reason: "the header block has \(fault)") }
        return .complete(bodyStart: position)
      }
      if let fault = takeLine(bytes, line, &head) {
        position = lineEnd
        return malformed(bytes, fault)
      }
      lineStart = position
      lineNumber += 1
    }
    return bytes.count >= limitBytes ? .tooLarge : .needMore
  }

  /// `name ":" value`, and no space before the colon, which servers and clients read in different ways.
  private func takeLine(_ bytes: Span<UInt8>, _ line: Range<Int>, _ head: inout ScriptHead) -> String? {
    var colon = line.lowerBound
    while colon < line.upperBound, ASCII.isToken(bytes[colon]) { colon += 1 }
    guard colon < line.upperBound, bytes[colon] == UInt8(ascii: ":") else {
      for index in line where bytes[index] == UInt8(ascii: ":") {
        return colon == line.lowerBound && ASCII.isWhitespace(bytes[colon])
          ? "a folded line" : "a character before the colon that no name may have"
      }
      return "no colon"
    }
    if colon == line.lowerBound { return "no name before the colon" }
    let value = ASCII.trimmed(bytes, colon + 1..<line.upperBound)
    return head.add(bytes, name: line.lowerBound..<colon, value: value)
  }

  /// The fault with the number of its line and up to 40 bytes of it.
  private func malformed(_ bytes: Span<UInt8>, _ fault: String) -> ScriptHeadVerdict {
    var excerpt: [UInt8] = []
    for index in lineStart..<min(position, lineStart + 40) { excerpt.append(bytes[index]) }
    let text = String(decoding: excerpt, as: UTF8.self)
    return .malformed(reason: "line \(lineNumber) («\(text)»): \(fault)")
  }
}
