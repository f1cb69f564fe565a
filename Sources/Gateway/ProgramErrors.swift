import Kernel
import Log

/// A program's standard error on its way to the log, a line at a time, with the script's name.
final class ProgramErrors {
  enum Outcome { case more, ended }

  private let pipe: ProgramPipe
  private let name: String
  private let log: Logger
  private var lines: ErrorLines

  init(_ pipe: ProgramPipe, of name: String, lineLimit: Int, log: Logger) {
    self.pipe = pipe
    self.name = name
    self.log = log
    lines = ErrorLines(limitBytes: lineLimit)
  }

  /// Reads once, by way of a buffer that is the loop's.
  func read(into buffer: inout [UInt8]) -> Outcome {
    switch readBytes(pipe.raw, into: &buffer, at: 0) {
    case .bytes(0), .failed:
      write(lines.end())
      return .ended
    case .bytes(let count):
      write(lines.take(buffer[..<count]))
      return .more
    case .wouldBlock: return .more
    }
  }

  /// Reads what is there now, and the last line even where it has no end. Not more than a pipe holds: a descendant
  /// may go on writing for ever.
  func drain(into buffer: inout [UInt8]) {
    var left = Self.pipeBytes
    while left > 0, case .bytes(let count) = readBytes(pipe.raw, into: &buffer, at: 0), count > 0 {
      write(lines.take(buffer[..<count]))
      left -= count
    }
    write(lines.end())
  }

  /// What a pipe holds, pipe(7).
  private static let pipeBytes = 65_536

  func close() { pipe.close() }

  private func write(_ lines: [String]) {
    for line in lines { log.notice("\(name): stderr: \(line)") }
  }
}

/// Cuts what a program writes to its standard error into lines.
struct ErrorLines {
  private var line: [UInt8] = []
  private var cut = false
  private let limitBytes: Int

  /// - Parameter limitBytes: what a line has beyond this is left out, and said to be.
  init(limitBytes: Int) { self.limitBytes = limitBytes }

  mutating func take(_ bytes: ArraySlice<UInt8>) -> [String] {
    var lines: [String] = []
    for byte in bytes {
      if byte == UInt8(ascii: "\n") {
        lines.append(text)
        line.removeAll(keepingCapacity: true)
        cut = false
      } else if line.count < limitBytes {
        line.append(byte)
      } else {
        cut = true
      }
    }
    return lines
  }

  /// The last line, where it has no end.
  mutating func end() -> [String] {
    defer { line.removeAll() }
    return line.isEmpty ? [] : [text]
  }

  private var text: String {
    String(decoding: line, as: UTF8.self) + (cut ? " […cut at \(limitBytes) bytes]" : "")
  }
}
