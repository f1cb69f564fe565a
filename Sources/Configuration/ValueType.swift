// The kinds of values that keys take: what is accepted of TOML, and how it is written again.

/// A kind of values.
struct ValueType<Value: Sendable>: Sendable {
  /// What is wanted, as a fault and the reference say it: `an integer from 0 to 256`.
  let name: String
  /// Gives the value, or says what is wrong with it and gives nil.
  let read: @Sendable (TOMLValue, Reader) -> Value?
  /// The value as TOML; nil where it is not to be written.
  let text: @Sendable (Value) -> String?
}

extension ValueType where Value == Bool {
  static var flag: Self {
    let name = "true or false"
    return Self(
      name: name,
      read: { value, reader in
        if case .boolean(let flag) = value.content { return flag }
        reader.refuse(value, wanted: name)
        return nil
      }, text: { $0 ? "true" : "false" })
  }
}

extension ValueType where Value == Int {
  static func integer(_ range: ClosedRange<Int>) -> Self {
    let name = "an integer from \(range.lowerBound) to \(range.upperBound)"
    return Self(
      name: name,
      read: { value, reader in
        if case .integer(let number) = value.content, let number = Int(exactly: number), range.contains(number) {
          return number
        }
        reader.refuse(value, wanted: name)
        return nil
      }, text: { "\($0)" })
  }

  /// A size in bytes.
  static func size(_ range: ClosedRange<Int>) -> Self {
    .quantity("a size", range, as: "64KiB", read: { Quantity.bytes($0) }, write: Quantity.size)
  }
}

extension ValueType where Value == Int64 {
  /// A time in nanoseconds.
  static func time(_ range: ClosedRange<Int64>) -> Self {
    .quantity("a time", range, as: "30s", read: { Quantity.nanoseconds($0) }, write: Quantity.time)
  }
}

extension ValueType where Value: Comparable {
  /// A number with its unit, in a string.
  /// - Parameter example: shown where the unit is missing.
  fileprivate static func quantity(
    _ kind: String, _ range: ClosedRange<Value>, as example: String,
    read: @escaping @Sendable (String) -> Value?, write: @escaping @Sendable (Value) -> String
  ) -> Self {
    let name = "\(kind) from \"\(write(range.lowerBound))\" to \"\(write(range.upperBound))\""
    return Self(
      name: name,
      read: { value, reader in
        if case .string(let text) = value.content, let number = read(text), range.contains(number) { return number }
        reader.refuse(
          value, wanted: name, hint: value.lacksUnit ? "; write it with its unit, as in \"\(example)\"" : "")
        return nil
      }, text: { TOMLText.string(write($0)) })
  }
}

extension TOMLValue {
  /// Whether it is a number where a quantity should be.
  fileprivate var lacksUnit: Bool {
    switch content {
    case .integer, .float: true
    case .string(let text): !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    default: false
    }
  }
}

extension ValueType where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  /// One of a few words.
  static func choice(_ type: Value.Type) -> Self {
    let words = type.allCases.map(\.rawValue)
    let quoted = words.map { "\"\($0)\"" }
    let name = quoted.dropLast().joined(separator: ", ") + " or " + quoted[quoted.count - 1]
    return Self(
      name: name,
      read: { value, reader in
        guard case .string(let text) = value.content else {
          reader.refuse(value, wanted: name)
          return nil
        }
        if let chosen = Value(rawValue: text) { return chosen }
        reader.refuse(value, wanted: name, hint: NearestName.question(text, among: words))
        return nil
      }, text: { TOMLText.string($0.rawValue) })
  }
}

extension ValueType where Value == String {
  /// A string that `read` accepts: it gives the value, or says what is wrong and gives nil.
  static func text(
    _ name: String, mayBeEmpty: Bool = false,
    _ read: @escaping @Sendable (String, Place, Reader) -> String? = { text, _, _ in text }
  ) -> Self {
    Self(
      name: name,
      read: { value, reader in
        guard case .string(let text) = value.content, mayBeEmpty || !text.isEmpty else {
          reader.refuse(value, wanted: name)
          return nil
        }
        // Everything that is a string here ends up where C reads it.
        if text.utf8.contains(0) {
          reader.fault(value.place, "must be \(name), without a NUL character in it")
          return nil
        }
        return read(text, value.place, reader)
      }, text: TOMLText.string)
  }
}

/// How many elements a list may have.
enum ListCount: Sendable {
  case any
  case oneOrMore
  /// More are meant for a later version.
  case oneForNow
}

extension ValueType {
  /// A list. One without elements is written only where it may be.
  static func list<Element: Sendable>(_ element: ValueType<Element>, of plural: String, _ count: ListCount) -> Self
  where Value == [Element] {
    let name =
      switch count {
      case .any: "a list of \(plural)"
      case .oneOrMore: "a list of one or more \(plural)"
      case .oneForNow: "a list of \(plural), just one for now"
      }
    return Self(
      name: name,
      read: { value, reader in
        guard case .array(let elements) = value.content else {
          reader.refuse(value, wanted: name)
          return nil
        }
        if case .any = count {
        } else if elements.isEmpty {
          reader.refuse(value, wanted: name)
          return nil
        }
        if case .oneForNow = count, elements.count > 1 {
          reader.fault(elements[1].place, "more than one is not supported yet")
          return nil
        }
        let values = elements.map { element.read($0, reader) }
        return values.contains { $0 == nil } ? nil : values.compactMap { $0 }
      },
      text: { values in
        if case .any = count {} else if values.isEmpty { return nil }
        return TOMLText.list(values.compactMap(element.text))
      })
  }
}

extension ValueType where Value == [EnvironmentVariable] {
  /// Environment variables, as a table of strings.
  static var environment: Self {
    let name = "a table of strings"
    return Self(
      name: name,
      read: { value, reader in
        guard case .table(let entries) = value.content else {
          reader.refuse(value, wanted: name)
          return nil
        }
        return entries.compactMap { variable($0, reader) }
      },
      text: { variables in
        let entries = variables.map { "\(TOMLText.key($0.name)) = \(TOMLText.string($0.value))" }
        return entries.isEmpty ? "{}" : "{ \(entries.joined(separator: ", ")) }"
      })
  }

  private static func variable(_ entry: TOMLEntry, _ reader: Reader) -> EnvironmentVariable? {
    let outer = reader.key
    reader.key += ".\(TOMLText.key(entry.key))"
    defer { reader.key = outer }
    if entry.key.isEmpty || entry.key.utf8.contains(0) || entry.key.utf8.contains(UInt8(ascii: "=")) {
      reader.fault(entry.place, "the name of a variable has at least one character, and neither = nor NUL")
      return nil
    }
    if reader.system.isComputedVariable(entry.key) {
      reader.fault(entry.place, "is made for each request, and cannot be set")
      return nil
    }
    guard case .string(let text) = entry.value.content else {
      reader.refuse(entry.value, wanted: "a string")
      return nil
    }
    if text.utf8.contains(0) {
      reader.fault(entry.value.place, "must be a string without a NUL character in it")
      return nil
    }
    return EnvironmentVariable(name: entry.key, value: text)
  }
}
