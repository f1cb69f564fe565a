// A TOML document as values of Swift: the one file that meets the pointers of CTOML. What is read is copied at once.

import CTOML

/// A place in a document. Counted from 1, columns in code points.
struct Place: Sendable, Hashable, Comparable {
  var line: Int
  var column: Int

  static let start = Place(line: 1, column: 1)

  static func < (left: Place, right: Place) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// A value, and where it stands.
struct TOMLValue: Sendable, Equatable {
  enum Content: Sendable, Equatable {
    /// In the order of the keys' names, not of their lines.
    case table([TOMLEntry])
    case array([TOMLValue])
    case string(String)
    case integer(Int64)
    case float(Double)
    case boolean(Bool)
    /// A date, a time, or both.
    case date
  }

  var content: Content
  /// Of a table that a header opens, the header's.
  var place: Place
}

/// An entry of a table.
struct TOMLEntry: Sendable, Equatable {
  var key: String
  /// Where the key stands.
  var place: Place
  var value: TOMLValue
}

/// Why a document is none.
struct TOMLSyntaxFault: Error, Equatable {
  var place: Place
  var words: String
}

enum TOMLDocument {
  /// Reads a document (TOML 1.0). Values lie at most `CTOML_DEPTH` deep in each other.
  /// - Returns: the entries of its own table.
  /// - Throws: the first thing that is wrong with it.
  static func read(_ bytes: [UInt8]) throws(TOMLSyntaxFault) -> [TOMLEntry] {
    var fault = ctoml_fault()
    let parsed = bytes.withUnsafeBytes { buffer in
      // The address of an empty array may be nil, which is no document.
      var nothing: CChar = 0
      guard let start = buffer.baseAddress?.assumingMemoryBound(to: CChar.self) else {
        return ctoml_parse(&nothing, 0, &fault)
      }
      return ctoml_parse(start, buffer.count, &fault)
    }
    guard let parsed else {
      let words = withUnsafeBytes(of: &fault.words) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      let opening = "Error while parsing "
      throw TOMLSyntaxFault(
        place: Place(fault.place), words: words.hasPrefix(opening) ? String(words.dropFirst(opening.count)) : words)
    }
    defer { ctoml_free(parsed) }
    var count = 0
    var nodes = Nodes(rest: UnsafeBufferPointer(start: ctoml_nodes(parsed, &count), count: count)[...])
    guard case .table(let entries) = nodes.value(of: nodes.next()).content else {
      preconditionFailure("a document is a table")
    }
    return entries
  }
}

/// The nodes that have not been read yet, each before what is in it.
private struct Nodes {
  var rest: Slice<UnsafeBufferPointer<ctoml_node>>

  mutating func next() -> ctoml_node { rest.removeFirst() }

  mutating func value(of node: ctoml_node) -> TOMLValue {
    let content: TOMLValue.Content
    switch node.type {
    case CTOML_TABLE:
      var entries: [TOMLEntry] = []
      for _ in 0..<node.count {
        let entry = next()
        entries.append(TOMLEntry(key: text(entry.key), place: Place(entry.key_place), value: value(of: entry)))
      }
      content = .table(entries)
    case CTOML_ARRAY:
      var elements: [TOMLValue] = []
      for _ in 0..<node.count { elements.append(value(of: next())) }
      content = .array(elements)
    case CTOML_STRING: content = .string(text(node.text))
    case CTOML_INTEGER: content = .integer(node.integer)
    case CTOML_FLOAT: content = .float(node.number)
    case CTOML_BOOLEAN: content = .boolean(node.boolean != 0)
    default: content = .date
    }
    return TOMLValue(content: content, place: Place(node.place))
  }

  private func text(_ text: ctoml_text) -> String {
    String(decoding: UnsafeRawBufferPointer(start: text.bytes, count: text.count), as: UTF8.self)
  }
}

extension Place {
  fileprivate init(_ place: ctoml_place) {
    // A fault of the memory, not of the text, has no place.
    self.init(line: max(1, Int(place.line)), column: max(1, Int(place.column)))
  }
}
