// Programs that live longer than they should, or leave others behind.

import Glibc
import HTTPClient
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Lifetimes of programs") struct CGILifetimeTests {
    /// Ignores TERM, and so do its children; each notes its pid.
    @Test func whoIgnoresTermIsKilledAfterTheGrace() throws {
      let fill = { (site: Site) in
        try site.script(
          "stubborn", "#!/bin/sh\ntrap '' TERM\necho $$ >>\(site.absolute("notes"))\nsleep 600 &\nsleep 600\n")
      }
      try scenario("ignores TERM", arguments: ["--timeout", "1s"] + jsonLog, site: fill) { server in
        let response = try server.request("/cgi-bin/stubborn")
        #expect(response.status == 504)
        #expect(response.text.contains("timeout = 1s"))
        let pid = try server.site.notedPids(1)[0]
        // The client has its answer, and the program has its grace of 5 s.
        #expect(Processes.isAlive(pid))
        let entries = try server.entries(1, for: "/cgi-bin/stubborn")
        #expect(entries.count == 1 && entries[0].status == 504)
        #expect(entries[0].exit == AccessEntry.Exit(signal: 9))
        // One second of silence, and five from TERM to KILL.
        #expect(entries[0].durationNs >= 6_000_000_000)
        let isGone = eventually(within: 1) { !Processes.inSession(server.pid).contains(where: isOfTheScript) }
        #expect(isGone)
        let lines = server.logLines(naming: "/cgi-bin/stubborn", awaiting: 1)
        #expect(lines.count == 1 && lines[0].contains("504") && lines[0].contains("timeout = 1s"), "\(lines)")
      }
    }

    private func isOfTheScript(_ entry: ProcessEntry) -> Bool {
      entry.state != "Z" && (entry.name == "sleep" || entry.name == "stubborn")
    }

    @Test func whatAChildPrintsAfterItsParentsExitArrives() throws {
      let fill = { (site: Site) in
        try site.script("forks", plainShell + "printf 'parent '\n(\(site.waiting()); printf child) &\nexit 0\n")
      }
      try scenario("forks away", arguments: jsonLog, site: fill) { server in
        var connection = try server.connect()
        try connection.send(Server.head("/cgi-bin/forks"))
        _ = try connection.readUntil("parent ")
        // The parent is a zombie by now, or soon.
        #expect(eventually(within: 5) { server.programs.map(\.state) == ["Z"] })
        try server.site.openGate()
        let rest = try connection.readUntil("\r\n0\r\n\r\n")
        #expect(String(decoding: rest, as: UTF8.self).contains("child"))
        let entries = try server.entries(1)
        #expect(entries.count == 1 && entries[0].status == 200 && entries[0].bodyBytesOut == 12)
        #expect(entries[0].exit == AccessEntry.Exit(status: 0))
      }
    }

    @Test func whoClosesItsOutputIsAnsweredAtOnceAndEndedLater() throws {
      let fill = { (site: Site) in
        try site.script(
          "closes", plainShell + "printf closed\necho $$ >>\(site.absolute("notes"))\nexec >&- 2>&-\nsleep 600\n")
      }
      try scenario("closes its output", arguments: ["--timeout", "1s"] + jsonLog, site: fill) { server in
        let response = try server.request("/cgi-bin/closes")
        #expect(response.text == "closed")
        let pid = try server.site.notedPids(1)[0]
        #expect(Processes.isAlive(pid))
        let entries = try server.entries(1)
        #expect(entries.count == 1 && entries[0].status == 200)
        #expect(entries[0].exit == AccessEntry.Exit(signal: 15))
        #expect(!Processes.isAlive(pid))
        let lines = server.logLines(naming: "/cgi-bin/closes", awaiting: 1)
        #expect(lines.count == 1 && lines[0].contains("closed its output and lives on"), "\(lines)")
      }
    }

    @Test func aDaemonInASessionOfItsOwnHoldsNothingBack() throws {
      let fill = { (site: Site) in
        let daemon = "setsid sh -c 'echo $$ >>\(site.absolute("notes")); exec sleep 600' >/dev/null 2>&1 &"
        try site.script("daemon", plainShell + daemon + "\nprintf started\n")
      }
      try scenario("daemon", arguments: jsonLog, site: fill) { server in
        #expect(try server.request("/cgi-bin/daemon").text == "started")
        let pid = try server.site.notedPids(1)[0]
        #expect(try server.entries(1)[0].status == 200)
        #expect(server.programs.isEmpty)
        // It has made itself nobody's child: the scenario must end it.
        kill(pid, SIGKILL)
      }
    }

    @Test func aThousandProgramsLeaveNoZombie() throws {
      let fill = { (site: Site) in try site.program("hello", c: Self.hello) }
      try scenario("1000 in sequence", arguments: jsonLog, site: fill) { server in
        var connection = try server.connect()
        for number in 0..<1000 {
          try connection.send(Server.head("/cgi-bin/hello?\(number)"))
          let response = try connection.readResponse()
          guard response.status == 200, response.text == "\(number)\n" else {
            throw HarnessError("request \(number): \(response.status) «\(response.text)»")
          }
        }
        #expect(try server.entries(1000).allSatisfy { $0.exit == AccessEntry.Exit(status: 0) })
        #expect(server.programs.isEmpty)
      }
      try scenario("1000 in parallel", arguments: jsonLog, site: fill) { server in
        _ = try concurrently(8) { client in
          var connection = try server.connect()
          for number in 0..<125 {
            try connection.send(Server.head("/cgi-bin/hello?\(client)-\(number)"))
            let response = try connection.readResponse()
            guard response.text == "\(client)-\(number)\n" else { throw HarnessError("«\(response.text)»") }
          }
        }
        #expect(try server.entries(1000).allSatisfy { $0.exit == AccessEntry.Exit(status: 0) })
        #expect(server.programs.isEmpty)
        #expect(server.log.isEmpty, "\(server.log)")
      }
    }

    private static let hello = """
      #include <stdio.h>
      #include <stdlib.h>
      int main(void)
      {
        printf("Content-Type: text/plain\\n\\n%s\\n", getenv("QUERY_STRING"));
        return 0;
      }
      """
  }
}
