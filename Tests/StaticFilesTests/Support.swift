// What the tests of this module share: a site in a directory of its own.

import Glibc
import Kernel
import Testing

@testable import StaticFiles

/// A temporary directory, gone with its owner.
final class Site {
  let path: String

  init() throws {
    var template = Array("/tmp/tollgate-files-XXXXXX".utf8CString)
    path = try String(cString: #require(mkdtemp(&template)))
  }

  deinit { removeTree(path) }

  subscript(_ name: String) -> String { path + "/" + name }

  /// Writes a file in place, making the directories that it needs.
  func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws {
    makeParents(of: name)
    let file = open(self[name], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    try #require(file >= 0, "cannot write \(name)")
    let descriptor = Descriptor(owning: file)
    try writeFully(descriptor.raw, Array(text.utf8))
    try #require(fchmod(descriptor.raw, mode) == 0)
  }

  func makeDirectory(_ name: String) throws { try #require(mkdir(self[name], 0o755) == 0) }

  func link(_ name: String, to target: String) throws { try #require(symlink(target, self[name]) == 0) }

  /// Sets when a file was changed.
  func setChanged(_ name: String, seconds: Int, nanoseconds: Int = 0) throws {
    let time = timespec(tv_sec: seconds, tv_nsec: nanoseconds)
    try #require(utimensat(AT_FDCWD, self[name], [time, time], 0) == 0)
  }

  func root(index: [String] = ["index.html"], listing: Bool = true) throws -> FileRoot {
    try FileRoot(path: path, index: index, listing: listing)
  }

  private func makeParents(of name: String) {
    var parent = ""
    for part in name.split(separator: "/").dropLast() {
      parent += (parent.isEmpty ? "" : "/") + part
      mkdir(self[parent], 0o755)
    }
  }
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

func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

/// A word for what was found, to compare it by.
func word(_ found: Found) -> String {
  switch found {
  case .file(let file): "file \(text(file.content) ?? "not kept")"
  case .directoryWithoutSlash: "directory without slash"
  case .listing: "listing"
  case .notFound: "not found"
  case .forbidden: "forbidden"
  case .outside: "outside"
  case .failed(let error): "failed: \(error)"
  case .wouldWait: "would wait"
  }
}

extension FileRoot {
  /// Finds a path, waiting for the disk, and says what it is.
  func look(_ path: String, keepUpTo: Int = 1000) -> String {
    word(find(array(path), keepUpTo: keepUpTo, mayWait: true))
  }
}

/// The file that was found.
func file(_ found: Found) throws -> ServedFile {
  guard case .file(let file) = found else { throw NoFile(description: word(found)) }
  return file
}

struct NoFile: Error, CustomStringConvertible { let description: String }

/// A small generator with a seed, so that a failure can be repeated (the xorshift* family).
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }
}
