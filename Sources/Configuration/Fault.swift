// What is wrong with a configuration, each with its place.

/// A fault, or a warning, in a configuration: `tollgate.toml:12:3: route.timout: unknown key; did you mean «timeout»?`
public struct ConfigurationFault: Error, Sendable, Equatable, CustomStringConvertible {
  public var file: String
  /// Counted from 1, as is the column, in code points.
  public var line: Int
  public var column: Int
  /// The key with its tables, as in `pool.php.workers`; empty where the fault is none of a key's.
  public var key: String
  /// What is wrong and what would be right.
  public var words: String

  public init(file: String, line: Int, column: Int, key: String, words: String) {
    self.file = file
    self.line = line
    self.column = column
    self.key = key
    self.words = words
  }

  public var description: String {
    "\(file):\(line):\(column): " + (key.isEmpty ? "" : "\(key): ") + words
  }
}

/// What reading a configuration came to.
public enum ConfigurationOutcome: Sendable {
  case accepted(ConfigurationFile, warnings: [ConfigurationFault])
  /// Everything that is wrong, in the order of the lines.
  case refused([ConfigurationFault])
}

/// One pass over a document: collects what is wrong, and knows what values are relative to.
final class Reader {
  let file: String
  /// Absolute, without symbolic links.
  let directory: String
  let system: SystemQuestions
  private(set) var faults: [ConfigurationFault] = []
  private(set) var warnings: [ConfigurationFault] = []
  /// The key whose value is being read, with its tables.
  var key = ""

  init(file: String, directory: String, system: SystemQuestions) {
    self.file = file
    self.directory = directory
    self.system = system
  }

  func fault(_ place: Place, _ words: String) { fault(place, key: key, words) }

  func fault(_ place: Place, key: String, _ words: String) { faults.append(remark(place, key, words)) }

  func warn(_ place: Place, key: String, _ words: String) { warnings.append(remark(place, key, words)) }

  private func remark(_ place: Place, _ key: String, _ words: String) -> ConfigurationFault {
    ConfigurationFault(file: file, line: place.line, column: place.column, key: key, words: words)
  }

  /// Says that a value is not what is wanted, and what stands there.
  /// - Parameter hint: goes at the end.
  func refuse(_ value: TOMLValue, wanted: String, hint: String = "") {
    fault(value.place, "must be \(wanted), not \(value.described)\(hint)")
  }

  /// The absolute path that a path in the configuration means, without slashes at its end. Leading dot segments are
  /// resolved by name alone, which is right since `directory` has no symbolic links; those further on are the system's.
  func absolute(_ path: String) -> String {
    var rest = FilePath.segments(path)
    var base: [Substring.UTF8View] = []
    if !FilePath.isAbsolute(path) {
      base = FilePath.segments(directory)
      while let first = rest.first, first.elementsEqual(".".utf8) || first.elementsEqual("..".utf8) {
        if first.count == 2 { _ = base.popLast() }
        rest.removeFirst()
      }
    }
    return "/" + (base + rest).map { String(Substring($0)) }.joined(separator: "/")
  }
}

/// Paths as the system reads them: bytes, since a slash with a combining mark behind it is another character to Swift.
enum FilePath {
  static let slash = UInt8(ascii: "/")

  static func isAbsolute(_ path: String) -> Bool { path.utf8.first == slash }

  /// What stands between the slashes, where anything does.
  static func segments(_ path: String) -> [Substring.UTF8View] { path.utf8.split(separator: slash) }

  static func hasEmptySegment(_ path: String) -> Bool {
    zip(path.utf8, path.utf8.dropFirst()).contains { $0 == slash && $1 == slash }
  }

  static func hasSlash(_ text: String) -> Bool { text.utf8.contains(slash) }

  /// The directory in which an absolute path's last segment lies.
  static func folder(_ path: String) -> String {
    let folder = path.utf8[..<(path.utf8.lastIndex(of: slash) ?? path.startIndex)]
    return folder.isEmpty ? "/" : String(Substring(folder))
  }
}

extension TOMLValue {
  /// What it is, in words: `the integer 5`, `the string "x"`.
  var described: String {
    switch content {
    case .table: "a table"
    case .array(let elements): elements.isEmpty ? "an empty list" : "a list"
    case .string(let text): "the string \(TOMLText.string(Self.cut(text)))"
    case .integer(let number): "the integer \(number)"
    case .float(let number): "the number \(number)"
    case .boolean(let flag): flag ? "true" : "false"
    case .date: "a date or a time"
    }
  }

  /// In Unicode scalars, since there is no end to those that one character can have.
  private static func cut(_ text: String) -> String {
    let scalars = text.unicodeScalars
    return scalars.count > 60 ? String(scalars.prefix(60)) + "…" : text
  }
}
