// What becomes of a request, and of the next one, when a worker does what it should not.

import FastCGIWire
import Glibc
import HTTPClient
import Kernel
import Testing

@testable import Gateway

@Suite(.serialized) struct WorkerFaultTests {
  let site: Site
  /// Kept to the test's end.
  private let workers = Workers()

  private final class Workers { var all: [FakeWorker] = [] }

  init() throws { site = try Site() }

  /// A gateway on one loop, with one worker behind `/app/` that is somebody else's: each request has a connection.
  /// Where a slot is lost, the queue's time limit says so before the test waits for long.
  private func connecting(
    timeout: Int64 = 60 * second, queue: Int = 256, queueTimeout: Int64 = 3 * second,
    _ serve: @escaping @Sendable (FakeWorker.Peer) -> Void
  ) throws -> (RunningGateway, FakeWorker) {
    let worker = try FakeWorker(serve)
    workers.all.append(worker)
    var pool = PoolSettings(name: "fake", source: .connect(worker.address, connections: 1))
    (pool.timeout, pool.queue, pool.queueTimeout) = (timeout, queue, queueTimeout)
    return (try start(pool), worker)
  }

  /// The same with a worker of the gateway's own, whose connection is kept. Its process sleeps: at its socket there is
  /// somebody else.
  private func keeping(_ serve: @escaping @Sendable (FakeWorker.Peer) -> Void) throws -> (RunningGateway, FakeWorker) {
    try site.installSpawner()
    let sleeper = PoolSettings.Source.command(
      program: "/bin/sleep", arguments: ["1000"], directory: "/", environment: [], workers: 1)
    let running = try start(PoolSettings(name: "fake", source: sleeper))
    let worker = try FakeWorker(on: running.gateway.pools[0].pool.listeners[0], serve)
    workers.all.append(worker)
    return (running, worker)
  }

  private func start(_ pool: PoolSettings) throws -> RunningGateway {
    var settings = try RunningGateway.settings(site, [Route(path: "/app/", runs: .pool(0))])
    settings.pools = [pool]
    settings.loops = 1
    return try RunningGateway(site, settings)
  }

  private func words(_ response: Response) -> String { "\(response.status) \(text(response.body))" }

  /// Posts a body on a connection of its own.
  private func post(_ running: RunningGateway, _ body: [UInt8]) throws -> Response {
    var connection = try running.connect()
    try connection.send("POST /app/ HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.count)\r\n\r\n")
    try connection.send(body)
    return try connection.readResponse()
  }

  @Test func oneConnectionServesRequestAfterRequest() throws {
    let (running, worker) = try keeping { peer in
      while let body = peer.readRequest() { peer.write(answer("\(body.count)")) }
    }
    defer { running.end() }
    #expect(try words(running.get("/app/")) == "200 0")
    #expect(try words(running.get("/app/")) == "200 0")
    #expect(worker.connections == 1)
    // One that must not be made twice is the first of its connection, and leaves it to the next.
    #expect(try words(post(running, array("abc"))) == "200 3")
    #expect(worker.connections == 2)
    #expect(try words(running.get("/app/")) == "200 0")
    #expect(worker.connections == 2)
    // A long one is also the last.
    #expect(try words(post(running, [UInt8](repeating: 7, count: 300_000))) == "200 300000")
    #expect(worker.connections == 3)
    #expect(try words(running.get("/app/")) == "200 0")
    #expect(worker.connections == 4)
  }

