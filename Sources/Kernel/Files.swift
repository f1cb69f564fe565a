import CKernel
import Glibc

/// What fstat(2) says of a file.
public struct FileStatus: Sendable, Hashable {
  public enum Kind: Sendable { case regular, directory, link, other }
  public var kind: Kind
  public var size: Int
  public var modifiedSeconds: Int
  public var modifiedNanoseconds: Int
  /// When anything of the file was changed last, st_ctim: unlike the time of modification it cannot be set back.
  public var changedSeconds: Int
  public var changedNanoseconds: Int
  public var device: UInt64
  public var inode: UInt64

  /// How long ago anything of it was changed.
  public var ageNanoseconds: Int64 {
    Clock.realtime() - (Int64(changedSeconds) * 1_000_000_000 + Int64(changedNanoseconds))
  }

  init(_ status: stat) {
    switch status.st_mode & S_IFMT {
    case S_IFREG: kind = .regular
    case S_IFDIR: kind = .directory
    case S_IFLNK: kind = .link
    default: kind = .other
    }
    size = Int(status.st_size)
    modifiedSeconds = status.st_mtim.tv_sec
    modifiedNanoseconds = status.st_mtim.tv_nsec
    changedSeconds = status.st_ctim.tv_sec
    changedNanoseconds = status.st_ctim.tv_nsec
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
  }

  /// - Throws: what fstat(2) does.
  public init(of raw: CInt) throws(Errno) {
    var status = stat()
    _ = try throwing { fstat(raw, &status) < 0 ? -Int(errno) : 0 }
    self.init(status)
  }
}

/// How a path below a root is opened.
public enum OpenMode: Sendable {
  /// For reading. A FIFO does not block, and is refused by its kind afterwards.
  case read
  /// Only to ask about it (O_PATH).
  case inspect
  case directory

  var flags: CInt {
    switch self {
    case .read: O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    // O_PATH, which needs _GNU_SOURCE: 0o10000000 on every architecture of Debian's.
    case .inspect: 0o10000000 | O_CLOEXEC
    case .directory: O_RDONLY | O_DIRECTORY | O_CLOEXEC
    }
  }
}

/// A directory below which paths are opened, and outside of which none is. openat2(2), RESOLVE_BENEATH.
public struct RootDirectory: ~Copyable, Sendable {
  public let descriptor: Descriptor

  /// - Throws: what open(2) does for a directory.
  public init(_ path: String) throws(Errno) {
    descriptor = Descriptor(
      owning: CInt(
        try throwing {
          let result = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
          return result < 0 ? -Int(errno) : Int(result)
        }))
  }

  /// Opens a path below the root; symbolic links are followed as long as they stay below it (EXDEV where one leaves).
  /// - Parameters:
  ///   - path: relative, without NUL; the root itself is ".".
  ///   - cachedOnly: gives EAGAIN where looking the path up would wait for a disk (RESOLVE_CACHED).
  public func open(_ path: [UInt8], _ mode: OpenMode, cachedOnly: Bool) throws(Errno) -> Descriptor {
    let resolve = CK_RESOLVE_BENEATH | CK_RESOLVE_NO_MAGICLINKS | (cachedOnly ? CK_RESOLVE_CACHED : 0)
    let root = descriptor.raw
    let flags = UInt64(mode.flags)
    let result = try throwing {
      withUnsafeTemporaryAllocation(of: CChar.self, capacity: path.count + 1) { buffer in
        path.withUnsafeBytes { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: $0) }
        buffer[path.count] = 0
        return ck_openat2(root, buffer.baseAddress, flags, resolve)
      }
    }
    return Descriptor(owning: CInt(result))
  }
}

/// Whether the effective user may execute an open file (O_PATH suffices). faccessat2(2).
public func mayExecute(_ raw: CInt) -> Bool {
  retrying { ck_may_execute(raw) } == 0
}

/// Reads a whole part of a file, waiting for the disk if need be. Gives fewer bytes where the file is shorter.
public func readAt(_ raw: CInt, offset: Int, count: Int) throws(Errno) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: count)
  var have = 0
  while have < count {
    let got = try throwing {
      bytes.withUnsafeMutableBytes { buffer in
        let result = pread(raw, buffer.baseAddress! + have, count - have, off_t(offset + have))
        return result < 0 ? -Int(errno) : result
      }
    }
    if got == 0 { break }
    have += got
  }
  bytes.removeLast(count - have)
  return bytes
}

