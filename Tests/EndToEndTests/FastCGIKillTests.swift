// Workers that are killed under load, and what is left of them when the gateway ends, however it ends.

import Glibc
import HTTPClient
import HTTPWire
import Kernel
import Synchronization
import Testing

extension EndToEndTests {
  @Suite("Workers that are killed") struct FastCGIKillTests {
    /// What one client met.
    private struct Tally: Sendable {
      var gets = 0
      var posts = 0
      var failed: [String] = []
      var strange: [String] = []
    }

    /// Asks by GET and POST in turn until it is told to stop, on connections that are kept.
    private func ask(_ server: Server, client: Int, until isOver: borrowing Atomic<Bool>) throws -> Tally {
      var tally = Tally()
      var connection = try server.connect()
      while !isOver.load(ordering: .relaxed) {
        let isPost = (tally.gets + tally.posts) % 2 == 1
        let query = "sleep=2&n=\(client).\(tally.gets + tally.posts)"
        let length = isPost ? ["Content-Length: 5"] : []
        try connection.send(
          Server.head("/app?\(query)", length, method: isPost ? "POST" : "GET") + (isPost ? "hello" : ""))
        let response = try connection.readResponse()
        if isPost { tally.posts += 1 } else { tally.gets += 1 }
        if response.status == 200, response.text == "you asked: \(query)\n" { continue }
        let words = "\(isPost ? "POST" : "GET") \(response.status) \(response.text)"
        if isPost, response.status == 502, response.text.contains("died or closed its connection") {
          tally.failed.append(words)
        } else {
          tally.strange.append(words)
        }
        if response.head.first("connection") == "close" { connection = try server.connect() }
      }
      return tally
    }

