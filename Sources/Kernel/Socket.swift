import CKernel
import Glibc

/// A socket that accepts connections.
public struct Listener: ~Copyable, Sendable {
  public let descriptor: Descriptor
  /// Where it listens; the port is the real one where 0 was asked for.
  public let address: SocketAddress

  /// Binds and listens, without SO_REUSEPORT: a second server must not slip in beside this one.
  /// - Throws: EADDRINUSE, EACCES and the rest of bind(2).
  public init(_ wanted: SocketAddress, backlog: CInt = 4096) throws(Errno) {
    if wanted.isUnix { removeStaleSocket(wanted) }
    let descriptor = Descriptor(owning: CInt(try throwing { ck_socket(wanted.family) }))
    address = try Self.bindAndListen(descriptor.raw, wanted, backlog)
    self.descriptor = descriptor
  }

  deinit {
    // The file of a Unix socket outlives it otherwise, and looks as if somebody listened.
    if address.isUnix { unlink(address.unixPath) }
  }

  private static func bindAndListen(
    _ raw: CInt, _ wanted: SocketAddress, _ backlog: CInt
  ) throws(Errno) -> SocketAddress {
    var on: CInt = 1
    let size = socklen_t(MemoryLayout<CInt>.size)
    setsockopt(raw, SOL_SOCKET, SO_REUSEADDR, &on, size)
    if wanted.family == AF_INET6 { setsockopt(raw, CInt(IPPROTO_IPV6), IPV6_V6ONLY, &on, size) }
    _ = try throwing { withUnsafePointer(to: wanted.storage) { ck_bind(raw, $0, wanted.length) } }
    _ = try throwing { Glibc.listen(raw, backlog) < 0 ? -Int(errno) : 0 }
    var bound = wanted
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    _ = try throwing { withUnsafeMutablePointer(to: &bound.storage) { ck_getsockname(raw, $0, &length) } }
    bound.length = length
    return bound
  }
}

/// Takes away the socket file of a server that is gone; one that still answers is left, and bind then fails.
private func removeStaleSocket(_ address: SocketAddress) {
  // connect(2) says ECONNREFUSED of every file that is no socket, too: such a one is somebody's data.
  var status = stat()
  guard lstat(address.unixPath, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return }
  guard let probe = try? throwing({ ck_socket(AF_UNIX) }) else { return }
  let descriptor = Descriptor(owning: CInt(probe))
  let result = withUnsafePointer(to: address.storage) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor.raw, $0, address.length) }
  }
  if result < 0, errno == ECONNREFUSED { unlink(address.unixPath) }
}

/// What accept(2) brought.
public enum Accepted: ~Copyable {
  case connection(Descriptor, SocketAddress)
  case none
  case failed(Errno)
}

/// Takes one connection that waits, if there is one. accept4(2).
public func accept(on listener: CInt) -> Accepted {
  var address = SocketAddress()
  address.length = socklen_t(MemoryLayout<sockaddr_storage>.size)
  let result = retrying {
    withUnsafeMutablePointer(to: &address.storage) { ck_accept(listener, $0, &address.length) }
  }
  if result >= 0 { return .connection(Descriptor(owning: CInt(result)), address) }
  switch CInt(-result) {
  // The connection died while it waited: no fault of ours, the next one may live.
  case EAGAIN, ECONNABORTED, EPROTO: return .none
  default: return .failed(Errno(rawValue: CInt(-result)))
  }
}

/// Sends small pieces at once: answers are assembled by the gateway, not by Nagle's algorithm.
public func setNoDelay(_ raw: CInt) {
  var on: CInt = 1
  setsockopt(raw, CInt(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<CInt>.size))
}

/// recv(2) into `buffer[offset...]`.
/// - Parameter end: up to where in the buffer, if not to its end.
@inline(__always)
public func receive(_ raw: CInt, into buffer: inout [UInt8], at offset: Int, upTo end: Int? = nil) -> Transfer {
  let end = end ?? buffer.count
  precondition(offset < end && end <= buffer.count, "no room to receive into")
  return buffer.withUnsafeMutableBytes { bytes in
    let base = bytes.baseAddress! + offset
    let room = end - offset
    return Transfer(retrying { ck_recv(raw, base, room) })
  }
}

/// send(2) of `buffer[range]`; `more` says that a body follows (MSG_MORE). Never raises SIGPIPE.
@inline(__always)
public func send(_ raw: CInt, _ buffer: [UInt8], _ range: Range<Int>, more: Bool = false) -> Transfer {
  precondition(range.upperBound <= buffer.count, "a range beyond its buffer")
  return buffer.withUnsafeBytes { bytes in
    Transfer(retrying { ck_send(raw, bytes.baseAddress! + range.lowerBound, range.count, more ? 1 : 0) })
  }
}

/// sendfile(2): so many bytes of a file from an offset; 0 means that the file has become shorter.
public func sendFile(_ socket: CInt, from file: CInt, offset: Int, count: Int) -> Transfer {
  Transfer(retrying { ck_sendfile(socket, file, Int64(offset), count) })
}

/// Ends the sending direction, so that a peer reads what was sent and then the end of the stream. shutdown(2).
public func shutdownSending(_ raw: CInt) {
  _ = shutdown(raw, CInt(SHUT_WR))
}