/// Reads as `readAt` does, but only what is in the page cache: nil where that would wait for the disk, or where the
/// file system cannot tell. preadv2(2), RWF_NOWAIT.
public func readAtIfCached(_ raw: CInt, offset: Int, count: Int) -> [UInt8]? {
  if count == 0 { return [] }
  var bytes = [UInt8](repeating: 0, count: count)
  let got = bytes.withUnsafeMutableBytes { buffer in
    retrying { ck_preadv2_nowait(raw, buffer.baseAddress, count, Int64(offset)) }
  }
  return got == count ? bytes : nil
}

/// A file without a name, gone when it is closed. O_TMPFILE.
public func openTemporary(in directory: String) throws(Errno) -> Descriptor {
  Descriptor(owning: CInt(try throwing { ck_open_temporary(directory) }))
}

/// A file in memory alone. memfd_create(2).
public func openMemoryFile(_ name: String) throws(Errno) -> Descriptor {
  Descriptor(owning: CInt(try throwing { ck_memfd(name) }))
}

/// Makes these bytes all that a file has. A reader at the same moment finds a part of them, or none.
/// - Throws: what ftruncate(2) and pwrite(2) do.
public func replaceContent(_ raw: CInt, _ bytes: [UInt8]) throws(Errno) {
  _ = try throwing { ftruncate(raw, 0) < 0 ? -Int(errno) : 0 }
  var written = 0
  while written < bytes.count {
    written += try throwing {
      bytes.withUnsafeBytes { buffer in
        let result = pwrite(raw, buffer.baseAddress! + written, buffer.count - written, off_t(written))
        return result < 0 ? -Int(errno) : result
      }
    }
  }
}

/// Sets the offset of an open file back to its beginning.
public func rewind(_ raw: CInt) {
  let result = lseek(raw, 0, SEEK_SET)
  precondition(result == 0, "lseek failed on a file of our own")
}

/// Opens a file to append lines to it, and makes it where there is none. Never waits: a FIFO that nobody reads, for
/// whose reader open(2) would wait, is refused (ENXIO). What is written later may wait.
public func openAppending(_ path: String) throws(Errno) -> Descriptor {
  let descriptor = Descriptor(
    owning: CInt(
      try throwing {
        let result = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0o644)
        return result < 0 ? -Int(errno) : Int(result)
      }))
  let raw = descriptor.raw
  _ = try throwing { fcntl(raw, F_SETFL, O_APPEND) < 0 ? -Int(errno) : 0 }
  return descriptor
}

/// The absolute path without symbolic links. realpath(3).
public func canonicalPath(_ path: String) throws(Errno) -> String {
  guard let resolved = realpath(path, nil) else { throw Errno(rawValue: errno) }
  defer { free(resolved) }
  return String(cString: resolved)
}

/// One name in a directory, and what stands behind it.
public struct DirectoryEntry: Sendable {
  public var name: [UInt8]
  /// Of the entry itself, not of what a symbolic link leads to.
  public var status: FileStatus

  public init(name: [UInt8], status: FileStatus) {
    self.name = name
    self.status = status
  }
}

/// The entries of an open directory, links not followed, without `.` and `..`; such as vanish meanwhile are left out.
/// Waits for the disk.
/// - Parameter limit: gives up beyond so many entries.
/// - Returns: the entries, and whether there were more.
public func readDirectory(_ raw: CInt, limit: Int) throws(Errno) -> (entries: [DirectoryEntry], cut: Bool) {
  let copy = CInt(
    try throwing {
      let result = openat(raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      return result < 0 ? -Int(errno) : Int(result)
    })
  guard let stream = fdopendir(copy) else {
    _ = Descriptor(owning: copy)
    throw Errno(rawValue: errno)
  }
  defer { closedir(stream) }
  var entries: [DirectoryEntry] = []
  while let entry = readdir(stream) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
    if name == [0x2E] || name == [0x2E, 0x2E] { continue }
    if entries.count == limit { return (entries, true) }
    var status = stat()
    let found = withUnsafePointer(to: &entry.pointee.d_name.0) { fstatat(raw, $0, &status, AT_SYMLINK_NOFOLLOW) }
    if found == 0 { entries.append(DirectoryEntry(name: name, status: FileStatus(status))) }
  }
  return (entries, false)
}