    @Test func onlyWhatMayNotBeMadeTwiceFailsInsideAKilledWorker() throws {
      let configuration = poolConfiguration([#"command = ["./odd"]"#, "workers = 4"], logs: false)
      try scenario("killed under load", configuration: configuration, site: withOddWorker) { server in
        _ = try server.waitForWorkers(4, "odd")
        let isOver = Atomic(false)
        let killed = Mutex<[pid_t]>([])
        let tallies = try concurrently(13) { number -> Tally? in
          if number < 12 { return try ask(server, client: number, until: isOver) }
          defer { isOver.store(true, ordering: .relaxed) }
          for _ in 0..<30 {
            Clock.sleep(milliseconds: 100)
            guard let victim = server.workers("odd").randomElement() else { continue }
            kill(victim, SIGKILL)
            killed.withLock { $0.append(victim) }
          }
          return nil
        }.compactMap { $0 }
        let victims = killed.withLock { $0 }
        let failed = tallies.flatMap(\.failed)
        let strange = tallies.flatMap(\.strange)
        #expect(strange == [], "\(strange.prefix(5))")
        // Each kill ends the one request that its worker had, if it had one.
        #expect(failed.count <= victims.count, "\(failed.count) failed by \(victims.count) kills: \(failed.prefix(3))")
        #expect(victims.count > 20)
        #expect(tallies.reduce(0) { $0 + $1.gets } > 100 && tallies.reduce(0) { $0 + $1.posts } > 100)
        #expect(server.logLines(naming: "502, the worker", awaiting: failed.count).count == failed.count)

        // The pool is whole again, and each of its workers serves.
        let workers = try server.waitForWorkers(4, "odd")
        #expect(workers.isDisjoint(with: victims))
        let marks = try concurrently(4) { _ in try WorkerMark(server.ask("sleep=300")) }
        #expect(Set(marks.map(\.pid)) == workers)
      }
    }

    enum End: CaseIterable, Sendable { case term, killed, killedWithItsSpawners }

    /// Four workers of which two are in a request and one has ignored TERM since its start.
    @Test(arguments: End.allCases) func workersDieWithTheGateway(_ end: End) throws {
      let site = try Site()
      defer { site.remove() }
      try site.oddWorker()
      try site.rawWorker()
      let configuration =
        poolConfiguration([#"command = ["./odd"]"#, "workers = 3"], logs: false)
          + """

          [[route]]
          path = "/stubborn"
          fastcgi = "stubborn"

          [pool.stubborn]
          command = ["sh", "-c", "trap '' TERM; exec ./raw"]
          workers = 1
          """
      try site.write("tollgate.toml", configuration.replacing("[server]", with: "[server]\ndrain = \"200ms\""))
      let server = try Server(site, arguments: ["--config", site.absolute("tollgate.toml")])
      defer { server.process.killAll() }
      #expect(try server.request("/stubborn?x").status == 200)
      let workers = try server.waitForWorkers(3, "odd").union(server.waitForWorkers(1, "raw"))
      let asked = try (0..<2).map { number in
        let connection = Kept(try server.connect())
        try connection.connection.send(Server.head("/app?note=\(site.absolute("notes"))&silent&\(number)"))
        return connection
      }
      #expect(eventually(within: 5) { site.notes().count == 2 })
      switch end {
      case .term: server.process.signal(SIGTERM)
      case .killed: kill(server.pid, SIGKILL)
      case .killedWithItsSpawners:
        let spawners = server.spawners.map(\.pid)
        #expect(!spawners.isEmpty)
        for spawner in spawners { kill(spawner, SIGKILL) }
        kill(server.pid, SIGKILL)
      }
      // TERM gives a worker its grace, 5 s.
      var left: [ProcessEntry] = []
      let areGone = eventually(within: 12) {
        left = Processes.inSession(server.pid).filter { $0.pid != server.pid }
        return !workers.contains(where: Processes.isAlive) && left.isEmpty
      }
      #expect(areGone, "alive: \(left.map { "\($0.name) \($0.pid)" })")
      #expect(server.process.wait(seconds: 5) == (end == .term ? .exited(0) : .killed(signal: SIGKILL)))
      #expect(asked.count == 2)
    }

    private final class Kept {
      let connection: RawConnection
      init(_ connection: consuming RawConnection) { self.connection = connection }
    }

    @Test func whoDiesAfterItHasAnsweredIsReplacedAtOnce() throws {
      let configuration = poolConfiguration([#"command = ["./odd"]"#, "workers = 1"])
      try scenario("replaced", configuration: configuration, site: withOddWorker) { server in
        // By its own will, by a signal, and after its answer.
        for query in ["last", "vanish", "plain", "last", "vanish", "plain"] {
          let said = server.log.count
          let old = try WorkerMark(server.ask("first"))
          let response = try server.ask(query, method: "POST", body: bytes("x"))
          #expect(response.status == (query == "vanish" ? 502 : 200), "\(query)")
          #expect(!response.text.contains("does not run"), "\(query): a program that has answered")
          if query == "plain" { kill(old.pid, SIGKILL) }
          let new = try WorkerMark(server.ask("next"))
          #expect(new.pid != old.pid && new.count == 1, "\(query): \(new) after \(old)")
          let lines = server.newLog(after: said).filter { $0.contains("worker \(old.pid) of the pool pool ended") }
          #expect(lines.count == 1, "\(query): \(lines)")
          let level = query == "last" ? " info " : " error "
          #expect(lines.first?.contains(level) == true, "\(query): \(lines)")
        }
      }
    }

    @Test func workersThatEndAfterSoManyRequestsAreNoFault() throws {
      let configuration = poolConfiguration([#"command = ["./odd", "--requests", "7"]"#, "workers = 2"], logs: false)
      try scenario("7 requests each", configuration: configuration, site: withOddWorker) { server in
        _ = try concurrently(6) { client in
          var connection = try server.connect()
          for number in 0..<100 {
            let isPost = number % 3 == 0
            let head = Server.head(
              "/app?\(client).\(number)", isPost ? ["Content-Length: 2"] : [], method: isPost ? "POST" : "GET")
            try connection.send(head + (isPost ? "hi" : ""))
            let response = try connection.readResponse()
            guard response.status == 200, response.text == "you asked: \(client).\(number)\n" else {
              throw HarnessError("\(head): \(response.status) «\(response.text)»")
            }
          }
        }
        let marks = try WorkerMark(server.ask("x"))
        #expect(marks.count <= 7)
        let faults = server.log.filter { $0.contains(" error ") || $0.contains(" warning ") }
        #expect(faults == [], "\(faults.prefix(5))")
      }
    }
  }
}
