// A real gateway on loopback, with a site and a spawner's program of its own, and what can be seen of it from outside.

import Costs
import EventLoop
import Glibc
import HTTPClient
import Kernel
import Log
import StaticFiles
import Synchronization
import Testing

@testable import Gateway

/// Keeps the records that it is given, each as its route, target and status.
final class Records: BillSink {
  private let lines = Mutex<[String]>([])

  func take(_ batch: RecordBatch) {
    lines.withLock { lines in
      for record in batch.records {
        let words = [record.route, record.target].map { batch.bytes($0).map { text($0) } ?? "-" }
        lines.append("\(words[0]) \(words[1]) \(record.bill.status)")
      }
    }
  }

  var all: [String] { lines.withLock { $0 } }
}

final class RunningGateway {
  let site: Site
  let gateway: Gateway
  let records = Records()
  private let logPath: String

  /// Starts a gateway that listens on a free port of 127.0.0.1, with two loops, if nothing else is said.
  init(_ site: Site, _ settings: Settings) throws {
    self.site = site
    logPath = site["log"]
    let writer = LogWriter<String>(
      destination: try openAppending(logPath), name: "test-log", pendingLimit: 1000,
      render: { $1.append(contentsOf: $0.utf8) }, renderDropped: { _, _ in })
    let log = Logger(label: "test") { _ in DiagnosticsHandler(writer: writer) }
    gateway = try Gateway(settings, bills: records, log: log)
  }

  /// Settings with these routes, their spawners told apart from other tests' by where their program is.
  static func settings(_ site: Site, _ routes: [Route]) throws -> Settings {
    var settings = Settings()
    settings.listen = [try SocketAddress(parsing: "127.0.0.1:0")]
    settings.loops = 2
    settings.spawnerPath = site["bin/tollgate-spawn"]
    settings.routes = routes
    return settings
  }

  var log: String { readWhole(logPath) ?? "" }

  // MARK: Asking

  func connect(_ index: Int = 0) throws -> RawConnection { try RawConnection(to: gateway.addresses[index].text) }

  /// Asks on a connection of its own.
  func get(_ path: String, at index: Int = 0) throws -> Response {
    var connection = try connect(index)
    return try connection.get(path)
  }

  // MARK: What it has

  /// The processes of its spawners.
  var spawners: [pid_t] {
    Self.names(in: "/proc").compactMap { pid_t($0) }.filter { pid in
      Self.link("/proc/\(pid)/exe")?.hasPrefix(site["bin/"]) ?? false
    }
  }

  /// The descriptors of this process that name something of the site.
  var siteDescriptors: Int {
    Self.names(in: "/proc/self/fd").filter { Self.link("/proc/self/fd/\($0)")?.hasPrefix(site.path + "/") ?? false }
      .filter { Self.link("/proc/self/fd/\($0)") != logPath }.count
  }

  private static func names(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) { names.append(withUnsafePointer(to: &entry.pointee.d_name.0, String.init)) }
    return names
  }

  private static func link(_ path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = buffer.withUnsafeMutableBytes { readlink(path, $0.baseAddress!, $0.count) }
    return count < 0 ? nil : text(buffer[..<count])
  }

  // MARK: The end

  func end() {
    gateway.end()
    #expect(eventually { gateway.hasEnded })
  }
}

extension RawConnection {
  /// Asks on this connection, and leaves it open.
  mutating func get(_ path: String) throws -> Response {
    try send("GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n")
    return try readResponse()
  }
}

extension Site {
  /// Copies the `tollgate-spawn` that tools/build.sh made.
  func installSpawner() throws {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let built = "/\(root)/.build/release/tollgate-spawn"
    let content = try #require(readBytes(built), "build it first, by tools/build.sh: \(built)")
    try write("bin/tollgate-spawn", content, mode: 0o755)
    try settle("bin/tollgate-spawn")
  }

  /// Writes a script that prints a head and then what these lines of shell print.
  func script(_ name: String, _ lines: String) throws {
    try write(name, "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n\(lines)\n", mode: 0o755)
    try settle(name)
  }

