// Other settings while the gateway runs: real connections, real programs, real spawners.

import Glibc
import HTTPClient
import HTTPWire
import Kernel
import StaticFiles
import Testing

@testable import Gateway

@Suite(.serialized) struct ReloadTests {
  let site: Site

  init() throws {
    site = try Site()
    try site.installSpawner()
    try site.write("one/name", "one")
    try site.write("two/name", "two")
    try site.script("scripts/hello", "printf hello")
    try site.script("others/hello", "printf 'hello from the others'")
    // Says that it has begun, and ends when it may.
    try site.script("scripts/gate", "printf began; : >$DOCUMENT_ROOT/begun-$QUERY_STRING\n\(wait)\nprintf ' and ended'")
  }

  private let wait = "while [ ! -e $DOCUMENT_ROOT/go ]; do sleep 0.02; done"

  private func settings(_ routes: [Route]) throws -> Settings { try RunningGateway.settings(site, routes) }

  private func start(_ routes: [Route], _ change: (inout Settings) -> Void = { _ in }) throws -> RunningGateway {
    var settings = try settings(routes)
    change(&settings)
    return try RunningGateway(site, settings)
  }

  /// The same settings as those in force, with other routes.
  private func exchange(_ running: RunningGateway, _ routes: [Route]) throws {
    try running.gateway.reload(settings(routes))
  }

  private func body(_ response: Response) -> String { "\(response.status) \(text(response.body))" }

  // MARK: Requests

  @Test func aConnectionTakesTheNewRoutesWithItsNextRequest() throws {
    let running = try start([site.files("/a/", "one"), site.programs("/run/", "scripts")])
    defer { running.end() }
    var connection = try running.connect()
    #expect(try body(connection.get("/a/name")) == "200 one")
    #expect(try body(connection.get("/run/hello")) == "200 hello")
    // The file is in the cache under the index of its route, which is another route's from here.
    try exchange(
      running,
      [site.files("/much/longer/", "one"), site.files("/a/", "two"), site.programs("/run/", "others", bill: .full)])
    #expect(try body(connection.get("/a/name")) == "200 two")
    #expect(try body(connection.get("/much/longer/name")) == "200 one")
    let answer = try connection.get("/run/hello")
    #expect(body(answer) == "200 hello from the others")
    #expect(answer.head.first("server-timing")?.contains("/run/") == true)
    try exchange(running, [site.files("/b/", "two")])
    #expect(try connection.get("/run/hello").status == 404)
    #expect(try body(connection.get("/b/name")) == "200 two")
    #expect(running.gateway.addresses.count == 1)
  }

  @Test func aRequestIsServedToItsEndByTheSettingsThatItFound() throws {
    let running = try start([site.programs("/old/", "scripts", bill: .full), site.files("/", "one")])
    defer { running.end() }
    weak let old = running.gateway.plan
    var busy = try running.connect()
    try busy.send("GET /old/gate?x HTTP/1.1\r\nHost: h\r\n\r\n")
    #expect(eventually { site.exists("begun-x") })
    try exchange(running, [site.files("/quite/another/", "two"), site.files("/", "two"), site.files("/new/", "two")])
    #expect(try running.get("/old/gate").status == 404)
    #expect(try body(running.get("/name")) == "200 two")
    #expect(old != nil, "a request runs by it")
    // The loop that the request is on still has the spawner that made its process; nothing is run by the new ones.
    #expect(eventually { running.spawners.count == 1 })
    try site.write("go", "")
    let response = try busy.readResponse()
    #expect(body(response) == "200 began and ended")
    #expect(response.head.first("server-timing")?.contains("/old/") == true)
    #expect(try body(busy.get("/name")) == "200 two")
    #expect(eventually { running.spawners.count == 0 && old == nil })
    let expected = ["/ /name 200", "/ /name 200", "/ /old/gate 404", "/old/ /old/gate?x 200"]
    #expect(eventually { running.records.all.sorted() == expected }, "\(running.records.all)")
  }

