import HTTPWire
import Kernel

/// Reads a request's body: its framing off, its limit kept, its bytes into a spool.
final class BodyReader {
  private enum Framing {
    case length(remaining: Int)
    case chunked(ChunkedDecoder, finished: Bool)
  }

  enum Verdict {
    /// Read up to there.
    case read(Int)
    case refused(Refusal)
  }

  let spool: BodySpool
  let startedAt: Int64
  private var framing: Framing
  private let limitBytes: Int
  /// How many bytes have come, framing included.
  private(set) var received = 0

  /// - Parameters:
  ///   - contentLength: nil for a chunked body.
  ///   - limitBytes: how long the body may be.
  init(contentLength: Int?, limitBytes: Int, spool: BodySpool, now: Int64) {
    if let contentLength {
      framing = .length(remaining: contentLength)
    } else {
      framing = .chunked(ChunkedDecoder(), finished: false)
    }
    self.limitBytes = limitBytes
    self.spool = spool
    startedAt = now
  }

  var isComplete: Bool {
    switch framing {
    case .length(let remaining): remaining == 0
    case .chunked(_, let finished): finished
    }
  }

  /// Takes `bytes[range]`, up to where the body ends.
  func read(_ bytes: borrowing [UInt8], _ range: Range<Int>) -> Verdict {
    switch framing {
    case .length(let remaining):
      let count = min(remaining, range.count)
      spool.append(bytes[range.lowerBound..<(range.lowerBound + count)])
      framing = .length(remaining: remaining - count)
      received += count
      return .read(range.lowerBound + count)
    case .chunked(var decoder, _):
      let verdict = readChunks(&decoder, bytes, range)
      if case .read(let end) = verdict { received += end - range.lowerBound }
      return verdict
    }
  }

  private func readChunks(_ decoder: inout ChunkedDecoder, _ bytes: borrowing [UInt8], _ range: Range<Int>) -> Verdict {
    var position = range.lowerBound
    while true {
      switch decoder.next(bytes.span.extracting(0..<range.upperBound), from: position) {
      case .needMore(let consumed):
        framing = .chunked(decoder, finished: false)
        return .read(consumed)
      case .data(let data):
        if spool.count + data.count > limitBytes { return .refused(.bodyTooLarge(limitBytes)) }
        spool.append(bytes[data])
        position = data.upperBound
      case .finished(let end):
        framing = .chunked(decoder, finished: true)
        return .read(end)
      case .refused(let refusal):
        return .refused(refusal)
      }
    }
  }
}

extension Refusal {
  static func bodyTooLarge(_ limitBytes: Int) -> Refusal {
    Refusal(status: 413, reason: "the body is too long", limit: LimitHit(key: "max_body", value: limitBytes))
  }
}

/// Keeps a body until a program takes it: in memory while it is small, then in a file without a name.
final class BodySpool {
  /// What a helper thread reports.
  struct Written: Sendable {
    var file: SpoolFile?
    var error: Errno?
  }

  /// A file of a body, and the room that it takes from all bodies' limit.
  final class SpoolFile: Sendable {
    let descriptor: Descriptor
    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
  }

  enum Storing {
    case inMemory
    case noRoom
    /// To be done by a helper thread; gives a `Written`.
    case write(@Sendable () -> any Sendable)
  }

  var file: SpoolFile?
  private(set) var count = 0
  private var memory: [UInt8] = []
  private let memoryLimit: Int
  private let directory: String
  private let totalLimit: Int
  private var taken = 0
  private var shared: Shared?

  init(limits: Limits) {
    memoryLimit = limits.bodyMemoryBytes
    directory = limits.spoolDirectory
    totalLimit = limits.spoolTotalBytes
  }

  deinit { shared?.giveBackSpool(taken) }

  func append(_ bytes: ArraySlice<UInt8>) {
    memory.append(contentsOf: bytes)
    count += bytes.count
  }

  /// Whether what is in memory is to be written out before more is read.
  var isFull: Bool { memory.count > memoryLimit }

  /// Decides where what came is kept.
  func store(shared: Shared) -> Storing {
    if file == nil, !isFull { return .inMemory }
    if memory.isEmpty { return .inMemory }
    self.shared = shared
    guard shared.takeSpool(memory.count, limit: totalLimit) else { return .noRoom }
    taken += memory.count
    let piece = memory
    memory = []
    let file = self.file
    let directory = self.directory
    return .write {
      do throws(Errno) {
        let target = if let file { file } else { SpoolFile(try openTemporary(in: directory)) }
        try writeFully(target.descriptor.raw, piece)
        return Written(file: target, error: nil)
      } catch {
        return Written(file: file, error: error)
      }
    }
  }

  /// A body that no file holds; it is the caller's then.
  func takeMemory() -> [UInt8] {
    precondition(file == nil, "the body is in a file")
    defer { memory = [] }
    return memory
  }

  /// The body as a program's standard input, read from its beginning; nil for one without a byte.
  /// - Throws: what memfd_create(2) and write(2) do.
  func openInput() throws(Errno) -> SpoolFile? {
    if let file {
      rewind(file.descriptor.raw)
      return file
    }
    if memory.isEmpty { return nil }
    // Not a pipe: nobody has to stand by and push the rest when a program reads slowly, or not at all.
    let input = SpoolFile(try openMemoryFile("tollgate-body"))
    try writeFully(input.descriptor.raw, memory)
    rewind(input.descriptor.raw)
    memory = []
    return input
  }
}
