// Which site a request is for, by the name of its host.

import HTTPWire

/// The names of hosts that sites have, and where each leads.
struct HostTable: Sendable {
  private struct Row: Sendable {
    /// In lower case and without the dot at its end; of a wildcard what follows the `*`.
    var name: [UInt8]
    var site: Int
  }

  /// Both in the order of their bytes.
  private let names: [Row]
  private let suffixes: [Row]

  /// - Parameter sites: the names of each site. `*.example.org` stands for every host below `example.org`, one label or
  ///   more, and not for `example.org`. A name that several sites claim is the first one's.
  init(_ sites: [[String]]) {
    var names: [Row] = []
    var suffixes: [Row] = []
    for (site, hosts) in sites.enumerated() {
      for host in hosts {
        var name = host.utf8.map(Self.lowercase)
        if name.count > 1, name.last == UInt8(ascii: ".") { name.removeLast() }
        let isWildcard = name.starts(with: "*.".utf8)
        if isWildcard { name.removeFirst() }
        if (isWildcard ? suffixes : names).contains(where: { $0.name == name }) { continue }
        if isWildcard {
          suffixes.append(Row(name: name, site: site))
        } else {
          names.append(Row(name: name, site: site))
        }
      }
    }
    self.names = names.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    self.suffixes = suffixes.sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }

  /// The site of a host: that of the name itself, else of the longest wildcard. The port does not count, nor does the
  /// case of letters (RFC 9110, section 4.2.3), nor one dot at the name's end.
  /// - Parameter authority: where `host[:port]` stands in `bytes`.
  func site(of authority: Range<Int>, in bytes: Span<UInt8>) -> Int? {
    guard var host = Authority.host(bytes, authority) else { return nil }
    if host.count > 1, bytes[host.upperBound - 1] == UInt8(ascii: ".") { host = host.lowerBound..<host.upperBound - 1 }
    if let row = Self.find(host, in: bytes, names) { return row.site }
    if suffixes.isEmpty || bytes[host.lowerBound] == UInt8(ascii: ".") { return nil }
    // From the left, so that the longest comes first.
    for index in host where bytes[index] == UInt8(ascii: ".") {
      if let row = Self.find(index..<host.upperBound, in: bytes, suffixes) { return row.site }
    }
    return nil
  }

  private static func find(_ range: Range<Int>, in bytes: Span<UInt8>, _ rows: [Row]) -> Row? {
    var low = 0
    var high = rows.count
    while low < high {
      let middle = (low + high) / 2
      let order = compare(range, in: bytes, rows[middle].name)
      if order == 0 { return rows[middle] }
      if order < 0 { high = middle } else { low = middle + 1 }
    }
    return nil
  }

  /// Negative where the bytes come before `name`, zero where they are the same but for the case of letters.
  private static func compare(_ range: Range<Int>, in bytes: Span<UInt8>, _ name: [UInt8]) -> Int {
    for index in 0..<min(range.count, name.count) {
      let difference = Int(lowercase(bytes[range.lowerBound + index])) - Int(name[index])
      if difference != 0 { return difference }
    }
    return range.count - name.count
  }

  private static func lowercase(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }
}