  @Test func theSlotOfAWorkerThatWasSilentServesTheNext() throws {
    let (running, _) = try connecting(timeout: 150 * millisecond) { peer in
      while peer.readRequest() != nil {
        if peer.number < 3 { return peer.awaitEnd() }
        peer.write(answer("at last"))
      }
    }
    defer { running.end() }
    for _ in 0..<3 { #expect(try running.get("/app/").status == 504) }
    #expect(try words(running.get("/app/")) == "200 at last")
    #expect(eventually { running.log.contains("was silent for too long") })
  }

  @Test func paddingOfTheLastRecordCostsNoConnection() throws {
    let (running, worker) = try keeping { peer in
      while peer.readRequest() != nil { peer.write(answer("padded", padding: 200)) }
    }
    defer { running.end() }
    for _ in 0..<5 { #expect(try words(running.get("/app/")) == "200 padded") }
    #expect(worker.connections == 1)
  }

  @Test func anAnswerBeforeTheBodyWasReadIsTheAnswerAndTheConnectionGoes() throws {
    let (running, worker) = try keeping { peer in
      // More of the body than the socket's buffer holds is not read.
      while peer.readRequest(withBody: peer.number > 0) != nil {
        peer.write(answer("early"))
        if peer.number == 0 { return peer.awaitEnd() }
      }
    }
    defer { running.end() }
    #expect(try words(post(running, [UInt8](repeating: 1, count: 3_000_000))) == "200 early")
    #expect(try words(post(running, array("x"))) == "200 early")
    #expect(worker.connections == 2)
  }

  @Test func whatFollowsAnAnswerIsNotTheNextOnes() throws {
    let (running, worker) = try keeping { peer in
      while peer.readRequest() != nil {
        peer.write(answer("mine") + (peer.number == 0 ? answer("somebody's") : []))
      }
    }
    defer { running.end() }
    for _ in 0..<3 { #expect(try words(running.get("/app/")) == "200 mine") }
    #expect(worker.connections == 2)
  }

  @Test func aWorkerThatSpeaksUnaskedLosesItsConnection() throws {
    let (running, worker) = try keeping { peer in
      while peer.readRequest() != nil {
        peer.write(answer("asked"))
        if peer.number > 0 { continue }
        Clock.sleep(milliseconds: 50)
        peer.write(endRequest())
        return peer.awaitEnd()
      }
    }
    defer { running.end() }
    #expect(try words(running.get("/app/")) == "200 asked")
    Clock.sleep(milliseconds: 200)
    #expect(try words(running.get("/app/")) == "200 asked")
    #expect(worker.connections == 2)
  }

  @Test(arguments: [
    record(.stdout, id: 2, array("x")), record(.params, array("x")), [9, 6, 0, 1, 0, 0, 0, 0],
    record(.endRequest, [0, 0, 0, 0, 77, 0, 0, 0]), record(.stdout) + record(.stdout, array("x")),
    record(.endRequest, [0]),
  ])
  func aWorkerThatBreaksTheProtocolIs502AndTheNextRequestHasAnotherConnection(_ bytes: [UInt8]) throws {
    let (running, _) = try connecting { peer in
      while peer.readRequest() != nil {
        if peer.number == 0 {
          peer.write(bytes)
          return peer.awaitEnd()
        }
        peer.write(answer("right"))
      }
    }
    defer { running.end() }
    #expect(try running.get("/app/").status == 502)
    #expect(eventually { running.log.contains("has broken the protocol") })
    #expect(try words(running.get("/app/")) == "200 right")
  }

  @Test func aWorkerThatDiesBeforeItsAnswerIsAskedOnceMoreWhereThatDoesNoHarm() throws {
    let (running, worker) = try keeping { peer in
      while peer.readRequest() != nil {
        // A new connection is the GET's second try, and the POST's first.
        if peer.number != 1 { return }
        peer.write(answer("second try"))
      }
    }
    defer { running.end() }
    #expect(try words(running.get("/app/")) == "200 second try")
    #expect(worker.connections == 2)
    #expect(try post(running, array("once")).status == 502)
    #expect(worker.connections == 3)
  }

  @Test func aRequestOfWhichADeadConnectionTakesNoByteIsMadeAgainWhateverItsMethod() throws {
    let gate = Gate()
    let (running, worker) = try keeping { peer in
      guard let body = peer.readRequest() else { return }
      // It can be told nothing more, but its end is not seen.
      shutdown(peer.raw, CInt(SHUT_RD))
      peer.write(answer("\(body.count)"))
      gate.pass()
    }
    defer {
      gate.open()
      running.end()
    }
    for count in 1...3 {
      #expect(try words(post(running, [UInt8](repeating: 1, count: count))) == "200 \(count)")
      #expect(worker.connections == count)
    }
  }

  @Test func aWorkerThatTakesNoMoreOfABodyMayAnswerAllTheSame() throws {
    let gate = Gate()
    let (running, _) = try connecting { peer in
      guard peer.readRequest(withBody: false) != nil else { return }
      shutdown(peer.raw, CInt(SHUT_RD))
      gate.pass()
      peer.write(answer("enough"))
      Clock.sleep(milliseconds: 200)
    }
    defer { running.end() }
    var connection = try running.connect()
    try connection.send("POST /app/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n")
    try connection.send([UInt8](repeating: 1, count: 3_000_000))
    Clock.sleep(milliseconds: 100)
    gate.open()
    #expect(try words(connection.readResponse()) == "200 enough")
  }

  @Test(arguments: [(ProtocolStatus.overloaded, 503), (.cannotMultiplex, 503), (.unknownRole, 500)])
  func aWorkerThatTakesNoRequestIsSaidSo(_ status: ProtocolStatus, _ expected: Int) throws {
    let (running, _) = try connecting { peer in while peer.readRequest() != nil { peer.write(endRequest(status)) }
    }
    defer { running.end() }
    for _ in 0..<2 { #expect(try running.get("/app/").status == expected) }
  }

  @Test func aWorkerWhoseClientLeftFinishesAndServesTheNext() throws {
    let gate = Gate()
    let (running, worker) = try keeping { peer in
      while peer.readRequest() != nil {
        gate.pass()
        peer.write(answer("done"))
      }
    }
    defer { running.end() }
    do {
      let connection = try running.connect()
      try connection.send("GET /app/ HTTP/1.1\r\nHost: h\r\n\r\n")
      _ = eventually { worker.connections == 1 }
    }
    #expect(eventually { running.log.contains("the client left") })
    gate.open()
    #expect(try words(running.get("/app/")) == "200 done")
    #expect(worker.connections == 1)
  }

  @Test func thoseWhoWaitAreServedOneAfterTheOtherAndThoseBeyondTheQueueAreTurnedAway() throws {
    let gate = Gate()
    let (running, worker) = try connecting(queue: 3) { peer in
      while peer.readRequest() != nil {
        gate.pass()
        peer.write(answer("served"))
      }
    }
    defer { running.end() }
    let request = "GET /app/ HTTP/1.1\r\nHost: h\r\n\r\n"
    let clients = try (0..<6).map { _ in Client(try running.connect()) }
    // One after the other, so that it is known who is beyond the queue.
    for client in clients.prefix(4) { try client.connection.send(request) }
    #expect(eventually { worker.connections == 1 })
    Clock.sleep(milliseconds: 100)
    for client in clients.suffix(2) { #expect(try client.ask(request).status == 503) }
    gate.open()
    for client in clients.prefix(4) { #expect(try words(client.read()) == "200 served") }
    #expect(worker.connections == 4, "those that were turned away had none")
  }

  @Test func ofThoseWhoLeaveTheQueueNothingIsKeptWhileTheFirstWaits() throws {
    let gate = Gate()
    let (running, worker) = try connecting(queueTimeout: 60 * second) { peer in
      if peer.readRequest() == nil { return }
      gate.pass()
      peer.write(answer("served"))
    }
    defer { running.end() }
    let request = "GET /app/ HTTP/1.1\r\nHost: h\r\n\r\n"
    let clients = try (0..<2).map { _ in Client(try running.connect()) }
    for client in clients {
      try client.connection.send(request)
      #expect(eventually { worker.connections == 1 })
    }
    try site.write("files/page", "page")
    var next = running.gateway.plan.settings
    next.routes.append(try site.files("/files/", "files"))
    // Once the one loop has answered these, it has read what was sent before.
    func settle() throws { for _ in 0..<3 { #expect(try running.get("/files/page").status == 200) } }
    try running.gateway.reload(next)
    let plan = Weak(running.gateway.plan)
    var leaving = try (0..<20).map { _ in Client(try running.connect()) }
    for client in leaving { try client.connection.send(request) }
    try settle()
    leaving = []
    try settle()
    try running.gateway.reload(next)
    #expect(eventually { plan.plan == nil }, "who holds a request holds its plan")
    gate.open()
    for client in clients { #expect(try words(client.read()) == "200 served") }
  }

  @Test func theGatewayEndsWhileRequestsWaitAndAreServed() throws {
    let (running, worker) = try connecting(queueTimeout: 60 * second) { peer in
      while peer.readRequest() != nil { peer.awaitEnd() }
    }
    let clients = try (0..<5).map { _ in
      let client = Client(try running.connect())
      try client.connection.send("GET /app/ HTTP/1.1\r\nHost: h\r\n\r\n")
      return client
    }
    _ = eventually { worker.connections == 1 }
    running.end()
    #expect(running.gateway.hasEnded && clients.count == 5)
  }

  private final class Client {
    var connection: RawConnection
    init(_ connection: consuming RawConnection) { self.connection = connection }
    func read() throws -> Response { try connection.readResponse() }
    func ask(_ request: String) throws -> Response {
      try connection.send(request)
      return try connection.readResponse()
    }
  }
}

/// Holds whoever comes until it is open.
private final class Gate: Sendable {
  private let isOpen = Condition(false)
  func open() { isOpen.change { $0 = true } }

  func pass() {
    isOpen.wait { $0 ? () : nil }
    // A change wakes one sleeper; there may be more.
    isOpen.change { _ in }
  }
}
