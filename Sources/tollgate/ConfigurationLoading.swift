// Reads a configuration file, and answers what the configuration asks the system.

import CGI
import Configuration
import Kernel

extension ConfigurationFile {
  /// Reads the configuration file of this path.
  /// - Throws: `Errno` where it cannot be read.
  static func load(_ path: String) throws(Errno) -> ConfigurationOutcome {
    let resolved = try canonicalPath(path)
    let opened = try root().open(belowRoot(resolved), .read, cachedOnly: false)
    let status = try FileStatus(of: opened.raw)
    guard status.kind == .regular else { throw status.kind == .directory ? .isDirectory : .invalidArgument }
    // One byte more than it may have, so that it is seen to be too long.
    let text = try readAt(opened.raw, offset: 0, count: maximumBytes + 1)
    // Relative paths go by the file's own place, not by that of a link to it.
    let folder = resolved.utf8[..<(resolved.utf8.lastIndex(of: UInt8(ascii: "/")) ?? resolved.startIndex)]
    return parse(text: text, file: path, directory: "/" + (String(folder.dropFirst()) ?? ""), system: .thisSystem)
  }

  fileprivate static func root() throws(Errno) -> RootDirectory { try RootDirectory("/") }

  /// An absolute path as `RootDirectory` takes it.
  fileprivate static func belowRoot(_ path: String) -> [UInt8] {
    let rest = path.utf8.drop { $0 == UInt8(ascii: "/") }
    return rest.isEmpty ? [UInt8(ascii: ".")] : Array(rest)
  }
}

extension SystemQuestions {
  /// The answers of the system that this process runs on, for the user that it runs as.
  static var thisSystem: SystemQuestions {
    SystemQuestions(
      look: { look($0) }, canonicalPath: { try? Kernel.canonicalPath($0) },
      searchPath: (ThisProcess.environment("PATH") ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        .map(String.init),
      isComputedVariable: { MetaVariables.isComputed(Array($0.utf8)) })
  }

  private static func look(_ path: String) -> Found {
    do throws(Errno) {
      // Resolved first: below a root, links with an absolute path are refused.
      let resolved = try Kernel.canonicalPath(path)
      let opened = try ConfigurationFile.root()
        .open(ConfigurationFile.belowRoot(resolved), .inspect, cachedOnly: false)
      switch try FileStatus(of: opened.raw).kind {
      case .directory:
        _ = try RootDirectory(resolved)
        return .directory
      case .regular: return .file(isExecutable: mayExecute(opened.raw))
      case .link, .other: return .other
      }
    } catch {
      switch error {
      case .noSuchFileOrDirectory, .notDirectory: return .missing
      default: return .refused(error.description)
      }
    }
  }
}
