// The client's end of a connection, for callers that may wait: every wait ends at a deadline of the monotonic clock.

import CKernel
import Glibc

extension SocketAddress {
  /// Every address of a host, in the resolver's order of preference. getaddrinfo(3), which may wait for a name server.
  /// - Parameter host: a name or a literal address, without brackets.
  /// - Throws: `Malformed`, in words.
  public static func lookUp(host: String, port: UInt16) throws(Malformed) -> [SocketAddress] {
    var hints = addrinfo()
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(host, String(port), &hints, &found)
    guard result == 0 else {
      throw Malformed(description: "no address for the host «\(host)»: \(String(cString: gai_strerror(result)))")
    }
    defer { freeaddrinfo(found) }
    var addresses: [SocketAddress] = []
    var next = found
    while let entry = next {
      var address = SocketAddress()
      address.length = entry.pointee.ai_addrlen
      withUnsafeMutableBytes(of: &address.storage) { target in
        target.copyMemory(from: UnsafeRawBufferPointer(start: entry.pointee.ai_addr, count: Int(address.length)))
      }
      addresses.append(address)
      next = entry.pointee.ai_next
    }
    return addresses
  }

  /// Whether what is sent there never leaves the machine: a Unix socket, 127.0.0.0/8 or ::1.
  public var isLoopback: Bool { isUnix || host == "::1" || host.hasPrefix("127.") }
}

/// A connected stream socket. Deadlines are nanoseconds of `Clock.monotonic()`; one that passes is ETIMEDOUT.
public struct ClientSocket: ~Copyable, Sendable {
  private let descriptor: Descriptor

  /// Connects. connect(2).
  /// - Throws: ECONNREFUSED, ENOENT, EHOSTUNREACH and the rest of connect(2); ETIMEDOUT at the deadline.
  public init(connecting address: SocketAddress, deadline: Int64) throws(Errno) {
    let descriptor = Descriptor(owning: CInt(try throwing { ck_socket(address.family) }))
    try Self.connect(descriptor.raw, address, deadline)
    if !address.isUnix { setNoDelay(descriptor.raw) }
    self.descriptor = descriptor
  }

  private static func connect(_ raw: CInt, _ address: SocketAddress, _ deadline: Int64) throws(Errno) {
    while true {
      let result = retrying {
        withUnsafePointer(to: address.storage) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            Glibc.connect(raw, $0, address.length) < 0 ? -Int(errno) : 0
          }
        }
      }
      switch CInt(-result) {
      case 0, EISCONN: return
      case EINPROGRESS, EALREADY:
        try wait(raw, for: Int16(POLLOUT), until: deadline)
        try throwPending(raw)
      // A Unix socket whose backlog is full says so at once, and poll(2) knows nothing of it.
      case EAGAIN:
        guard Clock.monotonic() < deadline else { throw Errno.timedOut }
        Clock.sleep(milliseconds: 1)
      default: throw Errno(rawValue: CInt(-result))
      }
    }
  }

  /// What became of a connect that went on in the background. getsockopt(SO_ERROR).
  private static func throwPending(_ raw: CInt) throws(Errno) {
    var error: CInt = 0
    var size = socklen_t(MemoryLayout<CInt>.size)
    _ = try throwing { getsockopt(raw, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? -Int(errno) : 0 }
    if error != 0 { throw Errno(rawValue: error) }
  }

  /// Sends all bytes. send(2), without SIGPIPE.
  public func send(_ bytes: [UInt8], deadline: Int64) throws(Errno) {
    var sent = 0
    while sent < bytes.count {
      switch Kernel.send(descriptor.raw, bytes, sent..<bytes.count) {
      case .bytes(let count): sent += count
      case .wouldBlock: try Self.wait(descriptor.raw, for: Int16(POLLOUT), until: deadline)
      case .failed(let error): throw error
      }
    }
  }

  /// Reads what there is into `buffer[offset...]`, waiting for the first byte. recv(2).
  /// - Returns: how many bytes; 0 is the end of the stream.
  public func receive(into buffer: inout [UInt8], at offset: Int, deadline: Int64) throws(Errno) -> Int {
    while true {
      switch Kernel.receive(descriptor.raw, into: &buffer, at: offset) {
      case .bytes(let count): return count
      case .wouldBlock: try Self.wait(descriptor.raw, for: Int16(POLLIN), until: deadline)
      case .failed(let error): throw error
      }
    }
  }

  /// Says that nothing more will be sent, and goes on reading. shutdown(2).
  public func finishSending() { shutdownSending(descriptor.raw) }

  /// Breaks the connection off: the peer gets a reset instead of an end. SO_LINGER of no seconds.
  public consuming func abort() {
    var off = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor.raw, SOL_SOCKET, SO_LINGER, &off, socklen_t(MemoryLayout<linger>.size))
  }

  /// Asks for a small or large receive buffer, before much has come: a slow reader in a test. SO_RCVBUF.
  public func setReceiveBuffer(bytes: Int) {
    var size = CInt(clamping: bytes)
    setsockopt(descriptor.raw, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
  }

  /// poll(2) on the one descriptor.
  private static func wait(_ raw: CInt, for events: Int16, until deadline: Int64) throws(Errno) {
    while true {
      let left = deadline - Clock.monotonic()
      guard left > 0 else { throw Errno.timedOut }
      let milliseconds = CInt(clamping: (left - 1) / 1_000_000 + 1)
      var entry = pollfd(fd: raw, events: events, revents: 0)
      let result = try throwing {
        let result = poll(&entry, 1, milliseconds)
        return result < 0 ? -Int(errno) : Int(result)
      }
      if result > 0 { return }
    }
  }
}
