// Programs that do not do what a program should: each has one outcome, and one line in the log says why.

import HTTPClient
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Odd programs") struct CGIOddScriptsTests {
    private func fill(_ site: Site) throws {
      try site.script("nothing", "#!/bin/sh\nexit 3\n")
      try site.script("half", "#!/bin/sh\nprintf 'Content-Type: text/pl'\n")
      try site.script("headonly", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n'\n")
      try site.script("nocolon", "#!/bin/sh\nprintf 'Hello, world\\n\\nthis is no head\\n'\n")
      try site.script("notype", "#!/bin/sh\nprintf 'X-Any: thing\\n\\nbody\\n'\n")
      try site.script("badstatus", "#!/bin/sh\nprintf 'Status: fine\\n\\nbody\\n'\n")
      try site.script("interim", "#!/bin/sh\nprintf 'Status: 100 Continue\\n\\n'\n")
      try site.script(
        "bighead", "#!/bin/sh\nprintf 'X-Big: '\nhead -c 70000 /dev/zero | tr '\\0' x\nprintf '\\n\\nbody\\n'\n")
      try site.script("more", "#!/bin/sh\nprintf 'Content-Type: text/plain\\nContent-Length: 4\\n\\n1234567'\n")
      try site.script("less", "#!/bin/sh\nprintf 'Content-Type: text/plain\\nContent-Length: 40\\n\\n1234567'\n")
      try site.script("segv", "#!/bin/sh\nkill -SEGV $$\n")
      try site.script("dies", plainShell + "printf part\nkill -KILL $$\n")
      try site.script("badinterpreter", "#!/nowhere/interpreter\n")
      try site.write("cgi-bin/binary", bytes("\u{7F}ELF nothing like it"), mode: 0o755)
      try site.write("cgi-bin/plain.txt", "the source of a script\n")
      try site.script("dir/inner", plainShell + "printf inner\n")
      try site.script("fine", plainShell + "printf fine\n")
    }

    /// One request, whose outcome is a page of the gateway's and one line of the log.
    private func expectFault(
      _ server: Server, _ script: String, _ status: Int, log words: String,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let response = try server.request("/cgi-bin/\(script)")
      #expect(response.status == status, "\(script)", sourceLocation: sourceLocation)
      #expect(response.head.first("content-type")?.hasPrefix("text/html") == true, sourceLocation: sourceLocation)
      #expect(!response.text.contains("#!"), "\(script)", sourceLocation: sourceLocation)
      let entries = try server.entries(1, for: "/cgi-bin/\(script)")
      #expect(entries.count == 1 && entries[0].status == status, "\(script)", sourceLocation: sourceLocation)
      let lines = server.logLines(naming: "cgi-bin/\(script)", awaiting: 1)
      #expect(lines.count == 1 && lines[0].contains(words), "\(script): \(lines)", sourceLocation: sourceLocation)
    }

    @Test func headsThatAreNoneAreABadGateway() throws {
      try scenario("bad heads", arguments: jsonLog, site: fill) { server in
        try expectFault(server, "nothing", 502, log: "printed nothing")
        try expectFault(server, "half", 502, log: "in the middle of its head")
        try expectFault(server, "headonly", 502, log: "in the middle of its head")
        try expectFault(server, "nocolon", 502, log: "line 1")
        try expectFault(server, "notype", 502, log: "Content-Type")
        try expectFault(server, "badstatus", 502, log: "Status")
        try expectFault(server, "interim", 502, log: "interim")
        try expectFault(server, "bighead", 502, log: "program_head = 65536")
        try expectFault(server, "segv", 502, log: "printed nothing")
        #expect(try server.entries(1, for: "/cgi-bin/segv")[0].exit == AccessEntry.Exit(signal: 11))
        #expect(try server.entries(1, for: "/cgi-bin/nothing")[0].exit == AccessEntry.Exit(status: 3))
        #expect(try server.request("/cgi-bin/bighead").text.contains("program_head = 65536"))
        #expect(try server.request("/cgi-bin/fine").text == "fine")
      }
    }

    @Test func whatCannotBeExecutedIsTheServersFaultAndNeverSent() throws {
      try scenario("exec", arguments: jsonLog, site: fill) { server in
        try expectFault(server, "badinterpreter", 500, log: "errno 2")
        try expectFault(server, "binary", 500, log: "errno 8")
        try expectFault(server, "plain.txt", 403, log: "not executable")
        #expect(server.logLines(naming: "badinterpreter")[0].contains("#!/nowhere/interpreter», and that"))
        for target in [
          "/cgi-bin/none", "/cgi-bin/", "/cgi-bin/dir", "/cgi-bin/dir/", "/cgi-bin/.hidden",
          "/cgi-bin/dir/none/fine",
        ] {
          let response = try server.request(target)
          #expect(response.status == 404, "\(target)")
        }
        #expect(try server.request("/cgi-bin").head.first("location") == "/cgi-bin/")
        #expect(try server.request("/cgi-bin/dir/inner").text == "inner")
        // However a path to it is written, a script is run or refused, and its source stays where it is.
        for target in ["//cgi-bin/fine", "/./cgi-bin/fine", "/x/../cgi-bin/fine", "/%63gi-bin/fine", "/cgi-bin//fine"] {
          #expect(try server.request(target).text == "fine", "\(target)")
        }
        #expect(try server.request("/cgi-bin%2Ffine").status == 404)
        #expect(try server.request("/CGI-BIN/fine").status == 404)
      }
    }

    @Test func aBodyIsAsLongAsItsContentLengthSays() throws {
      try scenario("lengths", arguments: jsonLog, site: fill) { server in
        let more = try server.request("/cgi-bin/more")
        #expect(more.text == "1234")
        var connection = try server.connect()
        try connection.send(Server.head("/cgi-bin/less"))
        // The client must not take the part for the whole: the connection ends before what was promised has come.
        #expect(throws: ClientError.self) { try connection.readResponse() }
        var dying = try server.connect()
        try dying.send(Server.head("/cgi-bin/dies"))
        let part = try dying.readResponse()
        #expect(part.text == "part")
        for (script, words) in [("more", "more than its Content-Length"), ("less", "33 bytes less")] {
          let lines = server.logLines(naming: "/cgi-bin/\(script)", awaiting: 1)
          #expect(lines.count == 1 && lines[0].contains(words), "\(script): \(lines)")
        }
        let entries = try server.entries(3)
        #expect(entries.count == 3)
        #expect(entries.first { $0.target == "/cgi-bin/more" }?.bodyBytesOut == 4)
        #expect(entries.first { $0.target == "/cgi-bin/dies" }?.exit == AccessEntry.Exit(signal: 9))
      }
    }
  }
}
