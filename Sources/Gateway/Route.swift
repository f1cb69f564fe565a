// What is served under a path: values, as the configuration gives them.

import Kernel
import Processes
import StaticFiles

/// What runs scripts: those of a directory, or one.
public struct ProgramSettings: Sendable {
  /// Where the scripts are, absolute and without symbolic links.
  public let directory: String
  /// The same directory: asked about scripts, which must lie beneath it.
  public let root: FileRoot
  /// The one script, by its name in `directory`, that answers everything below the route's path, which is its
  /// PATH_INFO; nil: the directory's scripts.
  public let script: String?
  /// What DOCUMENT_ROOT and PATH_TRANSLATED begin with, where the route has no files; empty: neither is told.
  public var documentRoot: String
  /// `timeout`: the wait for the program's head, and any silence after it.
  public var timeout: Int64 = 60 * second
  /// `concurrency`: how many run at once.
  public var concurrency = 16
  /// `queue`: how many may wait for a place.
  public var queue = 256
  /// `queue_timeout`: how long one may wait.
  public var queueTimeout: Int64 = 10 * second
  /// From TERM to KILL for a program that ran into its time limit.
  public var killGrace: Int64 = 5 * second
  /// The same for one whose client has left.
  public var leaveGrace: Int64 = 500 * millisecond
  /// The longest head that a program may print.
  public var headBytes = 65_536
  /// The longest line of a program's standard error that the log keeps whole.
  public var errorLineBytes = 8_192

  /// The row of the spawners' table.
  var target: SpawnTarget {
    guard let script else { return .directory(directory) }
    return .program(directory == "/" ? "/" + script : directory + "/" + script)
  }

  /// The scripts of a directory.
  public init(directory: String, root: FileRoot, documentRoot: String) {
    self.directory = directory
    self.root = root
    script = nil
    self.documentRoot = documentRoot
  }

  /// One script. Symbolic links on the way to it are followed now: its directory is where it really stands.
  /// - Throws: what realpath(3) and opening its directory do.
  public init(script path: String, documentRoot: String) throws(Errno) {
    let path = try canonicalPath(path)
    guard let slash = path.lastIndex(of: "/"), slash != path.index(before: path.endIndex) else {
      throw .isDirectory
    }
    directory = slash == path.startIndex ? "/" : String(path[..<slash])
    root = try FileRoot(path: directory, listing: false)
    script = String(path[path.index(after: slash)...])
    self.documentRoot = documentRoot
  }
}

/// One route: a path, and what answers below it. A request is answered by the route with the longest path and by no
/// other, even where it finds nothing there.
public struct Route: Sendable {
  public enum Runs: Sendable {
    /// A process for each request.
    case scripts(ProgramSettings)
    /// A pool of workers, by its index in the settings.
    case pool(Int)
  }

  /// Begins with a slash, and is decoded as a request's path is. `/guestbook` is for `/guestbook` and what is below
  /// it; `/wiki/` for what is below, and who asks for `/wiki` is sent to `/wiki/`.
  public let path: String
  /// `static`: the files that are sent. Together with scripts it is their directory.
  public var files: FileRoot?
  public var runs: Runs?
  /// `match`: of the first segment, from the left, that is a file, the names that are run. Empty: all of them; of a
  /// pool, everything below the path, whether there are files or not. With a pool it needs `files`.
  public var match: [Glob] = []
  /// `deny`: what no segment below the path may be named. It wins over everything else, and is 404.
  public var deny: [Glob] = []
  /// `env`: added to the variables that a program is told. One that is computed is never replaced.
  public var environment: [(name: String, value: String)] = []
  /// `max_body`.
  public var maxBodyBytes = 1 << 30
  /// Says why nothing is served, so that no shorter path serves it either.
  public var nothing: String?
  public var bill: BillMode

  public init(path: String, bill: BillMode = .off) {
    precondition(path.utf8.first == UInt8(ascii: "/"), "a route's path begins with a slash")
    self.path = path
    self.bill = bill
  }

  /// A route that sends the files of a directory.
  public init(path: String, files: FileRoot, bill: BillMode = .off) {
    self.init(path: path, bill: bill)
    self.files = files
  }

  /// A route that runs programs.
  public init(path: String, runs: Runs, bill: BillMode = .off) {
    self.init(path: path, bill: bill)
    self.runs = runs
  }

  /// What runs its scripts; nil where it has none.
  public var scripts: ProgramSettings? {
    if case .scripts(let program) = runs { program } else { nil }
  }
}

/// A virtual host: routes for the hosts that it names.
public struct SiteSettings: Sendable {
  /// Names without a port: `example.org`, or `*.example.org` for all that are below it by one label or more. The name
  /// itself wins over the longest wildcard.
  public var hosts: [String]
  public var routes: [Route]

  public init(hosts: [String], routes: [Route]) {
    self.hosts = hosts
    self.routes = routes
  }
}
