// The places of a route's programs and the queue before them: who runs, who waits, who is sent away.

import HTTPClient
import Kernel
import Synchronization
import Testing

extension EndToEndTests {
  @Suite("Concurrency and queue") struct CGIQueueTests {
    /// A script that notes itself in, waits at the gate, and notes itself out.
    private func fill(_ site: Site) throws {
      let notes = site.absolute("notes")
      try site.script(
        "gated",
        """
        #!/bin/sh
        echo in >>\(notes)
        \(site.waiting())
        printf 'Content-Type: text/plain\\n\\n%s' "$QUERY_STRING"
        echo out >>\(notes)
        """)
    }

    /// The most programs that had noted themselves in and not out at one time.
    private func mostAtOnce(_ notes: [String]) -> Int {
      var running = 0
      var most = 0
      for note in notes {
        running += note == "in" ? 1 : -1
        most = max(most, running)
      }
      return most
    }

    /// What 300 clients got, and what was seen meanwhile.
    private struct Rush {
      var responses: [Response] = []
      var mostPrograms = 0
      var runningAtTheGate = 0
    }

    /// Sends 300 requests at once, opens the gate when `isTime` says so, and counts the programs all the while.
    private func rush(_ server: Server, opensWhen isTime: @escaping @Sendable () -> Bool) throws -> Rush {
      let sent = Atomic(0)
      let done = Atomic(0)
      let most = Atomic(0)
      let atTheGate = Atomic(0)
      let answers = try concurrently(301) { number -> Response? in
        if number < 300 {
          defer { done.add(1, ordering: .relaxed) }
          var connection = try server.connect(timeoutMilliseconds: 18_000)
          try connection.send(Server.head("/cgi-bin/gated?\(number)"))
          sent.add(1, ordering: .relaxed)
          return try connection.readResponse()
        }
        var isOpen = false
        let deadline = Clock.monotonic() + 17_000_000_000
        while done.load(ordering: .relaxed) < 300, Clock.monotonic() < deadline {
          let running = server.programs.count
          most.max(running, ordering: .relaxed)
          if !isOpen, sent.load(ordering: .relaxed) == 300, server.site.notes().count >= 8, isTime() {
            atTheGate.store(server.site.notes().count, ordering: .relaxed)
            try server.site.openGate()
            isOpen = true
          }
          Clock.sleep(milliseconds: 2)
        }
        return nil
      }
      return Rush(
        responses: answers.compactMap { $0 }, mostPrograms: most.load(ordering: .relaxed),
        runningAtTheGate: atTheGate.load(ordering: .relaxed))
    }

    @Test func ofThreeHundredRequestsAHundredRunAndTheRestAreToldOfTheQueue() throws {
      try scenario("queue 92", arguments: ["--concurrency", "8", "--queue", "92"], site: fill) { server in
        let rush = try rush(server) { server.log.filter { $0.contains("queue = 92") }.count >= 200 }
        let served = rush.responses.enumerated().filter { $0.element.status == 200 }
        let refused = rush.responses.filter { $0.status == 503 }
        #expect(served.count == 100)
        #expect(refused.count == 200)
        #expect(served.allSatisfy { $0.element.text == "\($0.offset)" })
        #expect(refused.allSatisfy { $0.text.contains("queue = 92") && $0.head.first("retry-after") == "1" })
        #expect(server.logLines(naming: "503, the queue is full (queue = 92)").count == 200)
        #expect(rush.runningAtTheGate == 8)
        #expect(rush.mostPrograms <= 8)
        let notes = server.site.notes()
        #expect(notes.count == 200)
        #expect(mostAtOnce(notes) == 8)
      }
    }

    @Test func aQueueThatIsLongEnoughSendsNobodyAway() throws {
      try scenario("queue 292", arguments: ["--concurrency", "8", "--queue", "292"], site: fill) { server in
        let rush = try rush(server) { true }
        #expect(rush.responses.count == 300)
        for (number, response) in rush.responses.enumerated() {
          #expect(response.status == 200 && response.text == "\(number)", "request \(number): \(response.status)")
        }
        #expect(server.log.isEmpty, "\(server.log.prefix(5))")
        #expect(rush.mostPrograms <= 8)
        let notes = server.site.notes()
        #expect(notes.count == 600)
        #expect(mostAtOnce(notes) == 8)
      }
    }

    @Test func whoWaitsTooLongIsToldOfTheQueueTimeout() throws {
      let arguments = ["--concurrency", "1", "--queue", "5", "--queue-timeout", "1s"]
      try scenario("queue timeout", arguments: arguments + jsonLog, site: fill) { server in
        var first = try server.connect()
        try first.send(Server.head("/cgi-bin/gated?first"))
        #expect(eventually(within: 5) { server.site.notes() == ["in"] })
        let late = try server.request("/cgi-bin/gated?late")
        #expect(late.status == 503)
        #expect(late.text.contains("queue_timeout = 1s"))
        #expect(late.head.first("retry-after") == "1")
        #expect(server.logLines(naming: "queue_timeout = 1s", awaiting: 1).count == 1)
        let entry = try server.entries(1, for: "/cgi-bin/gated?late")[0]
        #expect(entry.status == 503 && entry.cost == nil && entry.exit == nil)
        try server.site.openGate()
        #expect(try first.readResponse().text == "first")
        #expect(server.site.notes() == ["in", "out"])
      }
    }
  }
}
