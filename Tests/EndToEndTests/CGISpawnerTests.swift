// The spawner's death: what runs goes on, what comes is served by the next one.

import Glibc
import HTTPClient
import Kernel
import Testing

extension EndToEndTests {
  @Suite("The spawner") struct CGISpawnerTests {
    private func fill(_ site: Site) throws {
      let note = "echo $$ >>\(site.absolute("notes"))"
      try site.script("gated", plainShell + "printf before\n\(note)\n\(site.waiting())\nprintf ' and after'\n")
      try site.script("hello", plainShell + "printf hello\n")
    }

    @Test func killedItIsReplacedAndWhatRanIsAnswered() throws {
      try scenario("killed spawner", arguments: ["--loops", "1"] + jsonLog, site: fill) { server in
        var connection = try server.connect()
        try connection.send(Server.head("/cgi-bin/gated"))
        let script = try server.site.notedPids(1)[0]
        let old = server.spawners.map(\.pid)
        #expect(old.count == 1)
        kill(old[0], SIGKILL)

        // Between the death and the gateway's knowledge of it, a request may be told to come again.
        var answers: [Int] = []
        for _ in 0..<50 {
          let response = try server.request("/cgi-bin/hello")
          answers.append(response.status)
          if response.status == 503 {
            #expect(response.head.first("retry-after") != nil)
          } else {
            #expect(response.text == "hello")
          }
        }
        #expect(answers.allSatisfy { $0 == 200 || $0 == 503 }, "\(answers)")
        #expect(answers.suffix(20).allSatisfy { $0 == 200 }, "\(answers)")
        #expect(eventually(within: 3) { server.spawners.map(\.pid) != old && server.spawners.count == 1 })
        let lines = server.logLines(naming: "is replaced", awaiting: 1)
        #expect(lines.count == 1 && lines[0].contains("\(old[0])"), "\(lines)")

        #expect(Processes.isAlive(script))
        try server.site.openGate()
        #expect(try connection.readResponse().text == "before and after")
        let entry = try server.entries(1, for: "/cgi-bin/gated")[0]
        #expect(entry.status == 200 && entry.exit == AccessEntry.Exit(status: 0) && entry.cost != nil)
      }
    }

    /// The spawners. Until it has executed its program, a script has their name too, but not for so long.
    private func lastingSpawners(_ server: Server) -> Set<pid_t> {
      var lasting = Set(server.spawners.map(\.pid))
      for _ in 0..<6 {
        Clock.sleep(milliseconds: 25)
        lasting.formIntersection(server.spawners.map(\.pid))
      }
      return lasting
    }

    @Test func killedUnderLoadNoRequestHangsOrIsLost() throws {
      try scenario("spawner killed under load", arguments: jsonLog, site: fill) { server in
        let statuses = try concurrently(7) { client -> [Int] in
          if client == 6 {
            for _ in 0..<5 {
              for spawner in lastingSpawners(server) { kill(spawner, SIGKILL) }
            }
            return []
          }
          return try (0..<150).map { _ in
            var connection = try server.connect(timeoutMilliseconds: 5000)
            try connection.send(Server.head("/cgi-bin/hello"))
            let response = try connection.readResponse()
            if response.status == 200, response.text != "hello" { throw HarnessError("«\(response.text)»") }
            return response.status
          }
        }.flatMap { $0 }
        #expect(statuses.count == 900)
        #expect(statuses.allSatisfy { $0 == 200 || $0 == 503 }, "\(Set(statuses)): \(server.log.suffix(30))")
        #expect(statuses.filter { $0 == 200 }.count > 600, "\(statuses.filter { $0 == 200 }.count) were 200")
        #expect(try server.entries(900).count == 900)
        #expect(eventually(within: 3) { server.programs.isEmpty })
        #expect(try server.request("/cgi-bin/hello").text == "hello")
      }
    }
  }
}