  @Test func aRequestThatWaitsForAPlaceIsRunByItsOwnSpawner() throws {
    try site.script("others/gate", "printf wrong")
    let routes = { directory in
      [try site.programs("/run/", directory) { $0.concurrency = 1 }]
    }
    let running = try start(routes("scripts")) { $0.loops = 1 }
    defer { running.end() }
    var first = try running.connect()
    try first.send("GET /run/gate?first HTTP/1.1\r\nHost: h\r\n\r\n")
    #expect(eventually { site.exists("begun-first") })
    var second = try running.connect()
    try second.send("GET /run/gate?second HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nwh")
    #expect(try running.get("/run/missing").status == 404, "the loop has seen the second by now")
    // Its body comes when the settings are others already.
    try running.gateway.reload(settings(routes("others")))
    // The first place of the new settings is free, whatever runs by the old ones.
    #expect(try body(running.get("/run/gate")) == "200 wrong")
    try second.send("ole")
    #expect(running.spawners.count == 2)
    try site.write("go", "")
    #expect(try body(first.readResponse()) == "200 began and ended")
    #expect(try body(second.readResponse()) == "200 began and ended")
    #expect(eventually { running.spawners.count == 1 })
  }

  @Test func fiftyExchangesUnderLoadFailNoRequest() throws {
    let routes = { (round: Int) in
      var routes = [
        try site.programs("/run/", round % 2 == 0 ? "scripts" : "others", bill: round % 3 == 0 ? .full : .head),
        try site.files("/files/", round % 2 == 0 ? "one" : "two"),
      ]
      for number in 0..<round % 5 { routes.append(try site.files("/between/\(number)/", "one")) }
      return routes
    }
    let running = try start(routes(0))
    defer { running.end() }
    let clients = Clients(running.gateway.addresses[0].text, connections: 4) { number, turn in
      (turn + number) % 8 == 0
        ? ("/run/hello", ["hello", "hello from the others"]) : ("/files/name", ["one", "two"])
    }
    var olds: [Weak] = []
    for round in 1...50 {
      // Every connection asks at least once by each of them.
      let before = clients.turns
      #expect(eventually { !clients.faults.isEmpty || zip(clients.turns, before).allSatisfy { $0 > $1 } })
      olds.append(Weak(running.gateway.plan))
      try running.gateway.reload(settings(routes(round)))
    }
    clients.stop()
    #expect(clients.faults.isEmpty)
    #expect(clients.turns.allSatisfy { $0 >= 50 })
    #expect(eventually { running.spawners.count == 2 && olds.allSatisfy { $0.plan == nil } })
    // Of the present plan: the root of the scripts and that of the files; the files that are kept need none.
    #expect(eventually { running.siteDescriptors == 2 }, "\(running.siteDescriptors)")
  }

  // MARK: Listeners

  @Test func listenersAreAddedKeptAndRemoved() throws {
    let routes = [try site.files("/", "one")]
    let running = try start(routes) { $0.listen += $0.listen }
    defer { running.end() }
    let (kept, removed) = (running.gateway.addresses[0], running.gateway.addresses[1])
    var onKept = try running.connect(0)
    var onRemoved = try running.connect(1)
    #expect(try onRemoved.get("/name").status == 200)
    let descriptor = running.gateway.listeners[0].listener.descriptor.raw
    let unix = try SocketAddress(parsing: "unix:\(site["socket"])")
    var next = try settings(routes)
    next.listen = [unix, kept]
    try running.gateway.reload(next)
    #expect(running.gateway.addresses == [unix, kept])
    #expect(running.gateway.listeners[1].listener.descriptor.raw == descriptor, "handed on, not bound again")
    #expect(throws: ClientError.self) { _ = try RawConnection(to: removed.text) }
    #expect(try body(running.get("/name", at: 0)) == "200 one")
    #expect(try body(running.get("/name", at: 1)) == "200 one")
    // Connections outlive the listener that they came by.
    #expect(try onRemoved.get("/name").status == 200 && onKept.get("/name").status == 200)
    next.listen = [removed]
    try running.gateway.reload(next)
    #expect(try running.get("/name").status == 200)
    #expect(!site.exists("socket"))
    #expect(throws: ClientError.self) { _ = try RawConnection(to: kept.text) }
    #expect(try onRemoved.get("/name").status == 200 && onKept.get("/name").status == 200)
  }

  @Test func whoWaitsAtAListenerThatGoesIsServed() throws {
    let routes = [try site.files("/", "one")]
    let running = try start(routes) { $0.listen += $0.listen }
    defer { running.end() }
    var next = try settings(routes)
    next.listen = [running.gateway.addresses[0]]
    let address = running.gateway.addresses[1].text
    // The loop may or may not have taken them in by then.
    var first = try RawConnection(to: address)
    var second = try RawConnection(to: address)
    var third = try RawConnection(to: address)
    try running.gateway.reload(next)
    #expect(try first.get("/name").status == 200 && second.get("/name").status == 200)
    #expect(try third.get("/name").status == 200)
  }

