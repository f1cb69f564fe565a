import Kernel

/// What a path below a root came to.
public enum Found: Sendable {
  case file(ServedFile)
  /// A directory: the path lacks its slash.
  case directoryWithoutSlash
  /// A directory without an index, to be listed.
  case listing
  case notFound
  case forbidden
  /// The path leaves the root by a symbolic link, or by one of the kernel's magic ones.
  case outside
  /// Opening failed for another reason, which is the server's.
  case failed(Errno)
  /// The look-up would wait for a disk: to be asked again on a thread that may.
  case wouldWait
}

/// A directory whose files are served.
public final class FileRoot: Sendable {
  public let path: String
  public let listing: Bool
  /// The names of the files that stand for a directory, in order of preference.
  public let index: [[UInt8]]
  private let base: Base

  /// Held once by all that are made from one root.
  private final class Base: Sendable {
    let directory: RootDirectory
    init(_ directory: consuming RootDirectory) { self.directory = directory }
  }

  /// - Parameters:
  ///   - path: the directory.
  ///   - index: the names of the files that stand for a directory, in order of preference.
  ///   - listing: whether a directory without one of them is listed.
  /// - Throws: what opening the directory does.
  public init(path: String, index: [String] = ["index.html"], listing: Bool) throws(Errno) {
    self.path = path
    base = Base(try RootDirectory(path))
    self.listing = listing
    self.index = index.map { Array($0.utf8) }
  }

  private init(_ other: FileRoot, index: [[UInt8]]) {
    path = other.path
    base = other.base
    listing = other.listing
    self.index = index
  }

  /// The same directory, with these names alone for a directory's index.
  public func withIndex(_ names: [[UInt8]]) -> FileRoot { FileRoot(self, index: names) }

  /// Finds what a path means.
  /// - Parameters:
  ///   - path: decoded, its dot segments resolved, without the leading slash; a trailing slash means a directory.
  ///   - keepUpTo: the content of a file of up to so many bytes is read.
  ///   - mayWait: whether to wait for the disk.
  public func find(_ path: [UInt8], keepUpTo: Int, mayWait: Bool) -> Found {
    if hasHiddenSegment(path) { return .notFound }
    let wantsDirectory = path.isEmpty || path.last == UInt8(ascii: "/")
    if !wantsDirectory { return open(path, keepUpTo: keepUpTo, mayWait: mayWait) }
    for name in index {
      let found = open(path + name, keepUpTo: keepUpTo, mayWait: mayWait)
      if case .notFound = found { continue }
      if case .directoryWithoutSlash = found { continue }
      return found
    }
    return findDirectory(path, mayWait: mayWait)
  }

  private func findDirectory(_ path: [UInt8], mayWait: Bool) -> Found {
    do {
      let opened = try base.directory.open(directoryPath(path), .inspect, cachedOnly: !mayWait)
      guard try FileStatus(of: opened.raw).kind == .directory else { return .notFound }
      return listing ? .listing : .forbidden
    } catch {
      return Self.judge(error)
    }
  }

  private func open(_ path: [UInt8], keepUpTo: Int, mayWait: Bool) -> Found {
    do {
      // Asked first: opening a device or a FIFO has effects of its own.
      if let refusal = try refusal(path, mayWait: mayWait) { return refusal }
      let opened = try base.directory.open(path, .read, cachedOnly: !mayWait)
      let status = try FileStatus(of: opened.raw)
      guard status.kind == .regular else { return .forbidden }
      var content: [UInt8]?
      if status.size <= keepUpTo {
        content = readAtIfCached(opened.raw, offset: 0, count: status.size)
        if content == nil {
          if !mayWait { return .wouldWait }
          content = try readAt(opened.raw, offset: 0, count: status.size)
          // It shrank meanwhile: this once it is sent as a large file is, which notices.
          if content!.count != status.size { content = nil }
        }
      }
      return .file(ServedFile(opened, path: path, status: status, content: content))
    } catch {
      return Self.judge(error)
    }
  }

  /// What a path is answered with that is no regular file.
  private func refusal(_ path: [UInt8], mayWait: Bool) throws(Errno) -> Found? {
    let opened = try base.directory.open(path, .inspect, cachedOnly: !mayWait)
    return switch try FileStatus(of: opened.raw).kind {
    case .regular: nil
    case .directory: .directoryWithoutSlash
    // A FIFO, socket or device has no end that a response could promise.
    case .link, .other: .forbidden
    }
  }