  /// Waits until nobody has a program open for writing: a process that another test makes in this moment has until its
  /// exec, and the program could not be executed. A lease (fcntl(2)) is given when nobody has.
  private func settle(_ name: String) throws {
    let setLease: Int32 = 1024
    let descriptor = Descriptor(owning: open(self[name], O_RDONLY | O_CLOEXEC))
    try #require(eventually { fcntl(descriptor.raw, setLease, F_RDLCK) == 0 })
  }

  func exists(_ name: String) -> Bool { access(self[name], F_OK) == 0 }

  func files(_ path: String, _ directory: String, bill: BillMode = .off) throws -> Route {
    Route(path: path, files: try FileRoot(path: self[directory], listing: false), bill: bill)
  }

  func programs(
    _ path: String, _ directory: String, bill: BillMode = .off, _ change: (inout ProgramSettings) -> Void = { _ in }
  ) throws -> Route {
    let root = try FileRoot(path: self[directory], listing: false)
    var program = ProgramSettings(directory: self[directory], root: root, documentRoot: self.path)
    change(&program)
    return Route(path: path, runs: .scripts(program), bill: bill)
  }
}

/// Asks again and again until the answer is yes; gives up after ten seconds.
func eventually(_ isTrue: () throws -> Bool) rethrows -> Bool {
  let deadline = Clock.monotonic() + 10 * second
  while Clock.monotonic() < deadline {
    if try isTrue() { return true }
    Clock.sleep(milliseconds: 2)
  }
  return false
}

func readBytes(_ path: String) -> [UInt8]? {
  let file = open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { return nil }
  let descriptor = Descriptor(owning: file)
  var content: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65_536)
  while case .bytes(let count) = Kernel.readBytes(descriptor.raw, into: &buffer, at: 0), count > 0 {
    content += buffer[..<count]
  }
  return content
}

func readWhole(_ path: String) -> String? { readBytes(path).map { text($0) } }

/// A plan as long as somebody else holds it.
struct Weak {
  weak var plan: Plan?
  init(_ plan: Plan) { self.plan = plan }
}

/// Clients that ask until they are stopped, each on a thread and a connection of its own.
final class Clients: Sendable {
  private struct State: Sendable {
    var turns: [Int]
    var faults: [String] = []
    var stopping = false
    var running: Int
  }

  private let state: Condition<State>

  /// Connections that are kept alive, each asking as fast as it gets answers.
  /// - Parameter ask: the path that a connection asks for at its turn, and the bodies that are right.
  init(
    _ address: String, connections: Int,
    ask: @escaping @Sendable (_ number: Int, _ turn: Int) -> (path: String, bodies: [String])
  ) {
    state = Condition(State(turns: [Int](repeating: 0, count: connections), running: connections))
    for number in 0..<connections {
      Threads.start(name: "client\(number)") { [state] in Self.run(state, address, number, ask) }
    }
  }

  private static func run(
    _ state: Condition<State>, _ address: String, _ number: Int,
    _ ask: (_ number: Int, _ turn: Int) -> (path: String, bodies: [String])
  ) {
    do {
      var connection = try RawConnection(to: address)
      while let turn = state.change({ $0.stopping ? nil : $0.turns[number] }) {
        let (path, bodies) = ask(number, turn)
        let response = try connection.get(path)
        let got = text(response.body)
        if response.status != 200 || !bodies.contains(got) {
          throw Fault(description: "\(path), turn \(turn): \(response.status) \(got)")
        }
        state.change { $0.turns[number] += 1 }
      }
    } catch {
      state.change { $0.faults.append("client \(number): \(error)") }
    }
    state.change { $0.running -= 1 }
  }

  /// How often each has been answered.
  var turns: [Int] { state.change { $0.turns } }
  var faults: [String] { state.change { $0.faults } }

  /// Lets each have its last answer.
  func stop() {
    state.change { $0.stopping = true }
    state.wait { $0.running == 0 ? () : nil }
  }
}
