// Limits of pools, and clients that leave or are slow.

import Glibc
import HTTPClient
import HTTPWire
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Limits of pools") struct FastCGILimitTests {
    private func fill(_ site: Site) throws { try site.oddWorker() }

    private func pool(_ keys: String...) -> String {
      poolConfiguration([#"command = ["./odd"]"#] + keys)
    }

    /// A request under way.
    private final class Client {
      private var connection: RawConnection?

      init(_ server: Server, _ query: String) throws {
        let connection = try server.connect()
        try connection.send(Server.head("/app?\(query)"))
        self.connection = consume connection
      }

      func read() throws -> Response {
        guard var connection = connection.take() else { throw HarnessError("this client has left") }
        return try connection.readResponse()
      }

      func leave(byReset: Bool) {
        guard let connection = connection.take() else { return }
        if byReset { connection.abort() }
      }
    }

    /// A query that has the worker note itself and wait for the gate.
    private func gate(_ server: Server) -> String {
      "note=\(server.site.absolute("notes"))&gate=\(server.site.absolute("gate"))"
    }

    @Test func aFullQueueIsNamed() throws {
      try scenario("queue", configuration: pool("workers = 1", "queue = 2"), site: fill) { server in
        for _ in 0..<3 {
          unlink(server.site.absolute("gate"))
          try server.site.write("notes", "")
          let first = try Client(server, "\(gate(server))&n=1")
          #expect(eventually(within: 5) { server.site.notes().count == 1 })
          let waiting = try [2, 3].map { number in
            let client = try Client(server, "n=\(number)")
            Clock.sleep(milliseconds: 60)
            return client
          }
          let said = server.log.count
          let refused = try server.ask("n=4")
          #expect(refused.status == 503 && refused.text.contains("queue = 2"), "\(refused.status)")
          #expect(refused.head.first("retry-after") == "1")
          let lines = server.newLog(after: said)
          #expect(
            lines.count == 1 && lines[0].contains("503, the queue of the pool pool is full (queue = 2)"), "\(lines)")
          try server.site.openGate()
          #expect(try first.read().text.hasSuffix("&n=1\n"))
          for (number, client) in waiting.enumerated() {
            #expect(try client.read().text == "you asked: n=\(number + 2)\n")
          }
        }
        let refusals = try server.workerEntries(12).filter { $0.status == 503 }
        #expect(refusals.count == 3 && refusals.allSatisfy { $0.pid == nil && $0.cost == .none })
      }
    }

    @Test func whoWaitsTooLongIsToldOfTheQueueTimeout() throws {
      let configuration = pool("workers = 1", #"queue_timeout = "1s""#)
      try scenario("queue timeout", configuration: configuration, site: fill) { server in
        let first = try Client(server, gate(server))
        #expect(eventually(within: 5) { server.site.notes().count == 1 })
        let late = try (0..<3).map { try Client(server, "n=\($0)") }
        for client in late {
          let response = try client.read()
          #expect(response.status == 503 && response.text.contains("queue_timeout = 1s"), "\(response.status)")
        }
        #expect(server.logLines(naming: "queue_timeout = 1s", awaiting: 3).count == 3)
        try server.site.openGate()
        #expect(try first.read().status == 200)
        #expect(try server.ask("next").text == "you asked: next\n")
      }
    }

    @Test func aSilentWorkerIsReplaced() throws {
      let configuration = pool("workers = 1", #"timeout = "1s""#)
      try scenario("timeout", configuration: configuration, site: fill) { server in
        let mark = try WorkerMark(server.ask("first"))
        let silent = try Client(server, "silent")
        let waiting = try Client(server, "waiting")
        let response = try silent.read()
        #expect(response.status == 504 && response.text.contains("timeout = 1s"), "\(response.status)")
        // Who waited has the next one. libfcgi takes TERM for a wish: this one is killed after its grace of 5 s.
        let next = try waiting.read()
        let successor = try WorkerMark(next)
        #expect(next.status == 200 && successor.pid != mark.pid && successor.count == 1)
        #expect(!Processes.isAlive(mark.pid))
        let lines = server.newLog(after: 0)
        #expect(lines.count == 1 && lines[0].contains("504") && lines[0].contains("\(mark.pid)"), "\(lines)")
        #expect(lines.first?.contains("timeout = 1s") == true, "\(lines)")
      }
    }

    @Test func aWorkerWhoseClientLeftFinishesAndServesTheNext() throws {
      try scenario("client left", configuration: pool("workers = 1"), site: fill) { server in
        for round in 1...4 {
          unlink(server.site.absolute("gate"))
          try server.site.write("notes", "")
          let mark = try WorkerMark(server.ask("before"))
          let works = try Client(server, "\(gate(server))&left")
          #expect(eventually(within: 5) { server.site.notes().count == 1 })
          let waits = try Client(server, "note=\(server.site.absolute("notes"))&waited")
          let last = try Client(server, "last\(round)")
          Clock.sleep(milliseconds: 60)
          // By FIN, and by RST.
          waits.leave(byReset: round % 2 == 1)
          works.leave(byReset: round % 2 == 0)
          let target = "/app?note=\(server.site.absolute("notes"))&waited"
          #expect(try server.workerEntries(round, for: target).allSatisfy { $0.status == 499 && $0.pid == nil })
          #expect(server.logLines(naming: "the client left", awaiting: round).count == round)
          try server.site.openGate()
          let response = try last.read()
          let next = try WorkerMark(response)
          // The one that waited in vain was never the worker's.
          #expect(response.text == "you asked: last\(round)\n" && next.pid == mark.pid && next.count == mark.count + 2)
        }
        let left = try server.workerEntries(4, for: "/app?\(gate(server))&left")
        #expect(left.allSatisfy { $0.status == 499 && $0.pid != nil && $0.cost != .none }, "\(left)")
      }
    }

    @Test func aSlowClientHoldsItsWorkerAndNobodyElse() throws {
      try scenario("slow client", configuration: pool("workers = 2"), site: fill) { server in
        let big = server.site.absolute("big")
        // More than the buffers of two sockets hold.
        let made = try run("dd", ["if=/dev/urandom", "of=\(big)", "bs=1M", "count=32"])
        #expect(made.status == 0)
        var slow = try server.connect()
        try slow.send(Server.head("/app?file=\(big)"))
        Clock.sleep(milliseconds: 200)
        for number in 0..<200 { #expect(try server.ask("n=\(number)").text == "you asked: n=\(number)\n") }
        #expect(server.residentBytes < 64 << 20)
        let response = try slow.readResponse()
        #expect(response.status == 200 && response.body == server.site.read("big"))
        let marks = try concurrently(2) { _ in try WorkerMark(server.ask("sleep=200")) }
        #expect(Set(marks.map(\.pid)).count == 2)
      }
    }
  }
}
