// What a worker is sent: the request as one message, and of a long body the rest from its file, piece by piece.

import EventLoop
import FastCGIWire
import Kernel

struct WorkerInput {
  enum Outcome {
    /// Everything.
    case sent
    /// The socket takes no more now.
    case more
    /// To be done by a helper thread; what it gives is for `read`.
    case waitsForDisk(@Sendable () -> any Sendable)
    /// The worker's end is closed: nothing more can be sent.
    case failed(Errno)
    /// The body's file cannot be read.
    case bodyLost(Errno)
  }

  /// What a helper thread read of the body's file.
  private struct Piece: Sendable {
    var offset: Int
    var bytes: [UInt8]
    var error: Errno?
  }

  /// Kept to the end, since the file takes room as long as it is open.
  private var body: BodySpool?
  private var sent = 0
  private var piece: [UInt8] = []
  private var pieceSent = 0
  /// How much of the file is in pieces that were made.
  private var offset = 0
  private var fileBytes = 0
  /// Whether the end of the stream is framed.
  private var hasEnd = false
  /// Whether everything has been sent.
  private(set) var isSent = false
  private var isWaiting = false
  private var isBroken = false
  private var error: Errno?

  /// Takes the request's body: what is in memory goes behind the message at once.
  mutating func take(_ spool: BodySpool, behind message: inout [UInt8]) {
    if spool.file != nil {
      body = spool
      fileBytes = spool.count
      return
    }
    let bytes = spool.takeMemory()
    RecordWriter.appendStream(.stdin, id: FastCGIRun.requestID, bytes.span, to: &message)
    RecordWriter.appendEndOfStream(.stdin, id: FastCGIRun.requestID, to: &message)
  }

  /// Whether the socket is to be watched for room.
  var wantsToSend: Bool { !isSent && !isWaiting && !isBroken }

  /// Whether the worker's socket has taken a byte.
  var hasBegun: Bool { sent > 0 }

  /// Whether nothing of the request can be left on the connection when the worker has answered, to be taken for the
  /// beginning of the next one: libfcgi lets go of what a program has not read with the 8 KiB that it reads at a time,
  /// and chokes on what is behind that. A longer request is the last of its connection.
  var leavesNothingUnread: Bool { isSent && body == nil && sent <= 8192 }

  /// Starts from the beginning, for another worker.
  mutating func rewind() {
    (sent, pieceSent, offset) = (0, 0, 0)
    piece = []
    (hasEnd, isSent, isWaiting, isBroken) = (false, false, false, false)
    error = nil
  }

  /// Sends as much as the socket takes.
  mutating func send(_ raw: Int32, message: [UInt8]) -> Outcome {
    if isWaiting { return .more }
    while !isSent {
      if let error { return .bodyLost(error) }
      if sent < message.count {
        switch Kernel.send(raw, message, sent..<message.count) {
        case .bytes(let count): sent += count
        case .wouldBlock: return .more
        case .failed(let error): return fail(error)
        }
      } else if pieceSent < piece.count {
        switch Kernel.send(raw, piece, pieceSent..<piece.count) {
        case .bytes(let count): pieceSent += count
        case .wouldBlock: return .more
        case .failed(let error): return fail(error)
        }
      } else if body == nil || hasEnd {
        isSent = true
      } else if let work = nextPiece() {
        isWaiting = true
        return .waitsForDisk(work)
      }
    }
    return .sent
  }

  private mutating func fail(_ error: Errno) -> Outcome {
    isBroken = true
    return .failed(error)
  }

  /// Makes the next record of the body's file, or gives the work that does it where that waits for the disk.
  private mutating func nextPiece() -> (@Sendable () -> any Sendable)? {
    let count = min(fileBytes - offset, Record.fullContentBytes)
    if count == 0 {
      frame([])
      return nil
    }
    guard let file = body?.file else { preconditionFailure("a body without its file") }
    if let bytes = readAtIfCached(file.descriptor.raw, offset: offset, count: count) {
      frame(bytes)
      return nil
    }
    let offset = self.offset
    return {
      do throws(Errno) {
        let bytes = try readAt(file.descriptor.raw, offset: offset, count: count)
        return Piece(offset: offset, bytes: bytes, error: bytes.count == count ? nil : .ioError)
      } catch {
        return Piece(offset: offset, bytes: [], error: error)
      }
    }
  }

  /// A helper thread has read.
  mutating func read(_ value: any Sendable) {
    guard let read = value as? Piece else { preconditionFailure("a piece of a body was expected") }
    // Of before a new beginning.
    if read.offset != offset || !isWaiting { return }
    isWaiting = false
    error = read.error
    if error == nil { frame(read.bytes) }
  }

  private mutating func frame(_ bytes: [UInt8]) {
    offset += bytes.count
    pieceSent = 0
    piece.removeAll(keepingCapacity: true)
    hasEnd = bytes.isEmpty
    if hasEnd {
      RecordWriter.appendEndOfStream(.stdin, id: FastCGIRun.requestID, to: &piece)
    } else {
      RecordWriter.appendStream(.stdin, id: FastCGIRun.requestID, bytes.span, to: &piece)
    }
  }
}
