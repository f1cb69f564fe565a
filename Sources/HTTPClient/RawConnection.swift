// A connection whose bytes are its caller's: for tests that say exactly what is sent, and under HTTPClient.

import HTTPWire
import Kernel

/// An answer as it was read from a connection.
public struct Response: Sendable {
  /// The final head; interim ones (1xx) were passed over.
  public var head: ResponseHead
  /// The statuses of the interim heads before it, in their order.
  public var interimStatuses: [Int] = []
  /// The body without its framing, up to the cap that was given.
  public var body: [UInt8] = []
  /// The whole body's length without its framing, kept or not.
  public var bodyLength: Int64 = 0
  /// Final head and body as they came, framing included.
  public var wireBytes: Int64 = 0
  /// When the final head's first byte was there: nanoseconds of the monotonic clock.
  public var firstByteAt: Int64 = 0
  /// When its last byte was there.
  public var headAt: Int64 = 0
  /// When the body's last byte was there.
  public var lastByteAt: Int64 = 0

  public var status: Int { head.status }
  /// Whether the whole body was kept.
  public var isBodyComplete: Bool { Int64(body.count) == bodyLength }
}

/// A connection to a server, with bytes that were read and not yet used.
///
/// Every operation waits for at most the connection's timeout; while an answer is read, the timeout is for the
/// whole of it.
public struct RawConnection: ~Copyable {
  private let socket: ClientSocket
  /// Where it is connected to.
  public let peer: SocketAddress
  /// For each operation, in milliseconds.
  public var timeoutMilliseconds: Int
  private var buffer = [UInt8](repeating: 0, count: 65_536)
  private var start = 0
  private var end = 0

  /// Connects to an address as users write it: `host:port`, `[v6]:port` or `unix:/path`.
  /// - Throws: `malformedURL`, `cannotConnect` or `timedOut`.
  public init(to address: String, timeoutMilliseconds: Int = 10_000) throws(ClientError) {
    let parsed: SocketAddress
    do throws(SocketAddress.Malformed) {
      parsed = try SocketAddress(parsing: address)
    } catch {
      throw .malformedURL(error.description)
    }
    try self.init(toFirstOf: [parsed], timeoutMilliseconds: timeoutMilliseconds)
  }

  /// Connects to the first of several addresses that takes the connection.
  /// - Throws: `cannotConnect` or `timedOut`, for the last address tried.
  public init(toFirstOf addresses: [SocketAddress], timeoutMilliseconds: Int = 10_000) throws(ClientError) {
    var peer = SocketAddress?.none
    socket = try Self.connect(toFirstOf: addresses, timeoutMilliseconds, &peer)
    self.peer = peer!
    self.timeoutMilliseconds = timeoutMilliseconds
  }

  private static func connect(
    toFirstOf addresses: [SocketAddress], _ timeoutMilliseconds: Int, _ peer: inout SocketAddress?
  ) throws(ClientError) -> ClientSocket {
    var failure = ClientError.cannotConnect("no address to connect to")
    let deadline = Clock.monotonic() + Int64(timeoutMilliseconds) * 1_000_000
    for address in addresses {
      do throws(Errno) {
        peer = address
        return try ClientSocket(connecting: address, deadline: deadline)
      } catch {
        failure =
          error == .timedOut
          ? .timedOut("\(address.text) does not take the connection within \(seconds(timeoutMilliseconds))")
          : .cannotConnect("cannot connect to \(address.text): \(error)")
      }
    }
    throw failure
  }

  static func seconds(_ milliseconds: Int) -> String {
    milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
  }

  private var deadline: Int64 { Clock.monotonic() + Int64(timeoutMilliseconds) * 1_000_000 }

  /// Sends all of these bytes.
  /// - Throws: `connectionLost` or `timedOut`.
  public func send(_ bytes: [UInt8]) throws(ClientError) {
    do throws(Errno) {
      try socket.send(bytes, deadline: deadline)
    } catch {
      throw error == .timedOut
        ? .timedOut("the server takes no more bytes for \(Self.seconds(timeoutMilliseconds))")
        : .connectionLost("the connection broke while sending: \(error)")
    }
  }

