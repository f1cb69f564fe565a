// A file that names the process that holds it.

import Glibc

/// A file with this process's id in it, locked as long as it lives: who finds it unlocked knows that the process is
/// gone, however it ended and whoever has its number now.
public final class PidFile: Sendable {
  public enum Failure: Error, Equatable {
    /// Another process holds it.
    case held(by: CInt?)
    /// It has something in it that is no process id, and is better left alone.
    case isSomethingElse
    case system(Errno)
  }

  public let path: String
  private let descriptor: Descriptor

  /// Makes the file, or takes one over whose process is gone, and locks it. What is in it stays until `write`.
  public init(_ path: String) throws(Failure) {
    self.path = path
    let taken: Descriptor?
    do throws(Errno) {
      taken = try Self.take(path)
    } catch {
      throw error == .wouldBlock ? .held(by: Self.holder(of: path)) : .system(error)
    }
    guard let taken else { throw .isSomethingElse }
    descriptor = taken
  }

  /// - Returns: nil where it has something in it that is no process id.
  private static func take(_ path: String) throws(Errno) -> Descriptor? {
    while true {
      let opened = try open(path, O_RDWR | O_CREAT)
      guard try FileStatus(of: opened.raw).kind == .regular, try isEmptyOrPid(opened.raw) else { return nil }
      try lock(opened.raw)
      // Whoever held it may have removed it between the two.
      if try isNamed(path, opened.raw) { return opened }
    }
  }

  /// Writes this process's id, in one line.
  public func write() throws(Errno) {
    try replaceContent(descriptor.raw, Array("\(ThisProcess.pid)\n".utf8))
  }

  /// Removes the file, unless somebody has put another one in its place.
  public func remove() {
    if (try? Self.isNamed(path, descriptor.raw)) == true { unlink(path) }
  }

  /// The process that holds the file of this path; nil where none does.
  public static func holder(of path: String) -> CInt? {
    guard let opened = try? open(path, O_RDONLY), (try? isLocked(opened.raw)) == true else { return nil }
    return pid(in: (try? readAt(opened.raw, offset: 0, count: longest)) ?? [])
  }

  // MARK: The file

  /// More than any process id and its line feed have.
  private static let longest = 24

  private static func isEmptyOrPid(_ raw: CInt) throws(Errno) -> Bool {
    let content = try readAt(raw, offset: 0, count: longest)
    return content.isEmpty || pid(in: content) != nil
  }

  private static func pid(in content: [UInt8]) -> CInt? {
    let line = content.last == UInt8(ascii: "\n") ? content.dropLast() : content[...]
    return CInt(String(decoding: line, as: UTF8.self)).flatMap { $0 > 0 ? $0 : nil }
  }

  private static func open(_ path: String, _ flags: CInt) throws(Errno) -> Descriptor {
    Descriptor(
      owning: CInt(
        try throwing {
          let result = Glibc.open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0o644)
          return result < 0 ? -Int(errno) : Int(result)
        }))
  }

  private static func isNamed(_ path: String, _ raw: CInt) throws(Errno) -> Bool {
    var named = stat()
    var opened = stat()
    _ = try throwing { fstat(raw, &opened) < 0 ? -Int(errno) : 0 }
    if stat(path, &named) < 0 { return false }
    return named.st_dev == opened.st_dev && named.st_ino == opened.st_ino
  }

  // MARK: The lock

  // F_OFD_GETLK and F_OFD_SETLK, which need _GNU_SOURCE: locks of the open file, not of the process, so that closing
  // another descriptor of the same file does not let go of them. fcntl(2).
  private static let getLock: CInt = 36
  private static let setLock: CInt = 37

  private static var whole: flock {
    var whole = flock()
    whole.l_type = Int16(F_WRLCK)
    return whole
  }

  /// - Throws: `wouldBlock` where another holds the lock.
  private static func lock(_ raw: CInt) throws(Errno) {
    var lock = whole
    _ = try throwing { fcntl(raw, setLock, &lock) < 0 ? -Int(errno) : 0 }
  }

  private static func isLocked(_ raw: CInt) throws(Errno) -> Bool {
    var lock = whole
    _ = try throwing { fcntl(raw, getLock, &lock) < 0 ? -Int(errno) : 0 }
    return lock.l_type != Int16(F_UNLCK)
  }
}