  // MARK: What fails

  @Test func whereSomethingCannotBeHadTheOldSettingsStayInForce() throws {
    let running = try start([site.files("/", "one"), site.programs("/run/", "scripts")])
    defer { running.end() }
    let plan = running.gateway.plan
    let address = running.gateway.addresses[0]
    let stranger = try Listener(SocketAddress(parsing: "127.0.0.1:0"))
    var next = try settings([site.files("/", "two"), site.programs("/run/", "others")])
    next.listen = [address, try SocketAddress(parsing: "unix:\(site["socket"])"), stranger.address]
    #expect { try running.gateway.reload(next) } throws: {
      guard case GatewayError.addressInUse(stranger.address.text) = $0 else { return false }
      return true
    }
    #expect(!site.exists("socket"), "what was bound is given back")
    next.listen = [try SocketAddress(parsing: "0.0.0.0:\(address.port)")]
    #expect { try running.gateway.reload(next) } throws: {
      guard case GatewayError.addressOccupied(next.listen[0].text, by: address.text) = $0 else { return false }
      return true
    }
    next.listen = [address]
    next.spawnerPath = site["bin/missing"]
    #expect { try running.gateway.reload(next) } throws: {
      guard case GatewayError.noSpawner = $0 else { return false }
      return true
    }
    #expect(running.gateway.plan === plan && running.gateway.addresses == [address])
    #expect(running.spawners.count == 2, "the new ones have ended")
    #expect(try body(running.get("/name")) == "200 one" && body(running.get("/run/hello")) == "200 hello")
    next.spawnerPath = site["bin/tollgate-spawn"]
    try running.gateway.reload(next)
    #expect(try body(running.get("/name")) == "200 two")
    #expect(try body(running.get("/run/hello")) == "200 hello from the others")
  }

  @Test func aGatewayThatEndsTakesNoOtherSettings() throws {
    let running = try start([site.files("/", "one")])
    running.gateway.drain()
    #expect { try running.gateway.reload(settings([site.files("/", "two")])) } throws: {
      guard case GatewayError.ending = $0 else { return false }
      return true
    }
    #expect(eventually { running.gateway.hasEnded })
  }

  // MARK: Limits

  @Test func limitsAreThoseInForce() throws {
    let routes = [try site.files("/", "one")]
    let running = try start(routes) { $0.limits.connections = 1 }
    defer { running.end() }
    var first = try running.connect()
    #expect(try first.get("/name").status == 200)
    var second = try running.connect()
    try second.send("GET /name HTTP/1.1\r\nHost: h\r\n\r\n")
    var next = try settings(routes)
    next.limits.idleTimeout = 50 * millisecond
    next.limits.fileCacheBytes = 0
    try running.gateway.reload(next)
    #expect(try second.readResponse().status == 200, "there is room for more now")
    #expect(try second.isClosedByPeer())
    #expect(try first.get("/name").status == 200, "it was idle by the old limit")
    #expect(try first.isClosedByPeer())
  }

  @Test func theNumberOfLoopsStays() throws {
    let running = try start([site.files("/", "one")])
    defer { running.end() }
    var next = try settings([site.files("/", "two")])
    next.loops = 3
    try running.gateway.reload(next)
    #expect(running.gateway.shared.lanes.count == 2)
    #expect(try body(running.get("/name")) == "200 two")
  }

  @Test func aSpawnerThatDiesByAnOldPlanIsReplacedForIt() throws {
    let running = try start([site.programs("/run/", "scripts") { $0.concurrency = 1 }]) { $0.loops = 1 }
    defer { running.end() }
    var first = try running.connect()
    try first.send("GET /run/gate?first HTTP/1.1\r\nHost: h\r\n\r\n")
    #expect(eventually { site.exists("begun-first") })
    var second = try running.connect()
    try second.send("GET /run/hello HTTP/1.1\r\nHost: h\r\n\r\n")
    var other = try settings([site.files("/", "one")])
    other.loops = 1
    let spawner = try #require(running.spawners.first)
    #expect(try running.get("/run/missing").status == 404, "the loop has seen the second by now")
    try running.gateway.reload(other)
    #expect(running.spawners == [spawner])
    kill(spawner, SIGKILL)
    #expect(eventually { running.log.contains("the spawner \(spawner) has died and is replaced") })
    try site.write("go", "")
    #expect(try body(first.readResponse()) == "200 began and ended")
    #expect(try body(second.readResponse()) == "200 hello")
    #expect(eventually { running.spawners.count == 0 })
  }
}
