// Small things that every scenario needs: waiting for what will come, files, bytes.

import Glibc
import Kernel
import Synchronization

/// Something that keeps a scenario from being carried out, in words.
struct HarnessError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Asks again and again until the answer is yes; gives up after so many seconds.
/// - Returns: whether it became true.
func eventually(within seconds: Double, _ isTrue: () throws -> Bool) rethrows -> Bool {
  let deadline = Clock.monotonic() + Int64(seconds * 1e9)
  var pause = 1
  while true {
    if try isTrue() { return true }
    if Clock.monotonic() >= deadline { return false }
    Clock.sleep(milliseconds: pause)
    pause = min(pause * 2, 20)
  }
}

/// Does something on so many threads at once, and waits for all of them.
/// - Returns: what each came to, in the order of their numbers.
/// - Throws: the first error by number, when all have ended.
func concurrently<R: Sendable>(_ count: Int, _ work: @escaping @Sendable (Int) throws -> R) throws -> [R] {
  let pending = Pending(work, count: count)
  for number in 0..<count { Threads.start(name: "client\(number)") { pending.work(number) } }
  pending.wait()
  return try pending.results.withLock { try $0.map { try $0!.get() } }
}

private final class Pending<R: Sendable>: Sendable {
  let results: Mutex<[Result<R, any Error>?]>
  private let left: Condition<Int>
  private let body: @Sendable (Int) throws -> R

  init(_ body: @escaping @Sendable (Int) throws -> R, count: Int) {
    self.body = body
    results = Mutex([Result<R, any Error>?](repeating: nil, count: count))
    left = Condition(count)
  }

  func work(_ number: Int) {
    let result = Result { try body(number) }
    results.withLock { $0[number] = result }
    left.change { left in left -= 1 }
  }

  func wait() { left.wait { $0 == 0 ? () : nil } }
}

/// The bytes of a text.
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Bytes that look random and are the same for the same seed (xorshift64*).
func randomBytes(_ count: Int, seed: UInt64) -> [UInt8] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  var bytes: [UInt8] = []
  bytes.reserveCapacity(count + 8)
  while bytes.count < count {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    let word = state &* 0x2545_F491_4F6C_DD1D
    for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
  }
  bytes.removeLast(bytes.count - count)
  return bytes
}

/// All of a file, also of those of /proc that have no size; nil where it cannot be opened.
func contents(of path: String) -> [UInt8]? {
  let raw = open(path, O_RDONLY | O_CLOEXEC)
  guard raw >= 0 else { return nil }
  let descriptor = Descriptor(owning: raw)
  var all: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65_536)
  while case .bytes(let count) = readBytes(descriptor.raw, into: &buffer, at: 0), count > 0 {
    all.append(contentsOf: buffer[..<count])
  }
  return all
}

/// The names in a directory, without `.` and `..`; none where it cannot be read.
func names(in directory: String) -> [String] {
  guard let stream = opendir(directory) else { return [] }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    if name != ".", name != ".." { names.append(name) }
  }
  return names
}

/// What a symbolic link names.
func destination(ofLink path: String) -> String? {
  var buffer = [UInt8](repeating: 0, count: 4096)
  let count = buffer.withUnsafeMutableBytes {
    readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
  }
  return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
}
