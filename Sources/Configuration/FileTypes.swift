// Values that name something in the file system. All of them come out absolute.

extension ValueType where Value == String {
  /// A directory that is there and may be read.
  static var directory: Self {
    .text("a directory") { text, place, reader in
      let path = reader.absolute(text)
      switch reader.system.look(path) {
      case .directory: return path
      case .missing: reader.fault(place, "there is no directory \(path)")
      case .file, .other: reader.fault(place, "\(path) is no directory")
      case .refused(let why): reader.fault(place, "the directory \(path) cannot be read: \(why)")
      }
      return nil
    }
  }

  /// A directory in which files without names are made.
  static var spoolDirectory: Self {
    let directory = directory
    return Self(
      name: directory.name,
      read: { value, reader in
        guard let path = directory.read(value, reader) else { return nil }
        guard let objection = reader.system.fileObjection(path) else { return path }
        reader.fault(value.place, "no file can be made in the directory \(path): \(objection)")
        return nil
      }, text: directory.text)
  }

  /// A file that is written to, in a directory that is there, or one of these words.
  static func writtenFile(or words: [String] = []) -> Self {
    let name = words.isEmpty ? "a path" : words.map { "\"\($0)\"" }.joined(separator: ", ") + " or a path"
    return .text(name) { text, place, reader in
      if words.contains(text) { return text }
      let path = reader.absolute(text)
      if reader.system.look(path) == .directory {
        reader.fault(place, "\(path) is a directory: write the path of a file")
        return nil
      }
      let folder = FilePath.folder(path)
      switch reader.system.look(folder) {
      // A directory that may not be read may be one to write in.
      case .directory, .refused: return path
      case .missing: reader.fault(place, "there is no directory \(folder) for the file \(path)")
      case .file, .other: reader.fault(place, "\(folder) is no directory")
      }
      return nil
    }
  }
}

extension ValueType where Value == ScriptSetting {
  /// A directory of scripts, or one script.
  static var scripts: Self {
    let path = ValueType<String>.text("a directory of scripts, or one script")
    return Self(
      name: path.name,
      read: { value, reader in
        guard let text = path.read(value, reader) else { return nil }
        let path = reader.absolute(text)
        switch reader.system.look(path) {
        case .directory: return .directory(path)
        case .file(isExecutable: true): return .script(path)
        case .file: reader.fault(value.place, "\(path) is not executable: chmod +x makes it so")
        case .missing: reader.fault(value.place, "there is neither a directory nor a script \(path)")
        case .other: reader.fault(value.place, "\(path) is neither a directory nor a script")
        case .refused(let why): reader.fault(value.place, "\(path) cannot be read: \(why)")
        }
        return nil
      }, text: { TOMLText.string($0.path) })
  }
}

extension Reader {
  /// Where the program of a command is: in PATH where its name has no slash.
  /// - Returns: an absolute path; nil where it is not there, which has been said.
  func program(_ name: String, _ place: Place) -> String? {
    guard FilePath.hasSlash(name) else {
      // A relative directory of PATH would be another one for each place that this is started from.
      let found = system.searchPath.filter(FilePath.isAbsolute).map { absolute($0 + "/" + name) }
        .first { system.look($0) == .file(isExecutable: true) }
      if found == nil {
        fault(place, "there is no program \(name) in PATH (\(system.searchPath.joined(separator: ":")))")
      }
      return found
    }
    let path = absolute(name)
    switch system.look(path) {
    case .file(isExecutable: true): return path
    case .file: fault(place, "\(path) is not executable: chmod +x makes it so")
    case .missing: fault(place, "there is no program \(path)")
    case .directory, .other: fault(place, "\(path) is no program")
    case .refused(let why): fault(place, "\(path) cannot be looked at: \(why)")
    }
    return nil
  }
}