  private static func judge(_ error: Errno) -> Found {
    switch error {
    case .wouldBlock: .wouldWait
    case .noSuchFileOrDirectory, .notDirectory, .fileNameTooLong, .tooManySymbolicLinkLevels: .notFound
    case .permissionDenied: .forbidden
    case .improperLink: .outside
    // ENXIO: a socket, or a device without a driver.
    case .noSuchAddressOrDevice: .forbidden
    default: .failed(error)
    }
  }

  /// What stands at a path, for one who would run it.
  public enum Inspected: Sendable {
    case file(FileStatus, executable: Bool)
    case directory
    case other(Found)
  }

  /// Asks what a path is, without opening it for reading.
  public func inspect(_ path: [UInt8], mayWait: Bool) -> Inspected {
    do {
      let opened = try base.directory.open(directoryPath(path), .inspect, cachedOnly: !mayWait)
      let status = try FileStatus(of: opened.raw)
      return switch status.kind {
      case .regular: .file(status, executable: mayExecute(opened.raw))
      case .directory: .directory
      case .link, .other: .other(.forbidden)
      }
    } catch {
      return .other(Self.judge(error))
    }
  }

  /// The first bytes of a file; nil where it cannot be read, or not without waiting for a disk.
  public func beginning(of path: [UInt8], status: FileStatus, atMost count: Int, mayWait: Bool) -> [UInt8]? {
    guard let opened = try? base.directory.open(path, .read, cachedOnly: !mayWait) else { return nil }
    let count = min(count, status.size)
    return readAtIfCached(opened.raw, offset: 0, count: count)
      ?? (mayWait ? try? readAt(opened.raw, offset: 0, count: count) : nil)
  }

  /// The entries of a directory of this root, hidden ones left out, directories first, by name. Waits for the disk.
  public func list(_ path: [UInt8], limit: Int) throws(Errno) -> (entries: [DirectoryEntry], cut: Bool) {
    let opened = try base.directory.open(directoryPath(path), .directory, cachedOnly: false)
    let (found, cut) = try readDirectory(opened.raw, limit: limit)
    var entries = found.compactMap { entry in
      entry.name.first == UInt8(ascii: ".") ? nil : followed(entry, in: path)
    }
    entries.sort { left, right in
      let leftIsDirectory = left.status.kind == .directory
      if leftIsDirectory != (right.status.kind == .directory) { return leftIsDirectory }
      return left.name.lexicographicallyPrecedes(right.name)
    }
    return (entries, cut)
  }

  /// An entry as it would be served: a link as what it leads to, nil where that is nothing or lies outside.
  private func followed(_ entry: DirectoryEntry, in path: [UInt8]) -> DirectoryEntry? {
    switch entry.status.kind {
    case .regular, .directory: return entry
    case .other: return nil
    case .link:
      guard let opened = try? base.directory.open(path + entry.name, .inspect, cachedOnly: false),
        let status = try? FileStatus(of: opened.raw), status.kind == .regular || status.kind == .directory
      else { return nil }
      return DirectoryEntry(name: entry.name, status: status)
    }
  }

  private func directoryPath(_ path: [UInt8]) -> [UInt8] {
    path.isEmpty ? [UInt8(ascii: ".")] : path
  }
}

extension FileRoot {
  /// Whether a segment begins with a dot, so that it is nobody's business: `.git`, `.htpasswd`, editors' files. The
  /// first one may be `.well-known` (RFC 8615).
  /// - Parameters:
  ///   - start: where the segment begins in `path`.
  ///   - below: where the part of `path` begins that is below the root.
  public static func hides(_ path: [UInt8], segmentAt start: Int, below: Int) -> Bool {
    guard start < path.count, path[start] == UInt8(ascii: ".") else { return false }
    let name = ".well-known"
    let end = start + name.utf8.count
    guard start == below, path.count >= end, path.count == end || path[end] == UInt8(ascii: "/") else { return true }
    return !path[start..<end].elementsEqual(name.utf8)
  }

  private func hasHiddenSegment(_ path: [UInt8]) -> Bool {
    path.indices.contains { index in
      (index == 0 || path[index - 1] == UInt8(ascii: "/")) && Self.hides(path, segmentAt: index, below: 0)
    }
  }
}
