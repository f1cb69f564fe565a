// What a configuration says, as values. What a section does not say has the value that stands here: these are the
// defaults, and the tables of keys take them from here.

/// A whole configuration that is right.
public struct ConfigurationFile: Sendable, Equatable {
  /// What its relative paths are relative to: absolute, without symbolic links.
  public var directory = "/"
  public var server = ServerSection()
  /// In the order of their lines.
  public var pools: [PoolSection] = []
  /// The routes of the hosts that no site names.
  public var routes: [RouteSection] = []
  public var sites: [SiteSection] = []

  public init() {}

  /// The pool of this name.
  public func pool(_ name: String) -> PoolSection? { pools.first { $0.name == name } }
}

/// `[server]`.
public struct ServerSection: Sendable, Equatable {
  /// Where it begins, counted from 1; the document's first line where it is not there.
  public var line = 1
  /// Each `host:port`, `[v6]:port` or `unix:` and an absolute path; none twice.
  public var listen = ["127.0.0.1:8080"]
  /// 0: one a core.
  public var loops = 0
  /// `stderr`, or an absolute path.
  public var log = "stderr"
  /// `-` for standard output, `off`, or an absolute path.
  public var accessLog = "-"
  public var accessLogFormat = AccessLogSetting.combined
  /// An absolute path.
  public var pidFile: String?
  /// How long what runs may go on after the first TERM; nil leaves it to the caller.
  public var drainNanoseconds: Int64?
  public var fileCacheBytes = 64 << 20
  public var connections = 10_000
  public var requestLineBytes = 8 << 10
  public var requestHeadBytes = 32 << 10
  public var requestFields = 100
  public var headTimeoutNanoseconds: Int64 = 10_000_000_000
  public var idleTimeoutNanoseconds: Int64 = 75_000_000_000
  public var sendTimeoutNanoseconds: Int64 = 60_000_000_000
  public var bodyMemoryBytes = 64 << 10
  /// An absolute path.
  public var spoolDirectory = "/var/tmp"
  public var spoolTotalBytes = 4 << 30
  /// A second.
  public var bodyRateBytes = 240

  public init() {}
}

/// `access_log_format`.
public enum AccessLogSetting: String, Sendable, CaseIterable { case combined, json }

/// `bill`.
public enum BillSetting: String, Sendable, CaseIterable { case off, head, full }

/// An environment variable that is set.
public struct EnvironmentVariable: Sendable, Equatable {
  public var name: String
  public var value: String

  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

/// `cgi`: what is run.
public enum ScriptSetting: Sendable, Equatable {
  /// A directory of scripts.
  case directory(String)
  /// One script.
  case script(String)

  /// An absolute path.
  public var path: String {
    switch self {
    case .directory(let path), .script(let path): path
    }
  }
}

/// `[[route]]`, or `[[site.route]]`.
public struct RouteSection: Sendable, Equatable {
  /// Where it begins, counted from 1.
  public var line = 0
  /// Begins with a slash; without empty and dot segments.
  public var path = ""
  /// `static`: an absolute path.
  public var staticDirectory: String?
  public var index = ["index.html"]
  public var listing = false
  public var deny: [String] = []
  public var cgi: ScriptSetting?
  /// The name of a pool that is there.
  public var fastcgi: String?
  /// Empty where everything matches.
  public var match: [String] = []
  public var environment: [EnvironmentVariable] = []
  public var timeoutNanoseconds: Int64 = 60_000_000_000
  public var concurrency = 16
  public var queue = 256
  public var queueTimeoutNanoseconds: Int64 = 10_000_000_000
  public var maxBodyBytes = 1 << 30
  public var bill = BillSetting.off

  public init() {}
}

/// `[pool.NAME]`.
public struct PoolSection: Sendable, Equatable {
  public var line = 0
  public var name = ""
  /// The words of the command: the first as it was written where it has no slash, else an absolute path. Empty where
  /// the pool is one that someone else runs.
  public var command: [String] = []
  /// Where the first word of `command` was found: an absolute path.
  public var program = ""
  public var workers = 4
  public var environment: [EnvironmentVariable] = []
  /// Exactly one address, as in `listen`; empty where the pool has a command.
  public var connect: [String] = []
  public var maxConnections = 8
  public var timeoutNanoseconds: Int64 = 60_000_000_000
  public var queue = 256
  public var queueTimeoutNanoseconds: Int64 = 10_000_000_000

  public init() {}
}

/// `[[site]]`.
public struct SiteSection: Sendable, Equatable {
  public var line = 0
  /// In small letters, without a port; no other site has one of them. `*.` begins one that stands for all below it.
  public var hosts: [String] = []
  public var routes: [RouteSection] = []

  public init() {}
}
