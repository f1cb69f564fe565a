/// The routes, the longest path first.
struct RouteTable: Sendable {
  enum Match {
    /// The route, by its index in the table.
    case route(Int)
    /// The path lacks the slash that only a route of that name has.
    case lacksSlash
    case none
  }

  let routes: [Route]
  /// Apart from the routes, since every request asks for these two: an array of whole routes would be copied from.
  let prefixes: [[UInt8]]
  let bills: [BillMode]

  init(_ routes: [Route]) {
    self.routes = routes.sorted { $0.pathBytes.count > $1.pathBytes.count }
    prefixes = self.routes.map(\.pathBytes)
    bills = self.routes.map(\.bill)
  }

  /// Finds the route for a decoded path: the longest that it begins with, by whole segments, bytes compared.
  func match(_ path: [UInt8]) -> Match {
    for index in prefixes.indices {
      let prefix = prefixes[index]
      if begins(path, with: prefix, count: prefix.count) { return .route(index) }
      // `/wiki` for the route `/wiki/`.
      if path.count == prefix.count - 1, begins(path, with: prefix, count: path.count) { return .lacksSlash }
    }
    return .none
  }

  /// The names of what other routes serve in a directory: the files that the names stand for on disk are not theirs.
  func names(below directory: [UInt8]) -> Set<[UInt8]> {
    var names: Set<[UInt8]> = []
    for prefix in prefixes where prefix.count > directory.count + 1 && prefix.starts(with: directory) {
      let name = prefix[directory.count..<(prefix.count - 1)]
      if !name.contains(UInt8(ascii: "/")) { names.insert(Array(name)) }
    }
    return names
  }

  private func begins(_ path: [UInt8], with prefix: [UInt8], count: Int) -> Bool {
    guard path.count >= count else { return false }
    for index in 0..<count where path[index] != prefix[index] { return false }
    return true
  }
}
