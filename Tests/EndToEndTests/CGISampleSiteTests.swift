// The sample site as `make run` serves it: every script answers, and what streams does stream.

import HTTPClient
import Kernel
import Testing

extension EndToEndTests {
  @Suite("The sample site") struct CGISampleSiteTests {
    /// What shows that a script did what it is for; a script that is not here gets a 200 at least.
    private let marks: [String: (query: String, text: String)] = [
      "hello": ("", "Hello from C."), "hello.sh": ("", "Hello from"), "hello.awk": ("", "Hello from"),
      "hello.pl": ("", "Hello from"), "hello.py": ("", "Hello from Python."), "env.awk": ("?x=%3Cb%3E", "x=%3Cb%3E"),
      "burn": ("?ms=20", "requested_ms 20"), "burn.py": ("?ms=20", "requested_ms 20"),
      "size": ("?bytes=6400", "0123456789"), "stream.sh": ("?lines=1", "line 1 of 1"),
      "form.pl": ("", "<form"), "form-cgi.pl": ("", "<form"),
      "table": ("", "<td>144"), "table.sh": ("", "<td>144"), "table.pl": ("", "<td>144"), "table.py": ("", "<td>144"),
    ]

    @Test func everyScriptAnswers() throws {
      try scenario("sample site", arguments: jsonLog, site: sampleSite) { server in
        #expect(try server.request("/").text.contains("/cgi-bin/"))
        let scripts = names(in: server.site.absolute("cgi-bin")).sorted()
        #expect(scripts.count >= 12 && marks.keys.allSatisfy(scripts.contains))
        for script in scripts {
          let (query, text) = marks[script] ?? ("", "")
          let response = try server.request("/cgi-bin/\(script)\(query)")
          #expect(response.status == 200, "\(script)")
          #expect(response.text.contains(text), "\(script): \(response.text.prefix(200))")
          #expect(response.head.first("content-type")?.hasPrefix("text/") == true, "\(script)")
        }
        #expect(try server.request("/cgi-bin/size?bytes=100000").bodyLength == 100_000)
        for form in ["form.pl", "form-cgi.pl"] {
          let fields = ["Content-Type: application/x-www-form-urlencoded"]
          let body = bytes("name=J%C3%BCrgen+%3Cb%3E&message=hello")
          let sent = try server.request("/cgi-bin/\(form)", method: "POST", fields: fields, body: body)
          #expect(sent.status == 200 && !sent.text.contains("<b>"), "\(form)")
          #expect(sent.text.contains("J\u{FC}rgen") || sent.text.contains("J&#"), "\(form): \(sent.text)")
        }
        #expect(server.logLines(naming: "cgi-bin").isEmpty, "\(server.log)")
      }
    }

    /// The page compares models and languages by one and the same answer.
    @Test func everyTableIsTheSame() throws {
      try scenario("tables", site: sampleSite) { server in
        let file = try server.request("/table.html")
        #expect(file.text.contains("<tr><th>12<td>12<td>24<td>36") && file.text.hasSuffix("for all.</p>\n"))
        for script in ["table", "table.sh", "table.pl", "table.py"] {
          let made = try server.request("/cgi-bin/\(script)")
          #expect(made.status == 200 && made.body == file.body, "\(script)")
          #expect(made.head.first("content-type") == file.head.first("content-type"), "\(script)")
        }
      }
    }

    /// The second line is printed a second after the first: the first must be here while the program still runs.
    @Test func aStreamArrivesLineByLine() throws {
      try scenario("stream", arguments: jsonLog, site: sampleSite) { server in
        var connection = try server.connect()
        try connection.send(Server.head("/cgi-bin/stream.sh?lines=3"))
        var arrivals: [Int64] = []
        for line in 1...3 {
          _ = try connection.readUntil("line \(line) of 3 at ")
          arrivals.append(Clock.monotonic())
          if line < 3 { #expect(server.programs.count == 1) }
        }
        // A server that held everything back would give all of them at once.
        #expect(arrivals[1] - arrivals[0] > 500_000_000 && arrivals[2] - arrivals[1] > 500_000_000)
        _ = try connection.readUntil("0\r\n\r\n")
        let entry = try server.entries(1)[0]
        #expect(try #require(entry.phases["output_ns"]) > 1_900_000_000)
      }
    }
  }
}
