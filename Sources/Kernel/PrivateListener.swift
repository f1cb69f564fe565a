// A listening socket that only this process can reach, for a child that accepts on it.

import CKernel
import Glibc

/// A Unix stream socket that listens and has no name: nobody but the holder of this value can connect to it, no file
/// is left behind however the process ends, and no path has to be configured. It blocks, as a program that gets it as
/// a descriptor expects.
public struct PrivateListener: ~Copyable, Sendable {
  /// The listening socket.
  public let descriptor: Descriptor
  /// Keeps the socket's inode, through which it is found.
  private let inode: Descriptor

  /// Binds to a name in a directory of this user's alone, remembers the inode, and takes name and directory away.
  /// - Throws: what mkdtemp(3), bind(2), listen(2) and open(2) do.
  public init(backlog: CInt = 128) throws(Errno) {
    let descriptor = Descriptor(owning: CInt(try throwing { ck_socket_blocking(AF_UNIX) }))
    let directory = try Self.makeDirectory()
    let path = directory + "/s"
    defer {
      unlink(path)
      rmdir(directory)
    }
    let address: SocketAddress
    do {
      address = try SocketAddress(parsing: "unix:" + path)
    } catch {
      // TMPDIR is somebody's long path: a socket's name has some hundred bytes.
      throw Errno.fileNameTooLong
    }
    _ = try throwing { withUnsafePointer(to: address.storage) { ck_bind(descriptor.raw, $0, address.length) } }
    _ = try throwing { listen(descriptor.raw, backlog) < 0 ? -Int(errno) : 0 }
    let flags = OpenMode.inspect.flags
    inode = Descriptor(
      owning: CInt(
        try throwing {
          let result = open(path, flags)
          return result < 0 ? -Int(errno) : Int(result)
        }))
    self.descriptor = descriptor
  }

  private static func makeDirectory() throws(Errno) -> String {
    var template = Array("/tmp/tollgate-XXXXXX".utf8CString)
    _ = try throwing { template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) == nil ? -Int(errno) : 0 } }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Where this process connects to it: the inode by way of /proc, the one door that a socket without a name has.
  public var address: SocketAddress {
    do {
      return try SocketAddress(parsing: "unix:/proc/self/fd/\(inode.raw)")
    } catch {
      preconditionFailure("a short path is an address")
    }
  }
}

/// What an attempt to connect came to.
public enum Connecting: ~Copyable {
  case connected(Descriptor)
  /// It goes on; when the descriptor is writable, `connectionError` tells what became of it.
  case inProgress(Descriptor)
  case failed(Errno)
}

/// Begins to connect, on a descriptor that does not block. connect(2).
///
/// A Unix socket whose backlog is full fails with EAGAIN: there is nothing to wait for.
public func startConnecting(to address: SocketAddress) -> Connecting {
  let result = retrying { ck_socket(address.family) }
  if result < 0 { return .failed(Errno(rawValue: CInt(-result))) }
  let descriptor = Descriptor(owning: CInt(result))
  if !address.isUnix { setNoDelay(descriptor.raw) }
  // EINTR is not tried again: the connect goes on, and a second one would say EALREADY.
  let connected = withUnsafePointer(to: address.storage) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor.raw, $0, address.length) }
  }
  if connected == 0 { return .connected(descriptor) }
  switch errno {
  case EINPROGRESS, EINTR: return .inProgress(descriptor)
  case let error: return .failed(Errno(rawValue: error))
  }
}

/// What became of a connect that went on in the background; nil where it is connected. getsockopt(SO_ERROR).
public func connectionError(_ raw: CInt) -> Errno? {
  var error: CInt = 0
  var size = socklen_t(MemoryLayout<CInt>.size)
  guard getsockopt(raw, SOL_SOCKET, SO_ERROR, &error, &size) == 0 else { return Errno(rawValue: errno) }
  return error == 0 ? nil : Errno(rawValue: error)
}
