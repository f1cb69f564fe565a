// What the tests of this module share: a site in a directory of its own, request heads, and what a spool holds.

import CGI
import EventLoop
import Glibc
import HTTPWire
import Kernel
import Log
import StaticFiles
import Testing

@testable import Gateway

/// A temporary directory, gone with its owner.
final class Site {
  let path: String

  init() throws {
    var template = Array("/tmp/tollgate-gateway-XXXXXX".utf8CString)
    path = try String(cString: #require(mkdtemp(&template)))
  }

  deinit { removeTree(path) }

  subscript(_ name: String) -> String { path + "/" + name }

  /// Writes a file, making the directories that it needs.
  func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws {
    try write(name, Array(text.utf8), mode: mode)
  }

  func write(_ name: String, _ content: [UInt8], mode: mode_t) throws {
    var parent = ""
    for part in name.split(separator: "/").dropLast() {
      parent += (parent.isEmpty ? "" : "/") + part
      mkdir(self[parent], 0o755)
    }
    let file = open(self[name], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    try #require(file >= 0, "cannot write \(name)")
    let descriptor = Descriptor(owning: file)
    try writeFully(descriptor.raw, content)
    try #require(fchmod(descriptor.raw, mode) == 0)
  }

  func link(_ name: String, to target: String) throws { try #require(symlink(target, self[name]) == 0) }

  func root() throws -> FileRoot { try FileRoot(path: path, listing: true) }
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

func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

struct Fault: Error, CustomStringConvertible { let description: String }

/// A whole head, with the bytes that its ranges index.
func parsed(_ lines: [String]) throws -> (head: RequestHead, bytes: [UInt8]) {
  let bytes = array((lines + ["Host: h", "", ""]).joined(separator: "\r\n"))
  var parser = RequestHeadParser()
  var head = RequestHead()
  guard parser.parse(bytes.span, from: 0, limits: HeadLimits(), into: &head) == .complete(end: bytes.count) else {
    throw Fault(description: "not a head: \(lines)")
  }
  return (head, bytes)
}

/// What the loops of a gateway have in common, with no loop running.
func shared() throws -> Shared {
  try Shared(loops: 1, bills: nil, programDescriptors: 1024, log: Logger(label: "test"))
}

/// All that a program would read of its standard input; nil where it has none.
func input(_ spool: BodySpool) throws -> [UInt8]? {
  guard let file = try spool.openInput() else { return nil }
  var content: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65_536)
  while case .bytes(let count) = readBytes(file.descriptor.raw, into: &buffer, at: 0), count > 0 {
    content += buffer[..<count]
  }
  return content
}

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
