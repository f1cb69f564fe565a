import CKernel
import Glibc

/// An address that a socket listens on or came from: `host:port`, `[v6]:port` or `unix:/path`.
public struct SocketAddress: Equatable, Sendable {
  var storage = sockaddr_storage()
  var length: socklen_t = 0

  init() {}

  public struct Malformed: Error, CustomStringConvertible {
    public let description: String
  }

  /// Reads an address as a user writes it. A host name is looked up, which may wait for a name server.
  /// - Throws: `Malformed`, in words.
  public init(parsing text: String) throws(Malformed) {
    if text.hasPrefix("unix:") {
      try self.init(unixPath: String(text.dropFirst(5)))
      return
    }
    // Digits alone: a number of Swift's may have a sign.
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
      text[text.index(after: colon)...].allSatisfy({ ("0"..."9").contains($0) })
    else {
      throw Malformed(description: "«\(text)» is not an address: write HOST:PORT, [IPV6]:PORT or unix:/PATH")
    }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      throw Malformed(description: "«\(text)»: an IPv6 address stands in brackets, as in [::1]:8080")
    }
    if host.isEmpty {
      throw Malformed(description: "«\(text)» names no host: write 0.0.0.0:\(port) for every IPv4 address")
    }
    try self.init(host: host, port: port)
  }

  private init(unixPath path: String) throws(Malformed) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    let bytes = Array(path.utf8)
    guard !bytes.isEmpty, bytes.count < capacity else {
      throw Malformed(description: "the path of a Unix socket has 1 to \(capacity - 1) bytes, not \(bytes.count)")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    withUnsafeMutableBytes(of: &storage) { target in
      withUnsafeBytes(of: address) { target.copyMemory(from: $0) }
    }
    length = socklen_t(MemoryLayout<sockaddr_un>.size)
  }

  private init(host: String, port: UInt16) throws(Malformed) {
    var hints = addrinfo()
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(host, String(port), &hints, &found)
    guard result == 0, let first = found else {
      throw Malformed(description: "no address for the host «\(host)»: \(String(cString: gai_strerror(result)))")
    }
    defer { freeaddrinfo(found) }
    length = first.pointee.ai_addrlen
    withUnsafeMutableBytes(of: &storage) { target in
      target.copyMemory(from: UnsafeRawBufferPointer(start: first.pointee.ai_addr, count: Int(length)))
    }
  }

  public var family: CInt { CInt(storage.ss_family) }
  public var isUnix: Bool { family == AF_UNIX }

  /// The port, or 0 for a Unix socket.
  public var port: UInt16 {
    switch family {
    case AF_INET: withRebound(sockaddr_in.self) { UInt16(bigEndian: $0.sin_port) }
    case AF_INET6: withRebound(sockaddr_in6.self) { UInt16(bigEndian: $0.sin6_port) }
    default: 0
    }
  }

  /// The address alone, as REMOTE_ADDR has it: `127.0.0.1`, `::1`, or `unix:` and the path.
  public var host: String {
    switch family {
    case AF_INET:
      return withRebound(sockaddr_in.self) { address in
        withUnsafePointer(to: address.sin_addr) { numeric($0) }
      }
    case AF_INET6:
      return withRebound(sockaddr_in6.self) { address in
        withUnsafePointer(to: address.sin6_addr) { numeric($0) }
      }
    default: return "unix:\(unixPath)"
    }
  }

  /// The path of a Unix socket; empty for one without a name, as clients have.
  public var unixPath: String {
    guard isUnix, length > 2 else { return "" }
    return withRebound(sockaddr_un.self) { address in
      withUnsafeBytes(of: address.sun_path) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
  }

  /// As a user writes it.
  public var text: String {
    switch family {
    case AF_INET6: "[\(host)]:\(port)"
    case AF_UNIX: host
    default: "\(host):\(port)"
    }
  }

  /// Whether bind(2) would be given the same, the scope of a link-local address included.
  public static func == (left: SocketAddress, right: SocketAddress) -> Bool {
    withUnsafeBytes(of: left.storage) { left in
      withUnsafeBytes(of: right.storage) { right in left.elementsEqual(right) }
    }
  }

  private func numeric(_ address: UnsafeRawPointer) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
      inet_ntop(family, address, buffer.baseAddress, socklen_t(INET6_ADDRSTRLEN))
      return String(cString: buffer.baseAddress!)
    }
  }

  private func withRebound<T, R>(_ type: T.Type, _ body: (T) -> R) -> R {
    withUnsafeBytes(of: storage) { body($0.loadUnaligned(as: type)) }
  }
}
