/// All routes: first those of the hosts that no site names, then each site's, the longest path of each first. The place
/// in this order is a route's number.
final class RouteTable: Sendable {
  enum Match {
    /// The route, by its number.
    case route(Int)
    /// The path lacks the slash that only a route of that name has.
    case lacksSlash
    case none
  }

  let routes: [ServedRoute]
  /// Apart from the routes, since every request asks for these.
  let prefixes: [[UInt8]]
  let bills: [BillMode]
  /// What a record calls the route: its path, behind the first host of its site.
  let names: [[UInt8]]
  /// The routes of the hosts that no site names.
  let common: Range<Int>
  let hasSites: Bool
  private let sites: [Range<Int>]
  private let hosts: HostTable

  init(_ common: [Route], sites: [SiteSettings] = []) {
    var routes: [ServedRoute] = []
    var names: [[UInt8]] = []
    func add(_ group: [Route], host: String) -> Range<Int> {
      let range = routes.count..<routes.count + group.count
      for route in group.sorted(by: { $0.path.utf8.count > $1.path.utf8.count }) {
        names.append(Array((host + route.path).utf8))
        routes.append(ServedRoute(route, number: routes.count, siblings: range))
      }
      return range
    }
    self.common = add(common, host: "")
    self.sites = sites.map { add($0.routes, host: $0.hosts.first ?? "") }
    hosts = HostTable(sites.map(\.hosts))
    hasSites = !sites.isEmpty
    self.routes = routes
    self.names = names
    prefixes = routes.map(\.prefix)
    bills = routes.map(\.settings.bill)
  }

  /// The routes that a request chooses from.
  /// - Parameter authority: where the request's `host[:port]` stands in `bytes`; nil where it names none.
  func routes(of authority: Range<Int>?, in bytes: Span<UInt8>) -> Range<Int> {
    guard hasSites, let authority, let site = hosts.site(of: authority, in: bytes) else { return common }
    return sites[site]
  }

  /// Finds the route for a decoded path: the longest that it begins with, by whole segments, bytes compared.
  func match(_ path: [UInt8], in numbers: Range<Int>) -> Match {
    let slash = UInt8(ascii: "/")
    var lacksSlash = false
    for number in numbers {
      let prefix = prefixes[number]
      let endsInSlash = prefix[prefix.count - 1] == slash
      if begins(path, with: prefix, count: prefix.count) {
        guard endsInSlash || path.count == prefix.count || path[prefix.count] == slash else { continue }
        // `/wiki` for the route `/wiki/`, unless there is a route `/wiki` as well.
        return lacksSlash && prefix.count < path.count ? .lacksSlash : .route(number)
      }
      if endsInSlash, path.count == prefix.count - 1, begins(path, with: prefix, count: path.count) {
        lacksSlash = true
      }
    }
    return lacksSlash ? .lacksSlash : .none
  }

  /// The names of what other routes serve in a directory: the files that the names stand for on disk are not theirs.
  func names(below directory: [UInt8], in numbers: Range<Int>) -> Set<[UInt8]> {
    var names: Set<[UInt8]> = []
    for number in numbers where prefixes[number].starts(with: directory) {
      var name = prefixes[number][directory.count...]
      if name.last == UInt8(ascii: "/") { name.removeLast() }
      if !name.isEmpty, !name.contains(UInt8(ascii: "/")) { names.insert(Array(name)) }
    }
    return names
  }

  private func begins(_ path: [UInt8], with prefix: [UInt8], count: Int) -> Bool {
    guard path.count >= count else { return false }
    for index in 0..<count where path[index] != prefix[index] { return false }
    return true
  }
}
