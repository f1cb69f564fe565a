// What came of the last reload, told by a running server to whoever asked for it.

import Kernel

/// A file in memory that a server keeps open and `tollgate reload` finds among its descriptors: nothing has to be
/// configured, nothing is left behind, and only who may signal the server can read it.
final class ReloadRecord {
  /// What it says at one moment.
  struct Entry: Equatable {
    /// Reloads are counted from 1; 0 before the first.
    var number = 0
    /// Nil while the configuration is being read; 0 where it is in force; else the exit code that says why not.
    var code: Int32?
    /// Lines for people.
    var words = ""
  }

  private static let name = "tollgate-reload"
  /// How long the words may be, in bytes. A reader takes no more.
  static let wordsLimit = 1 << 20

  private let file: Descriptor
  private var number = 0

  init() throws(Errno) {
    file = try openMemoryFile(Self.name)
    write(Entry(code: 0))
  }

  /// A reload begins.
  func begin() {
    number += 1
    write(Entry(number: number))
  }

  /// The reload that has begun is over.
  /// - Parameter lines: the last says what came of it, and is kept where there is no room for all of them.
  func end(code: Int32, _ lines: [String]) {
    write(Entry(number: number, code: code, words: Self.words(lines)))
  }

  private static func words(_ lines: [String]) -> String {
    var kept = lines[...]
    var last: [String] = []
    if lines.reduce(0, { $0 + $1.utf8.count + 1 }) > wordsLimit, let conclusion = kept.popLast() {
      // Half of it, so that the conclusion, of which nothing is cut, has room too.
      var room = wordsLimit / 2
      kept = kept.prefix { line in
        room -= line.utf8.count + 1
        return room >= 0
      }
      last = ["and \(lines.count - 1 - kept.count) lines more, which the log has", conclusion]
    }
    return (kept + last).map { $0 + "\n" }.joined()
  }

  private func write(_ entry: Entry) {
    // Without memory for it nobody is told; the log says it all the same.
    try? replaceContent(file.raw, entry.bytes)
  }

  /// The record of another process; nil where it is no server.
  /// - Throws: `noSuchFileOrDirectory` where there is no such process, `permissionDenied` where it is not to be looked
  ///   into.
  static func open(of pid: Int32) throws(Errno) -> Reading? {
    guard let file = try OtherProcess.memoryFile(name, of: pid) else { return nil }
    return Reading(file)
  }

  /// Whether a process still is a server.
  static func isKept(by pid: Int32) -> Bool {
    do throws(Errno) {
      return try open(of: pid) != nil
    } catch {
      return false
    }
  }

  /// Somebody else's record.
  struct Reading: ~Copyable {
    private let file: Descriptor
    /// The words, and the line before them.
    private static let longest = wordsLimit + 100

    fileprivate init(_ file: consuming Descriptor) { self.file = file }

    /// What it says now; nil in the midst of a change.
    func entry() -> Entry? {
      guard let bytes = try? readAt(file.raw, offset: 0, count: Self.longest) else { return nil }
      return Entry(bytes)
    }
  }
}

extension ReloadRecord.Entry {
  /// A line with number, code and the length of the words; and the words.
  fileprivate var bytes: [UInt8] {
    Array("\(number) \(code.map(String.init) ?? "-") \(words.utf8.count)\n\(words)".utf8)
  }

  fileprivate init?(_ bytes: [UInt8]) {
    guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    let fields = String(decoding: bytes[..<end], as: UTF8.self).split(separator: " ")
    let words = bytes[(end + 1)...]
    guard fields.count == 3, let number = Int(fields[0]), Int(fields[2]) == words.count else { return nil }
    self.number = number
    code = Int32(fields[1])
    self.words = String(decoding: words, as: UTF8.self)
  }
}
