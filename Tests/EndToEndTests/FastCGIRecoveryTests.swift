// What one request, one worker or one spawner comes to is not to be the others' matter.

import Glibc
import HTTPClient
import HTTPWire
import Kernel
import Synchronization
import Testing

extension EndToEndTests {
  @Suite("Pools recover") struct FastCGIRecoveryTests {
    private func configuration(_ keys: String..., logs: Bool = false) -> String {
      poolConfiguration([#"command = ["./odd"]"#] + keys, logs: logs)
    }

    private func fill(_ site: Site) throws { try site.oddWorker() }

    /// A request that every worker dies of, tried once more, ends two processes: the second before it has answered
    /// anything. Who comes behind it waits for the third.
    @Test(arguments: [1, 2]) func aRequestThatWorkersDieOfCostsNobodyElse(_ workers: Int) throws {
      try scenario("deadly", configuration: configuration("workers = \(workers)"), site: fill) { server in
        for round in 0..<4 {
          let deadly = try server.ask("vanish")
          #expect(deadly.status == 502, "\(deadly.text)")
          for number in 0..<3 {
            let query = "n=\(round).\(number)"
            let isPost = number == 1
            let next = try server.ask(query, method: isPost ? "POST" : "GET", body: isPost ? bytes("body") : [])
            #expect(next.status == 200 && next.text == "you asked: \(query)\n", "\(next.status) \(next.text)")
          }
        }
        let isOver = Atomic(false)
        let statuses = try concurrently(5) { client -> [Int] in
          var statuses: [Int] = []
          if client == 0 {
            defer { isOver.store(true, ordering: .releasing) }
            for _ in 0..<5 {
              statuses.append(try server.ask("vanish").status == 502 ? 200 : 0)
              // An answer in between tells it from a program that does not work.
              Clock.sleep(milliseconds: 100)
            }
          }
          while !isOver.load(ordering: .acquiring) { statuses.append(try server.ask("client=\(client)").status) }
          return statuses
        }
        #expect(statuses.joined().allSatisfy { $0 == 200 }, "\(statuses)")
        _ = try server.waitForWorkers(workers, "odd")
      }
    }

    @Test func aLimitThatIsNoWholeSecondsIsNamedAsItIs() throws {
      let keys = (#"timeout = "1500ms""#, #"queue_timeout = "300ms""#)
      try scenario("limits", configuration: configuration("workers = 1", keys.0, keys.1), site: fill) { server in
        let clients = try concurrently(2) { number -> Response in
          // The second waits while the first is with the worker.
          if number == 1 { _ = eventually(within: 5) { !server.site.notes().isEmpty } }
          return try server.ask(number == 0 ? "note=\(server.site.absolute("notes"))&sleep=4000" : "waits")
        }
        #expect(clients[0].status == 504 && clients[0].text.contains("timeout = 1500ms"), "\(clients[0].text)")
        #expect(clients[1].status == 503 && clients[1].text.contains("queue_timeout = 300ms"), "\(clients[1].text)")
        #expect(server.logLines(naming: "(timeout = 1500ms)", awaiting: 1).count == 1)
        #expect(server.logLines(naming: "(queue_timeout = 300ms)", awaiting: 1).count == 1)
        // TERM wakes the silent one, which ends.
        #expect(try eventually(within: 10) { try server.ask("next").status == 200 })
      }
    }

    @Test func workersOutliveTheirSpawnerAndTheNextOneReplacesThem() throws {
      try scenario("spawner", configuration: configuration("workers = 2"), site: fill) { server in
        for _ in 0..<3 {
          let workers = try server.waitForWorkers(2, "odd")
          let spawners = server.spawners.filter { !$0.isOver }.map(\.pid)
          #expect(!spawners.isEmpty)
          for spawner in spawners { kill(spawner, SIGKILL) }
          #expect(
            eventually(within: 5) {
              let now = server.spawners.filter { !$0.isOver }.map(\.pid)
              return now.count == spawners.count && Set(now).isDisjoint(with: spawners)
            }, "\(server.spawners) after \(spawners): \(server.log)")
          #expect(server.workers("odd") == workers)
          let mark = try WorkerMark(server.ask("old"))
          #expect(workers.contains(mark.pid))
          kill(mark.pid, SIGKILL)
          #expect(try server.ask("next").status == 200)
          let replaced = try server.waitForWorkers(2, "odd")
          #expect(replaced.intersection(workers).count == 1, "\(replaced) after \(workers)")
        }
      }
    }

    @Test func requestsAheadOnOneConnectionAreAnsweredInTheirOrder() throws {
      try scenario("ahead", configuration: configuration("workers = 3"), site: fill) { server in
        var connection = try server.connect()
        let queries = (0..<30).map { $0 % 4 == 0 ? "sleep=10&n=\($0)" : "n=\($0)" }
        try connection.send(queries.map { Server.head("/app?\($0)") }.joined())
        for query in queries { #expect(try connection.readResponse().text == "you asked: \(query)\n") }
      }
    }
  }
}