  /// Sends a text as UTF-8.
  public func send(_ text: String) throws(ClientError) { try send(Array(text.utf8)) }

  /// Says that nothing more will be sent; answers can still be read.
  public func finishSending() { socket.finishSending() }

  /// Breaks the connection off with a reset.
  public consuming func abort() { socket.abort() }

  /// Sets the socket's receive buffer, so that a server soon meets a reader that does not read.
  public func setReceiveBuffer(bytes: Int) { socket.setReceiveBuffer(bytes: bytes) }

  /// Reads until the peer ends the stream.
  /// - Throws: `connectionLost` on a reset, `timedOut`, and `protocolError` beyond `limitBytes`.
  public mutating func readUntilClosed(limitBytes: Int = 64 << 20) throws(ClientError) -> [UInt8] {
    let until = deadline
    while try fill(until: until) > 0 {
      if end - start > limitBytes { throw .protocolError("more than \(limitBytes) bytes came") }
    }
    return take(end - start)
  }

  /// Reads exactly so many bytes.
  /// - Throws: `connectionLost` where the stream ends before.
  public mutating func read(count: Int) throws(ClientError) -> [UInt8] {
    let until = deadline
    while end - start < count {
      if try fill(until: until) == 0 {
        throw .connectionLost("the connection ended after \(end - start) of \(count) bytes")
      }
    }
    return take(count)
  }

  /// Whether the peer has ended or reset the stream, without anything left to read; waits for it or for a byte.
  public mutating func isClosedByPeer() throws(ClientError) -> Bool {
    if end > start { return false }
    do throws(ClientError) {
      return try fill(until: deadline) == 0
    } catch {
      if case .connectionLost = error { return true }
      throw error
    }
  }

  /// Reads one whole answer; what follows it stays for the next call.
  /// - Parameters:
  ///   - toHead: whether it answers a HEAD request, and so has no body (RFC 9112 6.3).
  ///   - bodyCapBytes: so much of the body is kept; the rest is counted only.
  /// - Throws: `connectionLost`, `timedOut`, `protocolError`.
  public mutating func readResponse(
    toHead: Bool = false, bodyCapBytes: Int = 64 << 20
  ) throws(ClientError) -> Response {
    let until = deadline
    var response = try readHead(until: until)
    response.lastByteAt = response.headAt
    switch try BodyFraming(response.head, toHead: toHead) {
    case .none: break
    case .length(let length): try readLength(length, bodyCapBytes, until, into: &response)
    case .chunked: try readChunks(bodyCapBytes, until, into: &response)
    case .untilClosed: try readRest(bodyCapBytes, until, into: &response)
    }
    return response
  }

  private mutating func readHead(until: Int64) throws(ClientError) -> Response {
    var interim: [Int] = []
    var firstByteAt = end > start ? Clock.monotonic() : 0
    while true {
      if end > start {
        switch ResponseHead.parse(buffer.span.extracting(start..<end)) {
        case .malformed(let words): throw .protocolError("the answer is not HTTP/1: \(words)")
        case .complete(let head, let headEnd):
          start += headEnd
          guard (100...199).contains(head.status), head.status != 101 else {
            let now = Clock.monotonic()
            return Response(
              head: head, interimStatuses: interim, wireBytes: Int64(headEnd), firstByteAt: firstByteAt, headAt: now)
          }
          interim.append(head.status)
          firstByteAt = end > start ? Clock.monotonic() : 0
          continue
        case .needMore: break
        }
      }
      let isFirst = end == start
      let count = try fill(until: until)
      if isFirst { firstByteAt = Clock.monotonic() }
      if count == 0 {
        throw .connectionLost(
          isFirst ? "the server closed the connection without an answer" : "the connection ended within the head")
      }
    }
  }

