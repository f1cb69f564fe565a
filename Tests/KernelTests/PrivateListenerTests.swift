// A listening socket without a name, and connecting without waiting.

import Glibc
import Testing

@testable import Kernel

/// What an attempt came to, with the descriptor kept open as long as this is.
private final class Attempt {
  enum Outcome: Equatable {
    case connected, inProgress
    case failed(Errno)
  }

  let outcome: Outcome
  /// -1 where it has failed.
  let raw: CInt
  private let descriptor: Descriptor?

  init(_ address: SocketAddress) {
    switch startConnecting(to: address) {
    case .connected(let made):
      (outcome, raw) = (.connected, made.raw)
      descriptor = consume made
    case .inProgress(let made):
      (outcome, raw) = (.inProgress, made.raw)
      descriptor = consume made
    case .failed(let error):
      (outcome, raw) = (.failed(error), -1)
      descriptor = nil
    }
  }
}

private func isBlocking(_ raw: CInt) -> Bool { fcntl(raw, F_GETFL) & O_NONBLOCK == 0 }

/// Waits up to ten seconds for a descriptor to be ready.
private func isReady(_ raw: CInt, for events: CInt) -> Bool {
  var entry = pollfd(fd: raw, events: Int16(events), revents: 0)
  return poll(&entry, 1, 10_000) == 1
}

/// The Unix sockets of this machine, a line each, as /proc/net/unix has them.
private func unixSocketLines() throws -> [String] {
  let file = Descriptor(owning: open("/proc/net/unix", O_RDONLY | O_CLOEXEC))
  var (all, buffer): ([UInt8], [UInt8]) = ([], [UInt8](repeating: 0, count: 65_536))
  while case .bytes(let count) = readBytes(file.raw, into: &buffer, at: 0), count > 0 { all += buffer[..<count] }
  return String(decoding: all, as: UTF8.self).split(separator: "\n").map(String.init)
}

/// The number of a descriptor's socket, as /proc/net/unix has it.
private func inode(of raw: CInt) -> UInt64 {
  var status = stat()
  return fstat(raw, &status) == 0 ? UInt64(status.st_ino) : 0
}

@Suite struct PrivateListenerTests {
  @Test func itsHolderConnectsToItAndBytesGoBothWays() throws {
    let listener = try PrivateListener()
    let attempt = Attempt(listener.address)
    try #require(attempt.outcome == .connected)
    #expect(isCloseOnExec(attempt.raw) && !isBlocking(attempt.raw))
    let accepted = Descriptor(owning: accept(listener.descriptor.raw, nil, nil))
    #expect(Kernel.send(attempt.raw, array("to it"), 0..<5) == .bytes(5))
    var buffer = [UInt8](repeating: 0, count: 16)
    #expect(readBytes(accepted.raw, into: &buffer, at: 0) == .bytes(5))
    #expect(array("to it") == Array(buffer[..<5]))
    #expect(writeBytes(accepted.raw, from: array("back"), 0..<4) == .bytes(4))
    #expect(Kernel.receive(attempt.raw, into: &buffer, at: 0) == .bytes(4))
  }

  @Test func itListensAsAProgramExpectsThatGetsIt() throws {
    let listener = try PrivateListener()
    #expect(isBlocking(listener.descriptor.raw), "accept waits")
    #expect(isCloseOnExec(listener.descriptor.raw))
    var (listens, type, size) = (CInt(0), CInt(0), socklen_t(MemoryLayout<CInt>.size))
    #expect(getsockopt(listener.descriptor.raw, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens == 1)
    #expect(getsockopt(listener.descriptor.raw, SOL_SOCKET, SO_TYPE, &type, &size) == 0)
    #expect(type == CInt(SOCK_STREAM.rawValue))
  }

  @Test func noFileIsLeftAndNobodyFindsItByItsName() throws {
    let listener = try PrivateListener()
    // /proc/net/unix still tells the path that it was bound to: it leads nowhere.
    let line = try unixSocketLines().first { $0.contains(" \(inode(of: listener.descriptor.raw)) ") }
    let path = try #require(line?.split(separator: " ").last.map(String.init))
    #expect(path.hasPrefix("/tmp/tollgate-"))
    #expect(access(path, F_OK) == -1 && errno == ENOENT)
    let directory = path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
    #expect(access(directory, F_OK) == -1 && errno == ENOENT, "\(directory)")
    #expect(Attempt(try SocketAddress(parsing: "unix:\(path)")).outcome == .failed(.noSuchFileOrDirectory))
    // To whoever makes a socket of that name again it is another one.
    #expect(mkdir(directory, 0o700) == 0)
    defer { rmdir(directory) }
    let other = try Listener(SocketAddress(parsing: "unix:\(path)"))
    #expect(Attempt(other.address).outcome == .connected)
    #expect(!hasWaitingConnection(listener.descriptor.raw))
    #expect(Attempt(listener.address).outcome == .connected)
    #expect(hasWaitingConnection(listener.descriptor.raw))
  }

