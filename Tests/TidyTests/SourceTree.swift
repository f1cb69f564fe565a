// The tree that the tidy tests read: where it is, and which of its files are somebody's work.
import Foundation

/// A file of the tree.
struct SourceFile {
  /// The path from the root, with slashes.
  let path: String
  let text: String

  /// The last component of the path.
  var name: String { String(path.split(separator: "/").last ?? "") }

  /// What follows the last dot of the name, or nothing.
  var type: String {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count > 1 ? String(parts[parts.count - 1]) : ""
  }
}

/// One fault that a check found.
struct Fault: CustomStringConvertible, Equatable {
  let path: String
  /// Counted from 1; 0 where the fault is the whole file's.
  let line: Int
  let what: String

  var description: String { line > 0 ? "\(path):\(line): \(what)" : "\(path): \(what)" }
}

enum SourceTree {
  /// The root of the tree: the folder above `Tests/TidyTests/`.
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// Every text file, tracked or not, but for what was built. Anything that is not UTF-8 is no text and not here.
  static let files: [SourceFile] = {
    var found: [SourceFile] = []
    visit(root, prefix: "", into: &found)
    return found.sorted { $0.path < $1.path }
  }()

  /// The names of the folders in `folder`, a path from the root.
  static func folders(in folder: String) throws -> [String] {
    let entries = try FileManager.default.contentsOfDirectory(
      at: root.appendingPathComponent(folder), includingPropertiesForKeys: [.isDirectoryKey])
    return try entries.filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
      .map(\.lastPathComponent).sorted()
  }

  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  private static func visit(_ folder: URL, prefix: String, into found: inout [SourceFile]) {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    for name in entries where name != ".git" && !name.hasPrefix(".build") && name != "Package.resolved" {
      let entry = folder.appendingPathComponent(name)
      let kind = try? entry.resourceValues(forKeys: [.isDirectoryKey, .isRegularFileKey])
      if kind?.isDirectory == true {
        visit(entry, prefix: prefix + name + "/", into: &found)
      } else if kind?.isRegularFile == true, let text = try? String(contentsOf: entry, encoding: .utf8) {
        found.append(SourceFile(path: prefix + name, text: text))
      }
    }
  }
}
