// A directory that a server under test serves.

import Glibc
import Kernel

/// A directory of its own below the system's temporary one, with an empty `cgi-bin/` in it.
final class Site: Sendable {
  /// Absolute and without symbolic links, so that /proc names files in it the same way.
  let path: String

  init() throws {
    var template = Array("/tmp/tollgate-site-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw HarnessError("no temporary directory: \(describe(errno: errno))") }
    path = try canonicalPath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    // mkdtemp(3) leaves it to its owner alone.
    chmod(path, 0o755)
    try makeDirectory("cgi-bin")
  }

  /// The absolute path of something in the site.
  func absolute(_ name: String) -> String { name.isEmpty ? path : "\(path)/\(name)" }

  /// Makes a directory and those above it.
  func makeDirectory(_ name: String) throws {
    var made = path
    for part in name.split(separator: "/") {
      made += "/\(part)"
      if mkdir(made, 0o755) != 0, errno != EEXIST { throw HarnessError("mkdir \(made): \(describe(errno: errno))") }
    }
  }

  /// Writes a file, in place of one that is there; the directories above it are made.
  func write(_ name: String, _ content: [UInt8], mode: mode_t = 0o644) throws {
    let parent = name.split(separator: "/").dropLast().joined(separator: "/")
    if !parent.isEmpty { try makeDirectory(parent) }
    let file = absolute(name)
    let raw = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard raw >= 0 else { throw HarnessError("open \(file): \(describe(errno: errno))") }
    let descriptor = Descriptor(owning: raw)
    fchmod(descriptor.raw, mode)
    try writeFully(descriptor.raw, content)
  }

  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  /// Writes a script of `cgi-bin/`, executable.
  func script(_ name: String, _ text: String) throws { try write("cgi-bin/\(name)", Array(text.utf8), mode: 0o755) }

  /// Makes a symbolic link; `target` is kept as it is.
  func link(_ name: String, to target: String) throws {
    guard symlink(target, absolute(name)) == 0 else { throw HarnessError("symlink \(name): \(describe(errno: errno))") }
  }

  /// Sets the time of a file's last change, in seconds since the epoch.
  func setModified(_ name: String, _ seconds: Int) {
    let times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)]
    utimensat(AT_FDCWD, absolute(name), times, 0)
  }

  /// All of a file in the site.
  func read(_ name: String) -> [UInt8]? { contents(of: absolute(name)) }

  /// Removes it with all that is in it.
  func remove() { _ = try? run("rm", ["-rf", "--", path]) }
}
