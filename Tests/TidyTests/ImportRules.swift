// The table of the house: which module may import which. A module imports only what stands above it.

/// One row of the table.
struct ModuleRule {
  enum Imports {
    /// These modules of the house.
    case only([String])
    /// Every library above but those named. Programs cannot be imported.
    case allAbove(except: [String])
  }

  let name: String
  let mayImport: Imports
  /// Modules from outside of the house besides `Swift` and, where `mayImportGlibc`, `Glibc`.
  var outside: Set<String> = []
  /// The C library: not where bytes become values, nor where a policy is decided.
  var mayImportGlibc = true
  /// Whether `unsafe` constructs may stand there: where pointers come from the kernel or from C.
  var mayBeUnsafe = false
}

enum House {
  static let collections: Set<String> = ["Collections", "DequeModule", "HeapModule", "OrderedCollections"]

  static let rules: [ModuleRule] = [
    ModuleRule(name: "CKernel", mayImport: .only([]), mayBeUnsafe: true),
    ModuleRule(name: "SpawnProtocol", mayImport: .only([]), mayBeUnsafe: true),
    ModuleRule(name: "Spawner", mayImport: .only(["SpawnProtocol"]), mayBeUnsafe: true),
    ModuleRule(name: "CTOML", mayImport: .only([]), mayBeUnsafe: true),
    ModuleRule(name: "HTTPWire", mayImport: .only([]), mayImportGlibc: false),
    ModuleRule(name: "FastCGIWire", mayImport: .only([]), mayImportGlibc: false),
    ModuleRule(name: "CGI", mayImport: .only(["HTTPWire"])),
    ModuleRule(name: "Kernel", mayImport: .only(["CKernel"]), outside: ["SystemPackage"], mayBeUnsafe: true),
    ModuleRule(name: "Log", mayImport: .only(["Kernel"]), outside: ["Logging"]),
    ModuleRule(name: "EventLoop", mayImport: .only(["Kernel"]), outside: collections),
    ModuleRule(name: "Processes", mayImport: .only(["Kernel", "SpawnProtocol"]), mayBeUnsafe: true),
    ModuleRule(name: "StaticFiles", mayImport: .only(["Kernel", "HTTPWire"])),
    ModuleRule(name: "WorkerPool", mayImport: .only([]), outside: collections, mayImportGlibc: false),
    ModuleRule(name: "Costs", mayImport: .only(["Kernel"]), outside: ["Histogram"]),
    ModuleRule(name: "Presentation", mayImport: .only(["Kernel"])),
    ModuleRule(name: "Configuration", mayImport: .only(["CTOML"])),
    ModuleRule(name: "Gateway", mayImport: .allAbove(except: []), outside: collections),
    ModuleRule(
      name: "Admin",
      mayImport: .only(["Gateway", "Costs", "Presentation", "HTTPWire", "EventLoop", "Kernel", "Log"])),
    ModuleRule(name: "HTTPClient", mayImport: .only(["Kernel", "HTTPWire"])),
    ModuleRule(name: "CFCGI", mayImport: .only([]), mayBeUnsafe: true),
    ModuleRule(
      name: "FastCGIApp", mayImport: .only(["CFCGI"]), outside: ["FoundationEssentials"], mayBeUnsafe: true),
    ModuleRule(name: "Lab", mayImport: .allAbove(except: ["Admin"]), outside: ["FoundationEssentials"]),
    ModuleRule(
      name: "tollgate", mayImport: .allAbove(except: []), outside: ["ArgumentParser", "FoundationEssentials"]),
  ]

  static let programs: Set<String> = ["Spawner", "tollgate"]
  static let names = Set(rules.map(\.name))

  static func rule(_ name: String) -> ModuleRule? { rules.first { $0.name == name } }

  /// The modules of the house that `rule` allows.
  static func imports(_ rule: ModuleRule) -> Set<String> {
    switch rule.mayImport {
    case .only(let names): Set(names)
    case .allAbove(let except):
      Set(rules.prefix { $0.name != rule.name }.map(\.name)).subtracting(programs).subtracting(except)
    }
  }

  /// Nothing where `rule` allows `imported`, else what is wrong with it.
  static func objection(to imported: String, in rule: ModuleRule) -> String? {
    if names.contains(imported) {
      if imports(rule).contains(imported) { return nil }
      return "\(rule.name) may not import \(imported): the table of the house does not allow it"
    }
    switch imported {
    case "Swift", "Synchronization": return nil
    case "Glibc" where rule.mayImportGlibc: return nil
    default:
      return rule.outside.contains(imported) ? nil : "\(rule.name) may not import \(imported) from outside of the house"
    }
  }
}

/// The module that a path below `Sources/` belongs to.
func module(of path: String) -> String? {
  let parts = path.split(separator: "/")
  return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
}

/// The modules that a Swift file imports, each with its line; of `import struct A.B`, `A`.
func swiftImports(in text: String) -> [(module: String, line: Int)] {
  let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "typealias", "func", "var", "let"]
  var found: [(module: String, line: Int)] = []
  for (number, line) in lines(of: SourceScanner.code(of: text, .swift)) {
    for statement in line.split(separator: ";") {
      let words = statement.split(whereSeparator: \.isWhitespace)
      guard let keyword = words.firstIndex(of: "import") else { continue }
      let modifiers: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
      guard words[..<keyword].allSatisfy({ $0.hasPrefix("@") || modifiers.contains($0) }) else { continue }
      let named = words[(keyword + 1)...].first { !kinds.contains($0) }
      if let named, let name = named.split(separator: ".").first { found.append((String(name), number)) }
    }
  }
  return found
}

/// What a C file includes, each with its line: the text between the quotes or angle brackets.
func cIncludes(in text: String) -> [(header: String, line: Int)] {
  lines(of: SourceScanner.code(of: text, .c, keepsQuotedText: true)).compactMap { number, line in
    var rest = line.drop(while: \.isWhitespace)
    guard rest.first == "#" else { return nil }
    rest = rest.dropFirst().drop(while: \.isWhitespace)
    guard rest.hasPrefix("include") else { return nil }
    let parts = rest.split(omittingEmptySubsequences: false) { "\"<>".contains($0) }
    return parts.count > 1 ? (String(parts[1]), number) : nil
  }
}

/// The faults in what `file`, of a module of the house, imports or includes. `headers` tells the module of a public
/// header by its name.
func importFaults(_ file: SourceFile, headers: [String: String]) -> [Fault] {
  guard let name = module(of: file.path), let rule = House.rule(name) else { return [] }
  if file.type == "swift" {
    return swiftImports(in: file.text).compactMap { imported, line in
      imported == name
        ? nil : House.objection(to: imported, in: rule).map { Fault(path: file.path, line: line, what: $0) }
    }
  }
  guard language(of: file) == .c else { return [] }
  return cIncludes(in: file.text).compactMap { header, line in
    if header.contains("..") {
      return Fault(path: file.path, line: line, what: "includes \(header) by a path that leaves its folder")
    }
    guard let owner = headers[String(header.split(separator: "/").last ?? "")], owner != name else { return nil }
    return House.objection(to: owner, in: rule).map { Fault(path: file.path, line: line, what: $0) }
  }
}

/// The language of a source file, by its type.
func language(of file: SourceFile) -> SourceLanguage? {
  switch file.type {
  case "swift": .swift
  case "c", "h", "cpp", "hpp", "cc": .c
  default: nil
  }
}

/// The lines of `text`, counted from 1.
func lines(of text: String) -> [(number: Int, text: Substring)] {
  text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map { ($0.offset + 1, $0.element) }
}