  private func hasWaitingConnection(_ raw: CInt) -> Bool {
    var entry = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) == 1
  }

  @Test func eachHasAnAddressOfItsOwnAndItsEndEndsIt() throws {
    let kept = try PrivateListener()
    let address = try addressOfOneThatEnded(beside: kept.address)
    // The descriptor by which it was found is closed, and its number may be another's by now: not a listener's.
    #expect(Attempt(address).outcome != .connected)
    #expect(Attempt(kept.address).outcome == .connected)
  }

  private func addressOfOneThatEnded(beside other: SocketAddress) throws -> SocketAddress {
    let ended = try PrivateListener()
    #expect(ended.address != other)
    #expect(Attempt(ended.address).outcome == .connected)
    return ended.address
  }

  @Test func aFullBacklogSaysAgainAtOnceAndThereIsRoomWhenOneIsAccepted() throws {
    let listener = try PrivateListener(backlog: 2)
    var attempts: [Attempt] = []
    while attempts.count < 20, attempts.last?.outcome ?? .connected == .connected {
      attempts.append(Attempt(listener.address))
    }
    // The kernel lets one more in than the backlog says.
    #expect(attempts.count == 4)
    #expect(attempts.last?.outcome == .failed(.resourceTemporarilyUnavailable))
    let accepted = Descriptor(owning: accept(listener.descriptor.raw, nil, nil))
    #expect(accepted.raw >= 0)
    #expect(Attempt(listener.address).outcome == .connected)
  }

  @Test func aConnectionMadeBeforeAnybodyAcceptsKeepsWhatItWasSent() throws {
    let listener = try PrivateListener()
    let early = Attempt(listener.address)
    #expect(Kernel.send(early.raw, array("early"), 0..<5) == .bytes(5))
    let accepted = Descriptor(owning: accept(listener.descriptor.raw, nil, nil))
    var buffer = [UInt8](repeating: 0, count: 16)
    #expect(readBytes(accepted.raw, into: &buffer, at: 0) == .bytes(5))
  }
}

@Suite struct ConnectingTests {
  @Test func whereNobodyListensTheRefusalIsToldAtOnceOrByTheDescriptor() throws {
    // A port that was another's and is nobody's now.
    let address = try { try Listener(SocketAddress(parsing: "127.0.0.1:0")).address }()
    let attempt = Attempt(address)
    switch attempt.outcome {
    case .connected: Issue.record("connected to nobody")
    case .failed(let error): #expect(error == .connectionRefused)
    case .inProgress:
      #expect(isReady(attempt.raw, for: POLLOUT))
      #expect(connectionError(attempt.raw) == .connectionRefused)
    }
    let directory = try TemporaryDirectory()
    let path = try SocketAddress(parsing: "unix:\(directory["s"])")
    #expect(Attempt(path).outcome == .failed(.noSuchFileOrDirectory))
    try directory.write("s", "")
    #expect(Attempt(path).outcome == .failed(.connectionRefused), "a file that is no socket")
  }

  @Test func aConnectionThatIsAcceptedInTheBackgroundIsToldByTheDescriptor() throws {
    let listener = try Listener(SocketAddress(parsing: "127.0.0.1:0"))
    let attempt = Attempt(listener.address)
    #expect(attempt.outcome == .inProgress)
    #expect(isReady(attempt.raw, for: POLLOUT))
    #expect(connectionError(attempt.raw) == nil)
    #expect(isCloseOnExec(attempt.raw) && !isBlocking(attempt.raw))
    var (noDelay, size) = (CInt(0), socklen_t(MemoryLayout<CInt>.size))
    #expect(getsockopt(attempt.raw, CInt(IPPROTO_TCP), TCP_NODELAY, &noDelay, &size) == 0 && noDelay == 1)
  }

  @Test func aConnectionThatNobodyAnswersGoesOn() throws {
    // A backlog that is full: the kernel lets the SYNs fall, and the connect neither succeeds nor fails.
    let raw = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    let listener = Descriptor(owning: raw)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener.raw, $0, size) == 0 && listen(listener.raw, 0) == 0 && getsockname(listener.raw, $0, &size) == 0
      }
    }
    try #require(bound)
    let target = try SocketAddress(parsing: "127.0.0.1:\(UInt16(bigEndian: address.sin_port))")
    let attempts = (0..<4).map { _ in Attempt(target) }
    #expect(attempts.allSatisfy { $0.outcome == .inProgress })
    var entry = pollfd(fd: attempts[3].raw, events: Int16(POLLOUT), revents: 0)
    #expect(poll(&entry, 1, 50) == 0)
    #expect(connectionError(attempts[3].raw) == nil, "nothing is known yet")
  }
}
