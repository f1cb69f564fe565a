// What a worker is sent of a request, decoded at the other end of a socket pair.

import FastCGIWire
import Glibc
import Kernel
import Testing

@testable import Gateway

/// Two stream sockets connected to each other, neither of which blocks.
private final class Line {
  let near: Descriptor
  private var far: Descriptor?
  private(set) var received: [UInt8] = []

  init() throws {
    var ends: [CInt] = [-1, -1]
    let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
    try #require(socketpair(AF_UNIX, kind, 0, &ends) == 0)
    near = Descriptor(owning: ends[0])
    far = Descriptor(owning: ends[1])
  }

  /// Takes what is there.
  func drain() {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while let raw = far?.raw, case .bytes(let count) = receive(raw, into: &buffer, at: 0), count > 0 {
      received += buffer[..<count]
    }
  }

  func closeFar() { far = nil }
  func closeFarsReading() { if let raw = far?.raw { shutdown(raw, CInt(SHUT_RD)) } }
}

@Suite struct WorkerInputTests {
  private let message = array("what stands before")

  /// A spool whose content is in a file without a name.
  private func spooled(_ content: [UInt8]) throws -> BodySpool {
    var limits = Limits()
    limits.bodyMemoryBytes = 1
    let (spool, shared) = (BodySpool(limits: limits), try shared())
    spool.append(content[...])
    guard case .write(let work) = spool.store(shared: shared), let written = work() as? BodySpool.Written else {
      throw Fault(description: "the body stays in memory")
    }
    try #require(written.error == nil)
    spool.file = written.file
    return spool
  }

  private func body(_ count: Int) -> [UInt8] {
    var random = Seeded(state: 0x5EED)
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
  }

  /// Sends everything, while the other end reads; what would wait for the disk is done at once.
  private func sendAll(_ input: inout WorkerInput, over line: Line) throws {
    for _ in 0..<10_000 {
      switch input.send(line.near.raw, message: message) {
      case .sent: return line.drain()
      case .more: line.drain()
      case .waitsForDisk(let work): input.read(work())
      case .failed(let error): throw Fault(description: "send: \(error)")
      case .bodyLost(let error): throw Fault(description: "the body was lost: \(error)")
      }
    }
    throw Fault(description: "it does not come to its end")
  }

  /// The contents of the FCGI_STDIN records that follow the message, which must be all that there is.
  private func stdinRecords(_ bytes: [UInt8], behind message: [UInt8]) throws -> [[UInt8]] {
    try #require(bytes.starts(with: message))
    var records: [[UInt8]] = []
    var index = message.count
    while index < bytes.count {
      try #require(bytes.count - index >= Record.headerBytes, "half a header")
      let header = bytes[index..<(index + Record.headerBytes)].map(Int.init)
      let (content, padding) = (header[4] << 8 | header[5], header[6])
      try #require(header[0] == 1 && header[1] == Int(RecordType.stdin.rawValue) && header[2] << 8 | header[3] == 1)
      let start = index + Record.headerBytes
      index = start + content + padding
      try #require(index <= bytes.count, "half a record")
      records.append(Array(bytes[start..<(start + content)]))
    }
    return records
  }

  @Test(arguments: [
    2, 65_527, 65_528, 65_529, 2 * 65_528, 500_000,
  ])
  func aBodyOfAFileIsOneStreamWithOneEnd(_ count: Int) throws {
    let (content, line) = (body(count), try Line())
    var (input, message) = (WorkerInput(), self.message)
    input.take(try spooled(content), behind: &message)
    #expect(message == self.message, "the file's bytes are not in memory")
    #expect(input.wantsToSend && !input.hasBegun && !input.isSent)
    try sendAll(&input, over: line)
    #expect(!input.wantsToSend && input.hasBegun && input.isSent)
    let records = try stdinRecords(line.received, behind: message)
    #expect(records.last == [], "the end")
    #expect(records.dropLast().allSatisfy { !$0.isEmpty })
    #expect(records.joined().elementsEqual(content))
    #expect(records.count == (count + 65_527) / 65_528 + 1)
  }

  @Test func aBodyInMemoryStandsBehindTheMessage() throws {
    for content in [[], array("short"), body(60_000)] {
      let spool = BodySpool(limits: Limits())
      spool.append(content[...])
      var (input, message) = (WorkerInput(), self.message)
      input.take(spool, behind: &message)
      let records = try stdinRecords(message, behind: self.message)
      #expect(records.last == [] && records.joined().elementsEqual(content))
      let line = try Line()
      #expect({ if case .sent = input.send(line.near.raw, message: message) { true } else { false } }())
      line.drain()
      #expect(line.received == message)
    }
  }

