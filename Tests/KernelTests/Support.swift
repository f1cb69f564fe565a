// What the tests of this module share: a directory of their own, and a pair of connected sockets.

import Glibc
import Testing

@testable import Kernel

/// A temporary directory, gone with its owner.
final class TemporaryDirectory {
  let path: String

  init() throws {
    var template = Array("/tmp/tollgate-kernel-XXXXXX".utf8CString)
    path = try String(cString: #require(mkdtemp(&template)))
  }

  deinit { removeTree(path) }

  subscript(_ name: String) -> String { path + "/" + name }

  /// Writes a file and gives its path.
  @discardableResult
  func write(_ name: String, _ text: String) throws -> String {
    let descriptor = try openAppending(self[name])
    try writeFully(descriptor.raw, Array(text.utf8))
    return self[name]
  }

  func makeDirectory(_ name: String) throws { try #require(mkdir(self[name], 0o755) == 0) }

  func link(_ name: String, to target: String) throws { try #require(symlink(target, self[name]) == 0) }
}

private func removeTree(_ path: String) {
  if let stream = opendir(path) {
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name.0) { String(cString: $0) }
      if name == "." || name == ".." { continue }
      if entry.pointee.d_type == UInt8(DT_DIR) {
        removeTree(path + "/" + name)
      } else {
        unlink(path + "/" + name)
      }
    }
    closedir(stream)
  }
  rmdir(path)
}

func array(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Two stream sockets connected to each other, neither of which blocks.
struct SocketPair: ~Copyable {
  let near: Descriptor
  let far: Descriptor

  init() throws {
    var ends: [CInt] = [-1, -1]
    let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
    try #require(socketpair(AF_UNIX, kind, 0, &ends) == 0)
    near = Descriptor(owning: ends[0])
    far = Descriptor(owning: ends[1])
  }

  /// Closes one end and gives the other.
  consuming func closeFar() -> Descriptor { near }
}

/// Tries until it holds, for up to ten seconds.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
  for _ in 0..<5000 {
    if try condition() { return true }
    Clock.sleep(milliseconds: 2)
  }
  return false
}

/// The error that `body` throws; nil where it succeeds.
func thrown(_ body: () throws(Errno) -> Void) -> Errno? {
  do {
    try body()
    return nil
  } catch {
    return error
  }
}

func isCloseOnExec(_ raw: CInt) -> Bool { fcntl(raw, F_GETFD) & FD_CLOEXEC != 0 }
