// A client of FastCGI workers: what a gateway does, one request at a time, without the gateway.
import FastCGIWire
import Foundation

struct HarnessError: Error, CustomStringConvertible {
  let description: String
}

/// What a worker answered.
struct Reply {
  /// FCGI_STDOUT up to the empty line, a field a line.
  var fields: [(name: String, value: String)] = []
  var body: [UInt8] = []
  /// FCGI_STDERR.
  var errors = ""
  var appStatus: UInt32 = 0

  var text: String { String(decoding: body, as: UTF8.self) }
  var status: String { self["Status"].map { String($0.prefix(3)) } ?? "200" }

  /// The value of the first field of that name.
  subscript(name: String) -> String? { fields.first { $0.name.lowercased() == name.lowercased() }?.value }

  /// The process id and the count of X-Worker.
  var worker: (pid: Int32, count: Int)? {
    let numbers = (self["X-Worker"] ?? "").split(separator: " ").compactMap { Int($0) }
    return numbers.count == 2 ? (Int32(numbers[0]), numbers[1]) : nil
  }

  /// Reads the output of a CGI program (RFC 3875, section 6).
  init(output: [UInt8]) throws {
    let ends = [Data("\r\n\r\n".utf8), Data("\n\n".utf8)].compactMap { Data(output).firstRange(of: $0) }
    guard let end = ends.min(by: { $0.lowerBound < $1.lowerBound }) else {
      throw HarnessError(description: "no end of the head: \(String(decoding: output, as: UTF8.self))")
    }
    for line in String(decoding: output[..<end.lowerBound], as: UTF8.self).split(whereSeparator: \.isNewline) {
      let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { throw HarnessError(description: "no field: \(line)") }
      fields.append((String(parts[0]), parts[1].trimmingCharacters(in: .whitespaces)))
    }
    body = Array(output[end.upperBound...])
  }
}

/// A connection to a worker. Every wait has an end, so that a worker that hangs fails a test and does not stop it.
final class Client {
  private let socket: Int32
  /// Whose connection it is; held, so that a worker is not ended under its clients.
  private let worker: AnyObject?
  private var reader = RecordReader()
  private var received: [UInt8] = []
  private var consumed = 0
  private var output: [UInt8] = []
  private var errors: [UInt8] = []

  init(path: String, of worker: AnyObject? = nil) throws {
    self.worker = worker
    socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var wait = timeval(tv_sec: 30, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(socket, SOL_SOCKET, option, &wait, socklen_t(MemoryLayout<timeval>.size))
    }
    let result = withSocketAddress(path) { Glibc.connect(socket, $0, $1) }
    guard result == 0 else { throw HarnessError(description: "connect \(path): errno \(errno)") }
  }

  deinit { close(socket) }

  /// Says that nothing more will be sent.
  func shutdownSending() { shutdown(socket, Int32(SHUT_WR)) }

  func send(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { throw HarnessError(description: "send: errno \(errno)") }
      rest = rest.dropFirst(count)
    }
  }

  /// Sends a request up to the end of its variables.
  func begin(_ variables: [String: String], keepConnection: Bool = true) throws {
    var writer = ParameterWriter()
    RecordWriter.appendBeginRequest(id: 1, keepConnection: keepConnection, to: &writer.bytes)
    writer.begin(id: 1)
    for (name, value) in variables { writer.add(Array(name.utf8).span, Array(value.utf8).span) }
    writer.finish()
    reader.expect(id: 1)
    (output, errors) = ([], [])
    try send(writer.bytes)
  }

  func sendBody(_ body: [UInt8]) throws {
    var bytes: [UInt8] = []
    RecordWriter.appendStream(.stdin, id: 1, body.span, to: &bytes)
    try send(bytes)
  }

  func endBody() throws {
    var bytes: [UInt8] = []
    RecordWriter.appendEndOfStream(.stdin, id: 1, to: &bytes)
    try send(bytes)
  }

  /// Makes a whole request. CONTENT_LENGTH is that of the body where one is given.
  func request(
    _ path: String = "", method: String = "GET", _ variables: [String: String] = [:], body: [UInt8]? = nil,
    keepConnection: Bool = true
  ) throws -> Reply {
    var all = ["REQUEST_METHOD": method, "PATH_INFO": path]
    if let body { all["CONTENT_LENGTH"] = "\(body.count)" }
    try begin(all.merging(variables) { $1 }, keepConnection: keepConnection)
    if let body, !body.isEmpty { try sendBody(body) }
    try endBody()
    return try reply()
  }

  /// Reads until the request has ended.
  func reply() throws -> Reply {
    while true {
      guard case .endRequest(let appStatus, let status, _) = try next() else { continue }
      guard status == .requestComplete else { throw HarnessError(description: "\(status)") }
      var reply = try Reply(output: output)
      reply.errors = String(decoding: errors, as: UTF8.self)
      reply.appStatus = appStatus
      return reply
    }
  }

  /// Reads until FCGI_STDOUT holds `text`.
  func waitForOutput(_ text: String) throws {
    while Data(output).firstRange(of: Data(text.utf8)) == nil { _ = try next() }
  }

  /// Asks for the values of FCGI_GET_VALUES.
  func values() throws -> ApplicationValues {
    var bytes: [UInt8] = []
    RecordWriter.appendGetValues(to: &bytes)
    try send(bytes)
    while true {
      if case .values(let values, _) = try next() { return values }
    }
  }

  /// Whether the worker closes the connection, and sends nothing before.
  func isClosed() -> Bool {
    var byte: UInt8 = 0
    return recv(socket, &byte, 1, 0) == 0
  }

  private func next() throws -> RecordVerdict {
    while true {
      let verdict = reader.next(received.span, from: consumed)
      switch verdict {
      case .needMore(let end): consumed = end
      case .stdout(let range):
        output += received[range]
        consumed = range.upperBound
        return verdict
      case .stderr(let range):
        errors += received[range]
        consumed = range.upperBound
        return verdict
      case .endOfStdout(let end), .endOfStderr(let end), .endRequest(_, _, let end), .values(_, let end),
        .unknownType(_, let end):
        consumed = end
        return verdict
      case .refused(let refusal): throw refusal
      }
      received = Array(received[consumed...])
      consumed = 0
      var buffer = [UInt8](repeating: 0, count: 65_536)
      let count = recv(socket, &buffer, buffer.count, 0)
      guard count > 0 else { throw HarnessError(description: "the worker left (\(count), errno \(errno))") }
      received += buffer[..<count]
    }
  }
}

/// Calls with the address of a Unix socket and its length.
func withSocketAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  precondition(path.utf8.count < MemoryLayout.size(ofValue: address.sun_path), "a path that fits an address")
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
  return withUnsafePointer(to: address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
  }
}