  @Test func fromTheBeginningItIsTheSameForAnotherWorkerWhereverItWas() throws {
    let content = body(2_000_000)
    var (input, message) = (WorkerInput(), self.message)
    input.take(try spooled(content), behind: &message)
    for readings in 0..<4 {
      // A worker that dies in the midst of it: at another place each time.
      let dying = try Line()
      for _ in 0..<readings {
        _ = input.send(dying.near.raw, message: message)
        dying.drain()
      }
      if readings == 3 {
        dying.closeFar()
        #expect(failure(&input, dying) == .brokenPipe)
      }
      input.rewind()
      #expect(!input.hasBegun && input.wantsToSend)
    }
    let line = try Line()
    try sendAll(&input, over: line)
    #expect(try stdinRecords(line.received, behind: message).joined().elementsEqual(content))
  }

  /// What a send fails with.
  private func failure(_ input: inout WorkerInput, _ line: Line) -> Errno? {
    for _ in 0..<1_000 {
      switch input.send(line.near.raw, message: message) {
      case .failed(let error): return error
      case .waitsForDisk(let work): input.read(work())
      case .sent, .bodyLost: return nil
      case .more: line.drain()
      }
    }
    return nil
  }

  @Test func aWorkerThatTakesNoMoreIsNotWrittenToAgain() throws {
    var (input, message) = (WorkerInput(), self.message)
    input.take(try spooled(body(400_000)), behind: &message)
    let line = try Line()
    // It may still answer: only its reading side is closed, and the socket would be writable for ever.
    line.closeFarsReading()
    #expect(failure(&input, line) == .brokenPipe)
    #expect(!input.wantsToSend && !input.isSent)
    #expect(!input.hasBegun, "it has taken nothing")
  }

  @Test func whatWaitsForTheDiskIsNotSentBeforeItIsThere() throws {
    let content = body(100_000)
    let spool = try spooled(content)
    var (input, message) = (WorkerInput(), self.message)
    input.take(spool, behind: &message)
    let file = try #require(spool.file)
    // A file that is shorter than it was cannot be read without waiting.
    try #require(ftruncate(file.descriptor.raw, 70_000) == 0)
    let line = try Line()
    var waited: (@Sendable () -> any Sendable)?
    for _ in 0..<100 where waited == nil {
      if case .waitsForDisk(let work) = input.send(line.near.raw, message: message) { waited = work }
      line.drain()
    }
    let work = try #require(waited)
    #expect(!input.wantsToSend && !input.isSent)
    #expect({ if case .more = input.send(line.near.raw, message: message) { true } else { false } }())
    // By now it is whole again, as after a wait.
    try #require(pwrite(file.descriptor.raw, content, content.count, 0) == content.count)
    input.read(work())
    #expect(input.wantsToSend)
    // A second answer of the same kind, as after a new beginning, is none.
    input.read(work())
    try sendAll(&input, over: line)
    #expect(try stdinRecords(line.received, behind: message).joined().elementsEqual(content))
  }

  @Test func aFileThatLostItsBytesIsNotTakenForAWorkersDeath() throws {
    let content = body(100_000)
    let spool = try spooled(content)
    var (input, message) = (WorkerInput(), self.message)
    input.take(spool, behind: &message)
    let file = try #require(spool.file)
    try #require(ftruncate(file.descriptor.raw, 70_000) == 0)
    #expect(try lost(&input) == .ioError)
    input.rewind()
    #expect(try lost(&input) == .ioError)
    // Once it can be read, nothing is left of that.
    try #require(pwrite(file.descriptor.raw, content, content.count, 0) == content.count)
    input.rewind()
    let line = try Line()
    try sendAll(&input, over: line)
    #expect(try stdinRecords(line.received, behind: message).joined().elementsEqual(content))
  }

  private func lost(_ input: inout WorkerInput) throws -> Errno? {
    let line = try Line()
    for _ in 0..<100 {
      switch input.send(line.near.raw, message: message) {
      case .bodyLost(let error): return error
      case .waitsForDisk(let work): input.read(work())
      case .more: line.drain()
      case .sent, .failed: return nil
      }
    }
    return nil
  }
}
