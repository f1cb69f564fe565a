import Glibc
import Testing

@testable import Kernel

/// What moves over descriptors that do not block.
@Suite struct TransferTests {
  init() { ThisProcess.setDispositions() }

  @Test func theResultOfACallIsBytesOrNotYetOrAFailure() {
    #expect(Transfer(0) == .bytes(0))
    #expect(Transfer(17) == .bytes(17))
    #expect(Transfer(-Int(EAGAIN)) == .wouldBlock)
    #expect(Transfer(-Int(ECONNRESET)) == .failed(.connectionReset))
  }

  @Test func anInterruptedCallIsMadeAgainAndAFailureIsGivenOnce() {
    var results = [-Int(EINTR), -Int(EINTR), 5]
    #expect(retrying { results.removeFirst() } == 5)
    results = [-Int(EINTR), -Int(ENOSPC), 5]
    #expect(retrying { results.removeFirst() } == -Int(ENOSPC))
    results = [-Int(EINTR), -Int(ENOENT)]
    #expect(thrown { () throws(Errno) in _ = try throwing { results.removeFirst() } } == .noSuchFileOrDirectory)
    #expect(results.isEmpty)
  }

  @Test func aPipeGivesWhatIsThereThenNotYetThenItsEnd() throws {
    let pipe = try Pipe()
    let readEnd = pipe.readEnd.raw
    let writeEnd = pipe.writeEnd.raw
    #expect(isCloseOnExec(readEnd) && isCloseOnExec(writeEnd))
    #expect(fcntl(readEnd, F_GETFL) & O_NONBLOCK != 0 && fcntl(writeEnd, F_GETFL) & O_NONBLOCK == 0)
    var buffer = array("........")
    #expect(readBytes(readEnd, into: &buffer, at: 0) == .wouldBlock)
    #expect(writeBytes(writeEnd, from: array("xabcx"), 1..<4) == .bytes(3))
    #expect(readBytes(readEnd, into: &buffer, at: 2) == .bytes(3))
    #expect(buffer == array("..abc..."))
    let kept = pipe.takeReadEnd()
    #expect(readBytes(kept.raw, into: &buffer, at: 0) == .bytes(0))
  }

  @Test func aPipeWithoutAReaderIsAnErrorAndNotTheEnd() throws {
    let pair = try SocketPair()
    let pipe = try Pipe()
    let near = pair.closeFar()
    #expect(send(near.raw, [1], 0..<1) == .failed(.brokenPipe))
    let copy = try duplicate(pipe.writeEnd.raw)
    _ = pipe.takeReadEnd()
    #expect(writeBytes(copy.raw, from: [1], 0..<1) == .failed(.brokenPipe))
    #expect(thrown { () throws(Errno) in try writeFully(copy.raw, [1]) } == .brokenPipe)
  }

  @Test func aSocketThatIsFullTakesAPartAndThenNothing() throws {
    let pair = try SocketPair()
    let (near, far) = (pair.near.raw, pair.far.raw)
    let bytes = [UInt8](repeating: 7, count: 1 << 20)
    var sent = 0
    while case .bytes(let count) = send(near, bytes, 0..<bytes.count) {
      sent += count
      try #require(sent < 1 << 26, "a socket without an end")
    }
    #expect(send(near, bytes, 0..<1) == .wouldBlock)
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    var received = 0
    while case .bytes(let count) = receive(far, into: &buffer, at: 0), count > 0 { received += count }
    #expect(received == sent)
    #expect(receive(far, into: &buffer, at: 0) == .wouldBlock)
    shutdownSending(near)
    #expect(receive(far, into: &buffer, at: 0) == .bytes(0))
  }

  @Test func whatIsSentWithMoreArrivesInOnePieceWithWhatFollows() throws {
    let listener = try Listener(SocketAddress(parsing: "127.0.0.1:0"))
    let client = try ClientSocket(connecting: listener.address, deadline: Clock.monotonic() + 5_000_000_000)
    let deadline = Clock.monotonic() + 5_000_000_000
    let sent = eventually {
      guard case .connection(let descriptor, _) = accept(on: listener.descriptor.raw) else { return false }
      setNoDelay(descriptor.raw)
      guard send(descriptor.raw, array("head"), 0..<4, more: true) == .bytes(4) else { return false }
      return send(descriptor.raw, array("body"), 0..<4) == .bytes(4)
    }
    try #require(sent)
    var buffer = [UInt8](repeating: 0, count: 64)
    #expect(try client.receive(into: &buffer, at: 0, deadline: deadline) == 8)
    #expect(Array(buffer[..<8]) == array("headbody"))
  }

  @Test func sendfileSendsItsPartAndNothingPastTheEnd() throws {
    let file = try openMemoryFile("test")
    try writeFully(file.raw, array("0123456789"))
    let pair = try SocketPair()
    let (near, far) = (pair.near.raw, pair.far.raw)
    #expect(sendFile(near, from: file.raw, offset: 3, count: 4) == .bytes(4))
    #expect(sendFile(near, from: file.raw, offset: 8, count: 100) == .bytes(2))
    #expect(sendFile(near, from: file.raw, offset: 10, count: 1) == .bytes(0))
    #expect(sendFile(near, from: file.raw, offset: 1 << 40, count: 1) == .bytes(0))
    var buffer = [UInt8](repeating: 0, count: 16)
    #expect(receive(far, into: &buffer, at: 0) == .bytes(6))
    #expect(Array(buffer[..<6]) == array("345689"))
    let alone = pair.closeFar()
    #expect(sendFile(alone.raw, from: file.raw, offset: 0, count: 1) == .failed(.brokenPipe))
  }

  @Test func aDuplicateIsAnotherDescriptorForTheSameFile() throws {
    let file = try openMemoryFile("test")
    let copy = try duplicate(file.raw)
    #expect(copy.raw != file.raw && copy.raw >= 3 && isCloseOnExec(copy.raw))
    try writeFully(copy.raw, array("abc"))
    #expect(try FileStatus(of: file.raw) == FileStatus(of: copy.raw))
    #expect(try readAt(file.raw, offset: 0, count: 9) == array("abc"))
  }

  @Test func aDescriptorIsClosedWithItsOwner() throws {
    let pipe = try Pipe()
    let copy = try duplicateAndClose(pipe.writeEnd.raw)
    // The number may be anybody's by now; that the writer is gone, the reader knows.
    #expect(copy >= 3)
    let readEnd = pipe.takeReadEnd()
    var buffer: [UInt8] = [0]
    #expect(readBytes(readEnd.raw, into: &buffer, at: 0) == .bytes(0))
  }

  private func duplicateAndClose(_ raw: CInt) throws -> CInt { try duplicate(raw).raw }
}
