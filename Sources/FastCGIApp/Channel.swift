// Where the bytes of one request come from and where its answer goes: records of FastCGI, or the three descriptors of
// a CGI program.

import CFCGI
import Glibc

/// One request's variables and streams. Once it is finished, each of its functions throws `requestIsOver`.
protocol Channel: AnyObject {
  /// The variables as `NAME=value`, up to a null pointer; nil once the request is over.
  var variables: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? { get }

  /// Whether the end of the body is the end of its stream, and not to be known by CONTENT_LENGTH alone.
  var bodyHasEnd: Bool { get }

  /// Reads what has come of the body, and waits where nothing has.
  /// - Returns: how many bytes; 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int

  func write(_ bytes: UnsafeRawBufferPointer) throws
  func flush() throws

  /// Writes to the error stream, as far as that takes something.
  func writeError(_ bytes: UnsafeRawBufferPointer)

  /// Sends what is left to send, and lets go of the request.
  func finish(bodyIsRead: Bool, failed: Bool)
}

/// A request that libfcgi has accepted.
final class FastCGIChannel: Channel {
  /// How much of a body that nobody wanted is read away, so that the connection can be kept; else it is closed.
  static let drainBytes = 1 << 20

  private var state: UnsafeMutablePointer<FCGX_Request>?

  init(_ state: UnsafeMutablePointer<FCGX_Request>) { self.state = state }

  var variables: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? { state?.pointee.envp }
  var bodyHasEnd: Bool { true }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard let stream = state?.pointee.in else { throw FastCGIError.requestIsOver }
    guard let start = buffer.baseAddress?.assumingMemoryBound(to: CChar.self) else { return 0 }
    // FCGX_GetStr waits until all that it was asked for is there. Asked for a byte it waits for what comes next, and
    // the rest of that lies in the stream's buffer then.
    guard FCGX_GetStr(start, 1, stream) == 1 else {
      if FCGX_GetError(stream) != 0 { throw FastCGIError.bodyCutShort }
      return 0
    }
    let ready = min(stream.pointee.stop - stream.pointee.rdNext, buffer.count - 1)
    return ready > 0 ? 1 + Int(FCGX_GetStr(start + 1, Int32(ready), stream)) : 1
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard let stream = state?.pointee.out else { throw FastCGIError.requestIsOver }
    guard put(bytes, into: stream) else { throw FastCGIError.clientIsGone }
  }

  func flush() throws {
    guard let stream = state?.pointee.out else { throw FastCGIError.requestIsOver }
    guard FCGX_FFlush(stream) == 0 else { throw FastCGIError.clientIsGone }
  }

  func writeError(_ bytes: UnsafeRawBufferPointer) {
    guard let stream = state?.pointee.err else { return }
    if put(bytes, into: stream) { FCGX_FFlush(stream) }
  }

  private func put(_ bytes: UnsafeRawBufferPointer, into stream: UnsafeMutablePointer<FCGX_Stream>) -> Bool {
    let mostBytes = 1 << 20  // FCGX_PutStr counts in int.
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = rest.prefix(mostBytes)
      let start = UnsafeRawBufferPointer(rebasing: piece).baseAddress?.assumingMemoryBound(to: CChar.self)
      guard FCGX_PutStr(start, Int32(piece.count), stream) == Int32(piece.count) else { return false }
      rest = rest.dropFirst(piece.count)
    }
    return true
  }

  func finish(bodyIsRead: Bool, failed: Bool) {
    guard let state else { return }
    // libfcgi keeps the status of one request for the next.
    FCGX_SetExitStatus(failed ? 1 : 0, state.pointee.out)
    // Who still sends a body shall not have to wait for the answer until it is sent.
    if !bodyIsRead { FCGX_FFlush(state.pointee.out) }
    if state.pointee.keepConnection != 0, !drain(state.pointee.in) { state.pointee.keepConnection = 0 }
    FCGX_Finish_r(state)
    self.state = nil
  }

  /// Reads the body to the end of its stream. libfcgi does not, and takes what is left, be it the empty record at the
  /// end, for the start of the connection's next request.
  /// - Returns: whether it came to the end.
  private func drain(_ stream: UnsafeMutablePointer<FCGX_Stream>) -> Bool {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 8192) { buffer in
      for _ in 0..<Self.drainBytes / buffer.count {
        let count = FCGX_GetStr(buffer.baseAddress, Int32(buffer.count), stream)
        if count < Int32(buffer.count) { return FCGX_GetError(stream) == 0 }
      }
      return false
    }
  }
}

/// The one request of a CGI program (RFC 3875, section 4).
final class CGIChannel: Channel {
  private var isOver = false
  private var output: [UInt8] = []

  var variables: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? { isOver ? nil : cfcgi_environment() }
  /// A script must not read beyond CONTENT_LENGTH, since an end may never come (section 4.2).
  var bodyHasEnd: Bool { false }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard !isOver else { throw FastCGIError.requestIsOver }
    while true {
      let count = Glibc.read(0, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      guard errno == EINTR else { throw FastCGIError.bodyCutShort }
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard !isOver else { throw FastCGIError.requestIsOver }
    output.append(contentsOf: bytes)
    if output.count >= 8192 { try flush() }
  }

  func flush() throws {
    guard !isOver else { throw FastCGIError.requestIsOver }
    defer { output.removeAll(keepingCapacity: true) }
    guard output.withUnsafeBytes({ writeAll($0, to: 1) }) else { throw FastCGIError.clientIsGone }
  }

  func writeError(_ bytes: UnsafeRawBufferPointer) {
    if !isOver { _ = writeAll(bytes, to: 2) }
  }

  private func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if count < 0 && errno != EINTR { return false }
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(max(count, 0)))
    }
    return true
  }

  func finish(bodyIsRead: Bool, failed: Bool) {
    try? flush()
    isOver = true
  }
}
