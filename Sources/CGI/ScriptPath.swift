// Where a path stops being the script's name and becomes its PATH_INFO (RFC 3875 3.3, 4.1.5, 4.1.13).

/// What a path names in the file system.
public enum FileKind: Sendable, Equatable {
  /// A regular file.
  case file
  /// A directory.
  case directory
  /// Nothing.
  case missing
  /// Something that may not be looked at, or run.
  case forbidden
}

/// Where a script was found.
public enum ScriptLocation: Sendable, Equatable {
  /// The script is `path[..<end]`; the rest, if any, is its PATH_INFO and begins with `/`.
  case script(end: Int, pathInfo: Range<Int>?)
  /// The path ends at a directory.
  case directory
  /// A segment does not exist.
  case notFound
  /// A segment may not be looked at, or run.
  case forbidden
}

/// Finds a script in a path.
public enum ScriptPath {
  /// Walks the path below a mount: the first segment from the left that is a file is the script.
  ///
  /// - Parameters:
  ///   - path: decoded and resolved.
  ///   - start: where the mount ends, behind its slash or at it.
  ///   - kind: what the first so many bytes of `path` name; asked at the end of each segment, from the left,
  ///     until the answer is not `.directory`.
  public static func locate(_ path: [UInt8], from start: Int, kind: (Int) -> FileKind) -> ScriptLocation {
    let slash = UInt8(ascii: "/")
    var index = start
    while index < path.count {
      if path[index] == slash {
        index += 1
        continue
      }
      while index < path.count, path[index] != slash { index += 1 }
      switch kind(index) {
      case .file: return .script(end: index, pathInfo: index < path.count ? index..<path.count : nil)
      case .directory: continue
      case .missing: return .notFound
      case .forbidden: return .forbidden
      }
    }
    return .directory
  }
}
