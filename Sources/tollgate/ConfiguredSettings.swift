// From what a configuration says to what the gateway is told: one function for each table. How the server itself runs
// (`log`, `access_log`, `access_log_format`, `pid_file`, `drain`) is in ServedConfiguration.

import CGI
import Configuration
import Gateway
import Kernel
import StaticFiles

struct ConfiguredSettings {
  private let file: ConfigurationFile
  private let name: String
  private var faults: [ConfigurationFault] = []

  /// The gateway's settings, all but the place of its spawner. Opens the directories that are named, and looks the
  /// hosts up.
  /// - Parameters:
  ///   - file: a configuration that is right; what has changed since it was read is a fault here.
  ///   - name: of the file, for faults.
  static func make(_ file: ConfigurationFile, name: String) throws(UnusableConfiguration) -> Settings {
    // Each route keeps its directory open.
    ThisProcess.raiseDescriptorLimit()
    var made = ConfiguredSettings(file, name: name)
    var settings = made.server(file.server)
    settings.pools = file.pools.compactMap { made.pool($0) }
    settings.routes = file.routes.map { made.route($0, table: "route") }
    settings.sites = file.sites.map { made.site($0) }
    if !made.faults.isEmpty { throw UnusableConfiguration(made.faults, in: name) }
    return settings
  }

  private init(_ file: ConfigurationFile, name: String) {
    self.file = file
    self.name = name
  }

  private mutating func fault(_ line: Int, _ key: String, _ words: String) {
    faults.append(ConfigurationFault(file: name, line: line, column: 1, key: key, words: words))
  }

  private mutating func address(_ text: String, _ line: Int, _ key: String) -> SocketAddress? {
    do throws(SocketAddress.Malformed) {
      return try SocketAddress(parsing: text)
    } catch {
      fault(line, key, error.description)
      return nil
    }
  }

  // MARK: [server]

  private mutating func server(_ section: ServerSection) -> Settings {
    var settings = Settings()
    settings.listen = addresses(section)
    settings.loops = section.loops
    settings.limits = limits(section)
    return settings
  }

  /// Where is listened. Two names of one address would look for each other as for another server.
  private mutating func addresses(_ section: ServerSection) -> [SocketAddress] {
    var names: [String: String] = [:]
    return section.listen.compactMap { name in
      guard let address = address(name, section.line, "server.listen") else { return nil }
      // The port 0 is another one each time.
      if address.isUnix || address.port != 0, let same = names.updateValue(name, forKey: address.text) {
        fault(section.line, "server.listen", "\(same) and \(name) are the same address")
      }
      return address
    }
  }

  private func limits(_ section: ServerSection) -> Limits {
    var limits = Limits()
    limits.fileCacheBytes = section.fileCacheBytes
    limits.connections = section.connections
    limits.head.requestLineBytes = section.requestLineBytes
    limits.head.headBytes = section.requestHeadBytes
    limits.head.fieldCount = section.requestFields
    limits.headTimeout = section.headTimeoutNanoseconds
    limits.idleTimeout = section.idleTimeoutNanoseconds
    limits.sendTimeout = section.sendTimeoutNanoseconds
    limits.bodyMemoryBytes = section.bodyMemoryBytes
    limits.spoolDirectory = section.spoolDirectory
    limits.spoolTotalBytes = section.spoolTotalBytes
    limits.bodyBytesPerSecond = section.bodyRateBytes
    return limits
  }

  // MARK: [pool.NAME]

  private mutating func pool(_ section: PoolSection) -> PoolSettings? {
    guard let source = source(section) else { return nil }
    var pool = PoolSettings(name: section.name, source: source)
    pool.timeout = section.timeoutNanoseconds
    pool.queue = section.queue
    pool.queueTimeout = section.queueTimeoutNanoseconds
    return pool
  }

  private mutating func source(_ section: PoolSection) -> PoolSettings.Source? {
    if let text = section.connect.first {
      guard let address = address(text, section.line, "pool.\(section.name).connect") else { return nil }
      return .connect(address, connections: section.maxConnections)
    }
    return .command(
      program: section.program, arguments: Array(section.command.dropFirst()), directory: file.directory,
      environment: section.environment.map {
        RequestContext.Variable(name: Array($0.name.utf8), value: Array($0.value.utf8))
      }, workers: section.workers)
  }

  // MARK: [[site]]

  private mutating func site(_ section: SiteSection) -> SiteSettings {
    SiteSettings(hosts: section.hosts, routes: section.routes.map { route($0, table: "site.route") })
  }

  // MARK: [[route]]

  private mutating func route(_ section: RouteSection, table: String) -> Route {
    var route = Route(path: section.path, bill: BillMode(section.bill))
    route.deny = section.deny.map { Glob($0) }
    route.match = section.match.map { Glob($0) }
    route.environment = section.environment.map { ($0.name, $0.value) }
    route.maxBodyBytes = section.maxBodyBytes
    if let directory = section.staticDirectory {
      route.files = root(directory, section, "\(table).static", index: section.index, listing: section.listing)
    }
    if let scripts = section.cgi {
      route.runs = program(scripts, section, "\(table).cgi").map { .scripts($0) }
    } else if let pool = section.fastcgi, let index = file.pools.firstIndex(where: { $0.name == pool }) {
      route.runs = .pool(index)
    }
    return route
  }

  private mutating func root(
    _ directory: String, _ section: RouteSection, _ key: String, index: [String] = [], listing: Bool = false
  ) -> FileRoot? {
    do throws(Errno) {
      // What is opened now, programs are told by name: where a link leads to, not the link, which may change.
      return try FileRoot(path: try canonicalPath(directory), index: index, listing: listing)
    } catch {
      fault(section.line, key, "the directory \(directory) cannot be opened: \(error)")
      return nil
    }
  }

  private mutating func program(
    _ scripts: ScriptSetting, _ section: RouteSection, _ key: String
  ) -> ProgramSettings? {
    var program: ProgramSettings
    switch scripts {
    case .directory(let directory):
      guard let root = root(directory, section, key) else { return nil }
      program = ProgramSettings(directory: root.path, root: root, documentRoot: "")
    case .script(let path):
      do throws(Errno) {
        program = try ProgramSettings(script: path, documentRoot: "")
      } catch {
        fault(section.line, key, "the script \(path) cannot be found: \(error)")
        return nil
      }
    }
    program.timeout = section.timeoutNanoseconds
    program.concurrency = section.concurrency
    program.queue = section.queue
    program.queueTimeout = section.queueTimeoutNanoseconds
    return program
  }
}

extension BillMode {
  fileprivate init(_ setting: BillSetting) {
    self =
      switch setting {
      case .off: .off
      case .head: .head
      case .full: .full
      }
  }
}
