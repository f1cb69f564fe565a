// What a request's path comes to below its route: a file, a program, or neither. The one answer to that question, for
// requests that are served and for those that are only explained.

import CGI
import Kernel
import StaticFiles

/// What a path comes to.
enum Resolved: Sendable {
  /// The route's files are asked, which run nothing.
  case file
  case program(Script)
  case notExecutable
  /// A segment has a name that the route denies.
  case denied
  /// The route serves nothing, and says why.
  case nothing(String)
  /// It was looked at, and is neither.
  case other(Found)
}

/// A program that answers a request, and how it is called.
struct Script: Sendable {
  /// Relative to the directory of scripts, or of the route's files; empty where a pool answers whatever the path.
  var path: [UInt8] = []
  /// SCRIPT_NAME.
  var name: [UInt8]
  var pathInfo: [UInt8]?
  /// SCRIPT_FILENAME, absolute; empty where there is none.
  var filename: [UInt8] = []
  /// DOCUMENT_ROOT; empty where there is none.
  var documentRoot: [UInt8]
  var status: FileStatus?
  /// What runs it, where that was asked for and could be read.
  var interpreter: [UInt8]?
}

/// A route as requests are served by it. An object, so that whoever looks it up copies nothing.
final class ServedRoute: Sendable {
  private enum Way: Sendable {
    case nothing(String)
    case files
    /// A pool answers, whatever is below the path.
    case pool
    /// A script does.
    case script(FileRoot, [UInt8])
    /// The first segment that is a file says what answers.
    case walk(FileRoot)
  }

  let settings: Route
  /// Its place in the table.
  let number: Int
  /// The routes that serve the same hosts.
  let siblings: Range<Int>
  /// Its path, in bytes.
  let prefix: [UInt8]
  /// Where in a request's path the part begins that is below the route's.
  let below: Int
  /// Its files; an index that is denied or run is none of theirs.
  let files: FileRoot?
  /// What the programs are told besides what is computed.
  let environment: [RequestContext.Variable]
  private let way: Way
  /// The names that may stand for a directory, programs' included.
  private let index: [[UInt8]]
  private let documentRoot: [UInt8]

  init(_ settings: Route, number: Int, siblings: Range<Int>) {
    self.settings = settings
    self.number = number
    self.siblings = siblings
    prefix = Array(settings.path.utf8)
    below = prefix.last == UInt8(ascii: "/") ? prefix.count : prefix.count + 1
    environment = settings.environment.map { RequestContext.Variable(name: Array($0.utf8), value: Array($1.utf8)) }
    documentRoot = Array((settings.files?.path ?? settings.scripts?.documentRoot ?? "").utf8)
    way = Self.way(settings)
    index = settings.files?.index.filter { name in !settings.deny.contains { $0.matches(name[...]) } } ?? []
    if case .walk = way {
      let plain = index.filter { !settings.runs($0[...]) }
      files = settings.files?.withIndex(plain)
    } else {
      files = settings.files?.withIndex(index)
    }
  }

  private static func way(_ settings: Route) -> Way {
    if let words = settings.nothing { return .nothing(words) }
    switch settings.runs {
    case nil:
      precondition(settings.files != nil, "the route \(settings.path) serves nothing and does not say why")
      return .files
    case .pool where settings.match.isEmpty: return .pool
    case .pool:
      guard let files = settings.files else { preconditionFailure("the route \(settings.path) has nothing to match") }
      return .walk(files)
    case .scripts(let program):
      if let script = program.script { return .script(program.root, Array(script.utf8)) }
      return .walk(program.root)
    }
  }

  // MARK: Paths

  /// Says what a request's path comes to.
  /// - Parameters:
  ///   - path: decoded and resolved; the route's own path begins it.
  ///   - mayWait: whether to wait for the disk, so that the answer is never `.other(.wouldWait)`, and a script comes
  ///     with its interpreter where the route's bill says it.
  func resolve(_ path: [UInt8], mayWait: Bool) -> Resolved {
    if denies(path) { return .denied }
    switch way {
    case .nothing(let words): return .nothing(words)
    case .files: return lacksSlash(path) ? .other(.directoryWithoutSlash) : .file
    case .pool: return .program(everything(path))
    case .script(let root, let name):
      return switch root.inspect(name, mayWait: mayWait) {
      case .file(let status, let executable):
        run(everything(path), root, name, status, executable: executable, mayWait: mayWait)
      case .directory: .other(.notFound)
      case .other(let found): .other(found)
      }
    case .walk(let root): return walk(root, path, mayWait: mayWait)
    }
  }

  /// Whether the path is that of a route without a slash at its end, where its directory would have one.
  private func lacksSlash(_ path: [UInt8]) -> Bool { path.count < below }

