// What a configuration comes to, for people: every route of every site, and the pools.

import Configuration
import Presentation

struct ConfigurationText {
  private let file: ConfigurationFile
  private let name: String

  /// - Parameter name: the file's.
  init(_ file: ConfigurationFile, name: String) {
    self.file = file
    self.name = name
  }

  func text(_ terminal: Terminal) -> String {
    let routes = file.routes.count + file.sites.map(\.routes.count).reduce(0, +)
    var lines = [
      "\(Terminal.printable(name)) is right: \(counted(routes, "route")), \(counted(file.pools.count, "pool"))"
    ]
    lines.append("It listens on " + file.server.listen.map(Terminal.printable).joined(separator: ", "))
    lines.append("")
    lines += table(routeTable(), terminal)
    if !file.pools.isEmpty {
      lines.append("")
      lines += table(poolTable(), terminal)
    }
    return lines.map { $0 + "\n" }.joined()
  }

  /// The routes with their models, for the announcement of a server; of many the first alone.
  func brief() -> String {
    let all = file.routes.map { ("", $0) } + file.sites.flatMap { site in site.routes.map { (site.hosts[0], $0) } }
    var table = TextTable(columns: [.left, .left])
    for (host, route) in all.prefix(Self.briefRoutes) {
      let pool = route.fastcgi.map { ", pool \($0)" } ?? ""
      table.add([Terminal.printable(host + route.path), Terminal.printable(model(route) + pool)])
    }
    var lines = [counted(all.count, "route") + ", " + counted(file.pools.count, "pool") + ":"] + table.lines(indent: 2)
    if all.count > Self.briefRoutes {
      let left = Words.count(Int64(all.count - Self.briefRoutes))
      lines.append("  and \(left) more: tollgate check --config \(Terminal.printable(name)) shows all")
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private static let briefRoutes = 20

  /// The lines of a table, the first of them its header.
  private func table(_ table: TextTable, _ terminal: Terminal) -> [String] {
    var lines = table.lines()
    lines[0] = terminal.coloured(lines[0], .bold)
    return lines
  }

  private func routeTable() -> TextTable {
    var table = TextTable(columns: Array(repeating: .left, count: 6))
    table.add("SITE", "PATH", "MODEL", "BY", "LIMITS", "ACCESS")
    let other = file.sites.isEmpty ? "any host" : "other hosts"
    for route in file.routes { table.add(cells(route, site: other)) }
    for site in file.sites {
      for route in site.routes { table.add(cells(route, site: site.hosts.joined(separator: " "))) }
    }
    return table
  }

  private func cells(_ route: RouteSection, site: String) -> [String] {
    [site, route.path, model(route), by(route), limits(route), "auth none"].map(Terminal.printable)
  }

  private func model(_ route: RouteSection) -> String { route.models.joined(separator: "+") }

  /// Where the answers come from.
  private func by(_ route: RouteSection) -> String {
    var parts: [String] = []
    if let directory = route.staticDirectory, route.cgi == nil { parts.append(directory) }
    if let cgi = route.cgi { parts.append(cgi.path) }
    if let pool = route.fastcgi { parts.append("pool \(pool)") }
    var text = parts.joined(separator: ", ")
    if route.listing { text += ", listed" }
    if !route.match.isEmpty { text += " (\(route.match.joined(separator: " ")))" }
    return text
  }

  /// By the names of the keys that set them.
  private func limits(_ route: RouteSection) -> String {
    var parts: [String] = []
    if route.cgi != nil {
      parts.append("concurrency \(route.concurrency)")
      parts += waiting(route.queue, route.queueTimeoutNanoseconds, route.timeoutNanoseconds)
    }
    parts.append("max_body \(Quantity.size(route.maxBodyBytes))")
    return parts.joined(separator: ", ")
  }

  private func waiting(_ queue: Int, _ queueTimeout: Int64, _ timeout: Int64) -> [String] {
    ["queue \(queue)", "queue_timeout \(Quantity.time(queueTimeout))", "timeout \(Quantity.time(timeout))"]
  }

  private func poolTable() -> TextTable {
    var table = TextTable(columns: [.left, .left, .left])
    table.add("POOL", "BY", "LIMITS")
    for pool in file.pools {
      let by =
        pool.command.isEmpty
        ? "connects to \(pool.connect.joined(separator: " "))"
        : ([pool.program] + pool.command.dropFirst()).joined(separator: " ")
      let places = pool.command.isEmpty ? "max_connections \(pool.maxConnections)" : "workers \(pool.workers)"
      let limits = [places] + waiting(pool.queue, pool.queueTimeoutNanoseconds, pool.timeoutNanoseconds)
      table.add([pool.name, by, limits.joined(separator: ", ")].map(Terminal.printable))
    }
    return table
  }

  private func counted(_ count: Int, _ noun: String) -> String {
    "\(Words.count(Int64(count))) \(noun)\(count == 1 ? "" : "s")"
  }
}

extension RouteSection {
  /// Its models, by the keys that name them.
  var models: [String] {
    let program = cgi != nil ? "cgi" : fastcgi != nil ? "fastcgi" : nil
    return [staticDirectory == nil ? nil : "static", program].compactMap { $0 }
  }
}
