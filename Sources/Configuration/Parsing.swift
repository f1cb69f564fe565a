// From the text of a configuration to its values, and everything that is wrong with it.

extension ConfigurationFile {
  /// The longest configuration that is read, in bytes.
  public static let maximumBytes = 1 << 20

  /// Reads a configuration.
  /// - Parameters:
  ///   - text: TOML 1.0. Over `maximumBytes` it is refused.
  ///   - file: the name that faults begin with.
  ///   - directory: what relative paths are relative to: absolute, without symbolic links.
  ///   - system: what is there.
  /// - Returns: the values, or every fault of meaning. Of faults of syntax there is one alone, the first.
  public static func parse(
    text: [UInt8], file: String, directory: String, system: SystemQuestions
  ) -> ConfigurationOutcome {
    let reader = Reader(file: file, directory: directory, system: system)
    guard text.count <= maximumBytes else {
      reader.fault(.start, "has \(text.count) bytes, more than \(maximumBytes)")
      return .refused(reader.faults)
    }
    do throws(TOMLSyntaxFault) {
      let configuration = reader.configuration(try TOMLDocument.read(text))
      if reader.faults.isEmpty { return .accepted(configuration, warnings: inOrder(reader.warnings)) }
    } catch {
      reader.fault(error.place, "this is no TOML: \(error.words)")
    }
    return .refused(inOrder(reader.faults))
  }

  /// By place; at the same place, as they were found.
  private static func inOrder(_ faults: [ConfigurationFault]) -> [ConfigurationFault] {
    faults.enumerated().sorted { left, right in
      (left.element.line, left.element.column, left.offset) < (right.element.line, right.element.column, right.offset)
    }.map(\.element)
  }
}

extension Reader {
  private static let tables = ["server", "pool", "route", "site"]

  /// Reads the document's own table.
  fileprivate func configuration(_ entries: [TOMLEntry]) -> ConfigurationFile {
    var file = ConfigurationFile()
    file.directory = directory
    for entry in entries where !Self.tables.contains(entry.key) {
      key = TOMLText.key(entry.key)
      unknownTable(entry)
    }
    func value(_ name: String) -> TOMLValue? { entries.first { $0.key == name }?.value }
    if let server = value("server") { file.server = self.server(server) }
    let pools = value("pool").map(self.pools) ?? []
    file.pools = pools.map(\.section)
    // One whose own value is wrong is there all the same, so that one mistake is one fault.
    var names: [String] = []
    if case .table(let entries) = value("pool")?.content { names = entries.map(\.key) }
    var used: Set<String> = []
    file.routes = routes(value("route"), name: "route", pools: names, used: &used)
    file.sites = value("site").map { sites($0, pools: names, used: &used) } ?? []
    if isNothing(value("route")), isNothing(value("site")) {
      fault(.start, key: "route", "there is none: a [[route]] with a path and «static», «cgi» or «fastcgi» is needed")
    }
    for pool in pools where !used.contains(pool.section.name) {
      warn(pool.place, key: pool.name, "no route uses this pool")
    }
    return file
  }

  /// A key at the top level that is none of the tables.
  private func unknownTable(_ entry: TOMLEntry) {
    if belongsElsewhere(entry) { return }
    let headers = ["server": "[server]", "pool": "[pool.NAME]", "route": "[[route]]", "site": "[[site]]"]
    let meant = NearestName.of(entry.key, among: Self.tables).flatMap { headers[$0] }
    let known = "the tables are [server], [pool.NAME], [[route]] and [[site]]"
    fault(entry.place, "unknown key; " + (meant.map { "did you mean \($0)?" } ?? known))
  }

  /// Whether there is no table in an array of tables, or no such array.
  private func isNothing(_ tables: TOMLValue?) -> Bool { tables == nil || tables?.content == .array([]) }

  /// The entries of a table; nil where the value is none, which is said.
  private func table(_ value: TOMLValue, _ name: String, wanted: String) -> [TOMLEntry]? {
    if case .table(let entries) = value.content { return entries }
    fault(value.place, key: name, "must be \(wanted), not \(value.described)")
    return nil
  }

