// What the tests of this module share: a pipe in the place of a log's destination.

import Kernel
import Testing

/// The read end of a pipe whose write end was given away.
final class Sink {
  private let readEnd: Descriptor

  /// - Parameter give: gets the write end.
  init(_ give: (consuming sending Descriptor) -> Void) throws {
    let pipe = try Pipe(readEndBlocks: true)
    give(try duplicate(pipe.writeEnd.raw))
    readEnd = pipe.takeReadEnd()
  }

  /// Everything up to the end, which comes when the writer has closed its end.
  func readToEnd() -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while case .bytes(let count) = readBytes(readEnd.raw, into: &buffer, at: 0), count > 0 { bytes += buffer[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// One line, without its end.
  func readLine() -> String {
    var line: [UInt8] = []
    var buffer: [UInt8] = [0]
    while readBytes(readEnd.raw, into: &buffer, at: 0) == .bytes(1), buffer[0] != UInt8(ascii: "\n") {
      line.append(buffer[0])
    }
    return String(decoding: line, as: UTF8.self)
  }
}
