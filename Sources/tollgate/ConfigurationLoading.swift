// Reads a configuration file, and answers what the configuration asks the system.

import ArgumentParser
import CGI
import Configuration
import Kernel
import Presentation

/// Why a configuration cannot be used.
struct UnusableConfiguration: Error {
  let code: ExitCode
  /// Everything that is wrong with the file.
  var faults: [ConfigurationFault] = []
  /// One line.
  let words: String

  /// What is said of it, as lines.
  var lines: [String] { faults.map(\.description) + [words] }

  /// Says it on standard error, and gives the error that ends the command.
  func say() -> ExitCode {
    if faults.isEmpty { return failure(code, words) }
    complain(lines)
    return code
  }
}

/// Lines on standard error. They may quote the file, and the file anything.
func complain(_ lines: [String]) {
  let text = lines.map { Terminal.printable($0) + "\n" }.joined()
  try? writeFully(ThisProcess.standardError, Array(text.utf8))
}

extension UnusableConfiguration {
  /// - Parameter faults: at least one.
  init(_ faults: [ConfigurationFault], in path: String) {
    self.init(
      code: Sysexits.configuration, faults: faults,
      words: "\(faults.count) \(faults.count == 1 ? "fault" : "faults") in \(path)")
  }
}

extension ConfigurationFault {
  /// The line that says it as a warning.
  var asWarning: String {
    var marked = self
    marked.words = "warning: " + words
    return marked.description
  }
}

extension ConfigurationFile {
  /// Reads the configuration file of this path.
  /// - Returns: what it says, and what is strange about it.
  static func load(_ path: String) throws(UnusableConfiguration) -> (file: Self, warnings: [ConfigurationFault]) {
    let outcome: ConfigurationOutcome?
    do throws(Errno) {
      outcome = try read(path)
    } catch {
      throw UnusableConfiguration(code: Sysexits.noInput, words: "\(path) cannot be read: \(error)")
    }
    switch outcome {
    case .accepted(let file, let warnings): return (file, warnings)
    case .refused(let faults): throw UnusableConfiguration(faults, in: path)
    case nil:
      throw UnusableConfiguration(code: Sysexits.noInput, words: "\(path) cannot be read: it is no regular file")
    }
  }

  /// - Returns: nil for what is no regular file, whose reading might never end.
  private static func read(_ path: String) throws(Errno) -> ConfigurationOutcome? {
    let resolved = try canonicalPath(path)
    let opened = try root().open(belowRoot(resolved), .read, cachedOnly: false)
    guard try FileStatus(of: opened.raw).kind == .regular else { return nil }
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
      searchPath: (ThisProcess.environment("PATH") ?? MetaVariables.searchPath).split(separator: ":")
        .map(String.init),
      addressObjection: { text in
        do throws(SocketAddress.Malformed) {
          _ = try SocketAddress(parsing: text)
          return nil
        } catch {
          return error.description
        }
      },
      fileObjection: { directory in
        do throws(Errno) {
          _ = try openTemporary(in: directory)
          return nil
        } catch {
          return error.description
        }
      },
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