  private mutating func readLength(
    _ length: Int64, _ cap: Int, _ until: Int64, into response: inout Response
  ) throws(ClientError) {
    while response.bodyLength < length {
      if end == start {
        if try fill(until: until) == 0 {
          throw .connectionLost("the connection ended after \(response.bodyLength) of \(length) bytes of the body")
        }
        response.lastByteAt = Clock.monotonic()
      }
      let count = Int(min(Int64(end - start), length - response.bodyLength))
      keep(start..<start + count, cap, in: &response)
      start += count
      response.wireBytes += Int64(count)
    }
  }

  private mutating func readRest(_ cap: Int, _ until: Int64, into response: inout Response) throws(ClientError) {
    while true {
      keep(start..<end, cap, in: &response)
      response.wireBytes += Int64(end - start)
      start = end
      if try fill(until: until) == 0 { return }
      response.lastByteAt = Clock.monotonic()
    }
  }

  private mutating func readChunks(_ cap: Int, _ until: Int64, into response: inout Response) throws(ClientError) {
    var decoder = ChunkedDecoder()
    while true {
      let verdict = decoder.next(buffer.span.extracting(0..<end), from: start)
      let reached: Int
      switch verdict {
      case .data(let range):
        keep(range, cap, in: &response)
        reached = range.upperBound
      case .needMore(let consumed): reached = consumed
      case .finished(let bodyEnd): reached = bodyEnd
      case .refused(let refusal): throw .protocolError("the answer's chunked body: \(refusal.reason)")
      }
      response.wireBytes += Int64(reached - start)
      start = reached
      if case .finished = verdict { return }
      guard case .needMore = verdict else { continue }
      if try fill(until: until) == 0 { throw .connectionLost("the connection ended within a chunked body") }
      response.lastByteAt = Clock.monotonic()
    }
  }

  private func keep(_ range: Range<Int>, _ cap: Int, in response: inout Response) {
    let room = max(0, cap - response.body.count)
    response.body.append(contentsOf: buffer[range].prefix(room))
    response.bodyLength += Int64(range.count)
  }

  private mutating func take(_ count: Int) -> [UInt8] {
    defer { start += count }
    return Array(buffer[start..<start + count])
  }

  /// Reads more behind what is there; 0 is the end of the stream.
  private mutating func fill(until: Int64) throws(ClientError) -> Int {
    if start == end {
      start = 0
      end = 0
    }
    if end == buffer.count {
      if start > 0 {
        buffer.removeSubrange(0..<start)
        end -= start
        start = 0
      }
      // Doubled: a caller that collects everything pays for each byte a bounded number of times.
      buffer.append(contentsOf: [UInt8](repeating: 0, count: max(65_536, buffer.count)))
    }
    do throws(Errno) {
      let count = try socket.receive(into: &buffer, at: end, deadline: until)
      end += count
      return count
    } catch {
      throw error == .timedOut
        ? .timedOut("no answer, or not all of it, within \(Self.seconds(timeoutMilliseconds))")
        : .connectionLost("the connection broke while reading: \(error)")
    }
  }
}

/// How long an answer's body is. RFC 9112 6.3.
private enum BodyFraming {
  case none
  case length(Int64)
  case chunked
  case untilClosed

  init(_ head: ResponseHead, toHead: Bool) throws(ClientError) {
    if toHead || head.status == 204 || head.status == 304 || head.status == 101 {
      self = .none
      return
    }
    let codings = head.fields.filter { $0.name == "transfer-encoding" }.map { $0.value.lowercased() }
    let lengths = Set(head.fields.filter { $0.name == "content-length" }.map(\.value))
    if !codings.isEmpty {
      guard codings == ["chunked"] else {
        throw .protocolError("the transfer coding «\(codings.joined(separator: ", "))» is not supported")
      }
      guard lengths.isEmpty else {
        throw .protocolError("the answer has both Content-Length and Transfer-Encoding")
      }
      self = .chunked
      return
    }
    guard let text = lengths.first else {
      self = .untilClosed
      return
    }
    guard lengths.count == 1, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let length = Int64(text)
    else {
      throw .protocolError("the answer's Content-Length is «\(lengths.sorted().joined(separator: ", "))»")
    }
    self = .length(length)
  }
}
