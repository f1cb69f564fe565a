// What one process of this user's asks of another.

import Glibc

public enum OtherProcess {
  /// kill(2).
  public static func send(_ signal: SteeringSignal, to pid: CInt) throws(Errno) {
    _ = try throwing { kill(pid, signal.rawValue) < 0 ? -Int(errno) : 0 }
  }

  /// Opens, for reading, the file in memory (`openMemoryFile`) that a process has open under this name. proc(5),
  /// /proc/PID/fd.
  /// - Returns: nil where it has none of this name.
  /// - Throws: `noSuchFileOrDirectory` where there is no such process, `permissionDenied` where it is not to be looked
  ///   into.
  public static func memoryFile(_ name: String, of pid: CInt) throws(Errno) -> Descriptor? {
    let path = "/proc/\(pid)/fd"
    let directory = try RootDirectory(path)
    for entry in try readDirectory(directory.descriptor.raw, limit: .max).entries {
      let link = path + "/" + String(decoding: entry.name, as: UTF8.self)
      guard destination(of: link) == "/memfd:\(name) (deleted)" else { continue }
      let raw = open(link, O_RDONLY | O_CLOEXEC)
      if raw >= 0 { return Descriptor(owning: raw) }
    }
    return nil
  }

  private static func destination(of link: String) -> String? {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Int(PATH_MAX)) { buffer in
      let count = buffer.withMemoryRebound(to: CChar.self) { readlink(link, $0.baseAddress!, $0.count) }
      return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }
  }
}
