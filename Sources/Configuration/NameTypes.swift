// Values that name something within the gateway or the network: paths of routes, globs, hosts, addresses.

extension ValueType where Value == String {
  /// The path of a route: decoded, as requests are matched.
  static var routePath: Self {
    .text("a path that begins with \"/\"") { path, place, reader in
      if let objection = routePathObjection(path) {
        reader.fault(place, objection)
        return nil
      }
      return path
    }
  }

  private static func routePathObjection(_ path: String) -> String? {
    guard FilePath.isAbsolute(path) else { return "must begin with \"/\": write \(TOMLText.string("/" + path))" }
    if path.utf8.contains(UInt8(ascii: "%")) {
      return "is compared with decoded paths: write the character that a % with two digits stands for"
    }
    if FilePath.hasEmptySegment(path) { return "has two slashes with nothing between them, as no request's path has" }
    if FilePath.segments(path).contains(where: { $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }) {
      return "has a segment \".\" or \"..\", as no request's path has: they are resolved before"
    }
    return nil
  }

  /// The name of a file in a directory.
  static var fileName: Self {
    .text("the name of a file") { name, place, reader in
      if FilePath.hasSlash(name) || name == "." || name == ".." {
        reader.fault(place, "must be the name of a file, without a slash, not \(TOMLText.string(name))")
        return nil
      }
      return name
    }
  }

  /// A pattern for one segment of a path.
  static var glob: Self {
    .text("a glob") { glob, place, reader in
      if FilePath.hasSlash(glob) {
        reader.fault(place, "a glob is compared with the name of one segment: \(TOMLText.string(glob)) has a slash")
        return nil
      }
      return glob
    }
  }

  /// A host name, an address, or `*.` and a name. Small letters come out.
  static var host: Self {
    .text("the name of a host") { text, place, reader in
      if let objection = hostObjection(text) {
        reader.fault(place, "\(TOMLText.string(text)) \(objection)")
        return nil
      }
      return text.lowercased()
    }
  }

  private static func hostObjection(_ host: String) -> String? {
    if host.hasPrefix("[") {
      return host.hasSuffix("]") && isIPv6(host.dropFirst().dropLast()) ? nil : "is no IPv6 address in brackets"
    }
    if host.contains(":") { return "has a port: write the name alone, it stands for every port" }
    let name = host.hasPrefix("*.") ? host.dropFirst(2) : host[...]
    if name.contains("*") { return "has a * elsewhere than in \"*.\" at its beginning" }
    return isHostName(name) ? nil : "is no name of a host"
  }

  /// An address. The path of a Unix socket comes out absolute.
  /// - Parameter connects: whether it is one to connect to, where the port 0 means nothing.
  static func address(connects: Bool) -> Self {
    .text("an address: \"HOST:PORT\", \"[IPV6]:PORT\" or \"unix:/PATH\"") { text, place, reader in
      if text.hasPrefix("unix:") {
        let path = reader.absolute(String(text.dropFirst(5)))
        // sockaddr_un(7): 108 bytes with the NUL at its end.
        guard text.utf8.count > 5, path.utf8.count <= 107 else {
          reader.fault(
            place, "the path of a Unix socket has 1 to 107 bytes, not \(text.utf8.count > 5 ? path.utf8.count : 0)")
          return nil
        }
        return "unix:" + path
      }
      if let objection = addressObjection(text, connects: connects) ?? reader.system.addressObjection(text) {
        reader.fault(place, objection)
        return nil
      }
      return text
    }
  }

  private static func addressObjection(_ text: String, connects: Bool) -> String? {
    let general = "\(TOMLText.string(text)) is no address: write \"HOST:PORT\", \"[IPV6]:PORT\" or \"unix:/PATH\""
    guard let colon = text.lastIndex(of: ":") else { return general }
    let host = text[..<colon]
    let port = text[text.index(after: colon)...]
    if host.contains(":"), !host.hasPrefix("[") { return "an IPv6 address stands in brackets, as in \"[::1]:8080\"" }
    guard !port.isEmpty, port.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return general }
    guard let number = UInt16(port), number > 0 || !connects else {
      return "\(port) is no port: they go from \(connects ? 1 : 0) to 65535"
    }
    if host.isEmpty { return "\(TOMLText.string(text)) names no host: \"0.0.0.0:\(port)\" is every IPv4 address" }
    if host.hasPrefix("[") {
      return host.hasSuffix("]") && isIPv6(host.dropFirst().dropLast()) ? nil : "\(host) is no IPv6 address"
    }
    return isHostName(host) ? nil : "\(TOMLText.string(String(host))) is no name of a host"
  }

  /// Labels of letters, digits, hyphens and underscores (RFC 1123 2.1; the underscore is in use): IPv4 addresses, too.
  private static func isHostName(_ name: Substring) -> Bool {
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    return name.utf8.count <= 253
      && labels.allSatisfy { label in
        (1...63).contains(label.utf8.count) && TOMLText.isBareKey(String(label)) && !label.hasPrefix("-")
          && !label.hasSuffix("-")
      }
  }

  /// RFC 4291 2.2: eight groups of up to four hexadecimal digits, a row of zeros left out once, the last two groups
  /// perhaps an IPv4 address. Without a zone.
  private static func isIPv6(_ text: Substring) -> Bool {
    let halves = text.split(separator: "::", omittingEmptySubsequences: false)
    guard halves.count <= 2 else { return false }
    var groups = 0
    for (index, half) in halves.enumerated() where !half.isEmpty {
      let parts = half.split(separator: ":", omittingEmptySubsequences: false)
      for (number, part) in parts.enumerated() {
        let isLast = index == halves.count - 1 && number == parts.count - 1
        if isLast, isIPv4(part) {
          groups += 2
        } else if (1...4).contains(part.utf8.count), part.utf8.allSatisfy(isHexadecimal) {
          groups += 1
        } else {
          return false
        }
      }
    }
    return halves.count == 2 ? groups <= 7 : groups == 8
  }

  private static func isIPv4(_ text: Substring) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4
      && parts.allSatisfy { part in
        part.utf8.allSatisfy { (0x30...0x39).contains($0) } && (1...3).contains(part.utf8.count) && UInt8(part) != nil
      }
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    switch Unicode.Scalar(byte) {
    case "0"..."9", "a"..."f", "A"..."F": true
    default: false
    }
  }
}
