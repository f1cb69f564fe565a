// What may stand in a file, whatever it is about: lengths, unsafe constructs, leftovers.

enum Limit {
  static let columns = 120
  static let functionLines = 70
  static let fileLines = 500
}

/// Whether the lengths hold for the file: sources, scripts, and what is built from them.
func isMeasured(_ file: SourceFile) -> Bool {
  if language(of: file) != nil || file.name == "Makefile" || file.path == ".ci/run" { return true }
  return ["sh", "awk", "pl", "py"].contains(file.type)
}

func lengthFaults(_ file: SourceFile) -> [Fault] {
  var faults = lines(of: file.text).filter { $0.text.count > Limit.columns }.map {
    Fault(path: file.path, line: $0.number, what: "\($0.text.count) columns, more than \(Limit.columns)")
  }
  let count = lines(of: file.text).count - (file.text.hasSuffix("\n") ? 1 : 0)
  if count > Limit.fileLines {
    faults.append(Fault(path: file.path, line: 0, what: "\(count) lines, more than \(Limit.fileLines)"))
  }
  return faults
}

func functionFaults(_ file: SourceFile) -> [Fault] {
  guard let language = language(of: file) else { return [] }
  do {
    return try functionExtents(in: file.text, language).filter { $0.lines > Limit.functionLines }.map {
      let what = "\($0.name) has \($0.lines) lines, more than \(Limit.functionLines)"
      return Fault(path: file.path, line: $0.firstLine, what: what)
    }
  } catch let fault as UnbalancedBraces {
    return [Fault(path: file.path, line: fault.line, what: "a brace without its counterpart")]
  } catch {
    return [Fault(path: file.path, line: 0, what: "\(error)")]
  }
}

/// The lines of Swift that step out of memory safety or of the concurrency checks.
func unsafeUses(in text: String) -> [(line: Int, word: String)] {
  lines(of: SourceScanner.code(of: text, .swift)).flatMap { number, line in
    let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == "@") }
    return words.filter { word in
      let lowered = word.lowercased()
      // What the settings of Package.swift are called is no use of it, and Sources/ never names them.
      return lowered.contains("unsafe") || lowered == "@unchecked" || lowered == "@safe"
        || ["Unmanaged", "OpaquePointer"].contains(word)
    }.map { (number, String($0)) }
  }
}

/// Unsafe uses outside of the modules that may have them. In Configuration, one file may: that over CTOML.
func unsafeFaults(_ files: [SourceFile]) -> [Fault] {
  var faults: [Fault] = []
  var overTOML: String?
  for file in files where file.type == "swift" {
    guard let name = module(of: file.path), House.rule(name)?.mayBeUnsafe != true else { continue }
    let uses = unsafeUses(in: file.text)
    guard !uses.isEmpty else { continue }
    let importsTOML = swiftImports(in: file.text).contains { $0.module == "CTOML" }
    if name == "Configuration", importsTOML, overTOML == nil {
      overTOML = file.path
      continue
    }
    faults += uses.map { Fault(path: file.path, line: $0.line, what: "`\($0.word)` is not for module \(name)") }
  }
  return faults
}

/// What somebody meant to come back to. The words are put together here, so that this file does not hold them itself.
func leftoverFaults(_ file: SourceFile) -> [Fault] {
  let marks = ["FIX" + "ME", "XX" + "X:", "To be " + "filled"]
  let later = "TO" + "DO"
  return lines(of: file.text).compactMap { number, line in
    if let mark = marks.first(where: { line.contains($0) }) {
      return Fault(path: file.path, line: number, what: "a leftover: \(mark)")
    }
    guard let range = line.firstRange(of: later) else { return nil }
    // With a reason it is a note that one can judge: the word, a colon, and what for.
    let rest = line[range.upperBound...].drop(while: \.isWhitespace)
    let reason = rest.dropFirst().filter(\.isLetter).count
    if rest.first == ":" && reason >= 10 { return nil }
    return Fault(path: file.path, line: number, what: "\(later) without a reason")
  }
}

/// Paths that exist on one machine only: those of somebody's home directory.
func homePathFaults(_ file: SourceFile) -> [Fault] {
  let homes = ["/ho" + "me/", "/ro" + "ot/", "/Us" + "ers/"]
  return lines(of: file.text).compactMap { number, line in
    for home in homes {
      guard let range = line.firstRange(of: home) else { continue }
      // `site/root/index.html` is no absolute path.
      let before = range.lowerBound == line.startIndex ? " " : line[line.index(before: range.lowerBound)]
      let after = range.upperBound == line.endIndex ? " " : line[range.upperBound]
      if !(before.isLetter || before.isNumber || "._-}".contains(before)), after.isLetter || after == "." {
        return Fault(path: file.path, line: number, what: "a path of somebody's home directory")
      }
    }
    return nil
  }
}

/// Of the paths that git tracks, those that a build makes.
func builtPaths(among tracked: [String]) -> [Fault] {
  tracked.filter { path in
    path.hasPrefix(".build") || path.hasSuffix(".o") || path.split(separator: "/").last == "Package.resolved"
  }.map { Fault(path: $0, line: 0, what: "is made by a build, and tracked") }
}