  /// The tables of an array of tables.
  private func tables(_ value: TOMLValue?, _ name: String) -> [(entries: [TOMLEntry], place: Place)] {
    guard let value else { return [] }
    let wanted = "a list of tables, each begun by [[\(name)]]"
    guard case .array(let elements) = value.content else {
      fault(value.place, key: name, "must be \(wanted), not \(value.described)")
      return []
    }
    return elements.compactMap { element in
      table(element, name, wanted: "a table, begun by [[\(name)]]").map { ($0, element.place) }
    }
  }

  private func server(_ value: TOMLValue) -> ServerSection {
    guard let entries = table(value, "server", wanted: "a table, begun by [server]") else { return ServerSection() }
    var read = read(ServerSection.self, entries, value.place, name: "server")
    read.section.line = value.place.line
    var seen: Set<String> = []
    if case .array(let elements) = read.entries["listen"]?.value.content {
      for case (.string(let text), let place) in elements.map({ ($0.content, $0.place) }) {
        let address = text.hasPrefix("unix:") ? "unix:" + absolute(String(text.dropFirst(5))) : text.lowercased()
        if !seen.insert(address).inserted {
          fault(place, key: "server.listen", "\(TOMLText.string(text)) stands there twice")
        }
      }
    }
    return read.section
  }

  private func pools(_ value: TOMLValue) -> [ReadSection<PoolSection>] {
    guard let entries = table(value, "pool", wanted: "a table of pools, each begun by [pool.NAME]") else { return [] }
    let pools = entries.compactMap { entry -> ReadSection<PoolSection>? in
      let name = "pool.\(TOMLText.key(entry.key))"
      // A key right below [pool] would be read as a pool's name.
      let wanted = "a table, begun by [\(name)]"
      guard let keys = table(entry.value, name, wanted: wanted) else { return nil }
      if !TOMLText.isBareKey(entry.key) || entry.key.utf8.count > 64 {
        fault(entry.place, key: name, "the name of a pool has 1 to 64 letters, digits, hyphens and underscores")
      }
      var read = read(PoolSection.self, keys, entry.value.place, name: name)
      read.section.name = entry.key
      read.section.line = entry.value.place.line
      judge(&read)
      return read
    }
    return pools.sorted { $0.place < $1.place }
  }

  private func routes(
    _ value: TOMLValue?, name: String, pools: [String], used: inout Set<String>
  ) -> [RouteSection] {
    // By their bytes: strings that look the same are equal to Swift.
    var lines: [[UInt8]: Int] = [:]
    return tables(value, name).map { entries, place in
      var read = read(RouteSection.self, entries, place, name: name)
      read.section.line = place.line
      judge(read, pools: pools)
      if let pool = read.section.fastcgi { used.insert(pool) }
      let path = read.section.path
      if let first = lines[Array(path.utf8)], !path.isEmpty {
        fault(
          read.place(ofValue: "path"), key: "\(name).path",
          "\(TOMLText.string(path)) is the path of the route on line \(first) too: each path has one route")
      } else {
        lines[Array(path.utf8)] = place.line
      }
      return read.section
    }
  }

  private func sites(_ value: TOMLValue, pools: [String], used: inout Set<String>) -> [SiteSection] {
    var lines: [String: Int] = [:]
    var sites: [SiteSection] = []
    for (entries, place) in tables(value, "site") {
      var read = read(SiteSection.self, entries, place, name: "site", handled: ["route"])
      read.section.line = place.line
      judgeHosts(read, &lines)
      let routes = entries.first { $0.key == "route" }?.value
      if isNothing(routes) { fault(place, key: "site", "has no route: it needs at least one [[site.route]]") }
      read.section.routes = self.routes(routes, name: "site.route", pools: pools, used: &used)
      sites.append(read.section)
    }
    return sites
  }

  /// Each host belongs to one site.
  private func judgeHosts(_ site: ReadSection<SiteSection>, _ lines: inout [String: Int]) {
    guard case .array(let elements) = site.entries["hosts"]?.value.content else { return }
    for case (.string(let text), let place) in elements.map({ ($0.content, $0.place) }) {
      let host = text.lowercased()
      if let first = lines[host] {
        let words = first == site.place.line ? "stands there twice" : "is a host of the site on line \(first) too"
        fault(place, key: "site.hosts", "\(TOMLText.string(text)) \(words)")
      } else {
        lines[host] = site.place.line
      }
    }
  }
}