  private func denies(_ path: [UInt8]) -> Bool {
    if settings.deny.isEmpty || lacksSlash(path) { return false }
    return path[below...].split(separator: UInt8(ascii: "/")).contains { hides($0) }
  }

  /// Whether a name is denied, so that it stands in no listing either.
  func hides(_ name: ArraySlice<UInt8>) -> Bool { settings.deny.contains { $0.matches(name) } }

  /// The call of what answers all that is below the route's path: that path is the script's name, the rest PATH_INFO.
  private func everything(_ path: [UInt8]) -> Script {
    let name = prefix.last == UInt8(ascii: "/") ? prefix.dropLast() : prefix[...]
    let rest = path[name.count...]
    return Script(name: Array(name), pathInfo: rest.isEmpty ? nil : Array(rest), documentRoot: documentRoot)
  }

  /// The first segment, from the left, that is a file decides (RFC 3875, section 3.3). Of what follows it nothing is
  /// looked at: `upload.jpg/x.php` is not run, whatever its last segment is called.
  private func walk(_ root: FileRoot, _ path: [UInt8], mayWait: Bool) -> Resolved {
    if lacksSlash(path) { return directory(root, path, mayWait: mayWait) }
    var file: (status: FileStatus, executable: Bool, name: ArraySlice<UInt8>)?
    var refusal = Found.notFound
    let location = ScriptPath.locate(path, from: below) { end in
      let start = path[..<end].lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
      if FileRoot.hides(path, segmentAt: start, below: below) { return .missing }
      switch root.inspect(Array(path[below..<end]), mayWait: mayWait) {
      case .directory: return .directory
      case .file(let status, let executable):
        file = (status, executable, path[start..<end])
        return .file
      case .other(let found):
        refusal = found
        return .forbidden
      }
    }
    switch location {
    case .script(let end, let pathInfo):
      guard let file else { preconditionFailure("a file that was not looked at") }
      if settings.runs(file.name) {
        let script = Script(
          name: Array(path[..<end]), pathInfo: pathInfo.map { Array(path[$0]) }, documentRoot: documentRoot)
        return run(
          script, root, Array(path[below..<end]), file.status, executable: file.executable, mayWait: mayWait)
      }
      return files == nil || pathInfo != nil ? .other(.notFound) : .file
    case .directory: return directory(root, path, mayWait: mayWait)
    case .notFound, .forbidden: return .other(refusal)
    }
  }

  /// A directory is its first index, which may be a program.
  private func directory(_ root: FileRoot, _ path: [UInt8], mayWait: Bool) -> Resolved {
    if files == nil { return .other(.notFound) }
    if path.last != UInt8(ascii: "/") { return .other(.directoryWithoutSlash) }
    for name in index {
      let file = path[below...] + name
      switch root.inspect(Array(file), mayWait: mayWait) {
      case .file(let status, let executable):
        guard settings.runs(name[...]) else { return .file }
        let script = Script(name: path + name, pathInfo: nil, documentRoot: documentRoot)
        return run(script, root, Array(file), status, executable: executable, mayWait: mayWait)
      case .directory, .other(.notFound): continue
      case .other(let found): return .other(found)
      }
    }
    return .file
  }

  /// A file is run, by a process of its own if it may be executed, or by a worker, which reads it.
  private func run(
    _ script: Script, _ root: FileRoot, _ file: [UInt8], _ status: FileStatus, executable: Bool, mayWait: Bool
  ) -> Resolved {
    var script = script
    script.path = file
    script.filename = Self.absolute(root.path, file)
    script.status = status
    if case .scripts = settings.runs {
      if !executable { return .notExecutable }
      if mayWait, settings.bill != .off {
        script.interpreter = Scripts.interpreter(root, file, status, mayWait: true)
      }
    }
    return .program(script)
  }

  static func absolute(_ directory: String, _ path: [UInt8]) -> [UInt8] {
    var whole = Array(directory.utf8)
    if whole.last != UInt8(ascii: "/") { whole.append(UInt8(ascii: "/")) }
    return whole + path
  }

  // MARK: Refusals

  /// What a client is told of a path that comes to neither file nor program.
  func refusal(of found: Found) -> (status: Int, words: String) {
    let (thing, read) = files == nil ? ("script", "run") : ("file", "read")
    return switch found {
    case .forbidden: (403, "This may not be \(read).")
    case .failed(let error): (error.isOutOfDescriptors ? 503 : 500, "The \(thing) could not be opened.")
    default: (404, "There is no such \(thing).")
    }
  }

  static let notExecutable = (status: 403, words: "The script may not be executed.")
}

extension Route {
  /// Whether a file of this name is run.
  fileprivate func runs(_ name: ArraySlice<UInt8>) -> Bool {
    match.isEmpty || match.contains { $0.matches(name) }
  }
}
