// A client that leaves takes with it what runs for it, and what waits for it never runs.

import HTTPClient
import Kernel
import Testing

extension EndToEndTests {
  @Suite("A client that leaves") struct CGILeaveTests {
    enum Leaving: CaseIterable, Sendable { case byFIN, byRST }

    /// A script, its children and its grandchildren, four in all, each noting its pid; and one that counts its runs.
    private func fill(_ site: Site) throws {
      let note = "echo $$ >>\(site.absolute("notes"))"
      try site.script("sleeper", "#!/bin/sh\n\(note)\nexec sleep 600\n")
      let sleeper = site.absolute("cgi-bin/sleeper")
      try site.script("child", "#!/bin/sh\n\(note)\n\(sleeper) &\n\(sleeper)\n")
      try site.script("family", "\(plainShell)\n\(note)\n\(site.absolute("cgi-bin/child")) &\nwait\n")
      try site.script("stubborn", "#!/bin/sh\ntrap '' TERM\n\(note)\n\(sleeper) & \(sleeper)\n")
      try site.script("counted", "\(plainShell)\necho run >>\(site.absolute("runs"))\ncat | wc -c\n")
    }

    private func leave(_ connection: consuming RawConnection, _ how: Leaving) {
      switch how {
      case .byFIN: break
      case .byRST: connection.abort()
      }
    }

    @Test(arguments: Leaving.allCases)
    func scriptChildrenAndGrandchildrenAreGoneWithinASecond(_ how: Leaving) throws {
      try scenario("leaving \(how)", arguments: jsonLog, site: fill) { server in
        for (script, count) in [("family", 4), ("stubborn", 3)] {
          try server.site.write("notes", "")
          let connection = try server.connect()
          try connection.send(Server.head("/cgi-bin/\(script)"))
          let pids = try server.site.notedPids(count)
          #expect(pids.count == count && pids.allSatisfy(Processes.isAlive))
          leave(connection, how)
          let areGone = eventually(within: 1) { !pids.contains(where: Processes.isAlive) }
          #expect(areGone, "\(script), \(how): alive after a second: \(pids.filter(Processes.isAlive))")
          let entry = try server.entries(1, for: "/cgi-bin/\(script)")[0]
          #expect(entry.exit?.signal != nil)
          let lines = server.logLines(naming: "/cgi-bin/\(script)", awaiting: 1)
          #expect(lines.count == 1 && lines[0].contains("the client left"), "\(lines)")
        }
      }
    }

    @Test(arguments: Leaving.allCases)
    func whoLeavesTheQueueIsNeverRun(_ how: Leaving) throws {
      try scenario("leaving the queue \(how)", arguments: ["--concurrency", "1"] + jsonLog, site: fill) { server in
        let first = try server.connect()
        try first.send(Server.head("/cgi-bin/family"))
        _ = try server.site.notedPids(4)
        let waiting = try server.connect()
        try waiting.send(Server.head("/cgi-bin/counted?waiting"))
        // The queue is in order: this one waits behind it.
        var last = try server.connect()
        try last.send(Server.head("/cgi-bin/counted?last"))
        Clock.sleep(milliseconds: 100)
        leave(waiting, how)
        let entry = try server.entries(1, for: "/cgi-bin/counted?waiting")[0]
        #expect(entry.status == 499 && entry.cost == nil)
        leave(first, how)
        #expect(try last.readResponse().text == "0\n")
        #expect(server.site.notes("runs") == ["run"])
        let lines = try server.entries(3)
        #expect(lines.count == 3)
      }
    }

    @Test(arguments: Leaving.allCases)
    func whoLeavesWhileItsBodyComesIsNeverRun(_ how: Leaving) throws {
      try scenario("leaving with a body \(how)", arguments: jsonLog, site: fill) { server in
        for length in [40_000, 3_000_000] {
          let connection = try server.connect()
          let head = Server.head("/cgi-bin/counted?left", ["Content-Length: \(length)"], method: "POST")
          try connection.send(bytes(head) + randomBytes(length / 2, seed: 9))
          Clock.sleep(milliseconds: 50)
          leave(connection, how)
        }
        let chunked = try server.connect()
        let head = Server.head("/cgi-bin/counted?left", ["Transfer-Encoding: chunked"], method: "POST")
        try chunked.send(head + "5\r\nhello\r\n")
        Clock.sleep(milliseconds: 50)
        leave(chunked, how)

        let left = try server.entries(3, for: "/cgi-bin/counted?left")
        #expect(left.allSatisfy { $0.cost == nil && $0.exit == nil && $0.status == 499 })
        let whole = try server.request("/cgi-bin/counted?whole", method: "POST", body: randomBytes(5000, seed: 1))
        #expect(whole.text == "5000\n")
        #expect(server.site.notes("runs") == ["run"])
      }
    }
  }
}
