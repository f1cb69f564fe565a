// `tollgate trace` against the real server: its text, its JSON, two side by side, and its exit codes.

import Foundation
import HTTPClient
import Testing

extension EndToEndTests {
  @Suite("tollgate trace") struct BillTraceTests {
    private func fill(_ site: Site) throws {
      try site.write("file.txt", "a file\n")
      try site.script("hello", plainShell + "printf hello\n")
      try site.script("sleepy", plainShell + "sleep 0.1\nprintf done\n")
    }

    private func trace(_ arguments: [String]) throws -> Outcome { try run(Program.tollgate, ["trace"] + arguments) }

    private func object(_ outcome: Outcome) throws -> [String: Any] {
      #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
      return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output)) as? [String: Any])
    }

    @Test func theTextShowsWaterfallBillAndASentence() throws {
      try scenario("trace", arguments: ["--bill", "full"], site: fill) { server in
        let outcome = try trace([server.url("/cgi-bin/sleepy")])
        #expect(outcome.status == 0 && outcome.errors.isEmpty)
        for word in ["200", "connect", "spawn", "first byte", "client and network", "/cgi-bin/", "peak"] {
          #expect(outcome.text.localizedStandardContains(word), "no «\(word)» in\n\(outcome.text)")
        }
        // By far the most of it passed while the script slept, and the last line says so.
        let last = try #require(outcome.text.split(separator: "\n").last)
        let words = "passed between the program's first byte and its last"
        #expect(last.contains(" ms, of which 1") && last.contains(words), "\(last)")
        // Not a terminal: no escape sequences.
        #expect(!outcome.output.contains(0x1B))
        #expect(outcome.text.split(separator: "\n").allSatisfy { $0.count <= 120 })
      }
    }

    @Test func theJSONHasTheBillOfTheAnswer() throws {
      try scenario("trace --json", arguments: ["--bill", "full"] + jsonLog, site: fill) { server in
        let url = server.url("/cgi-bin/sleepy")
        let object = try object(trace([url, "--json", "--repeat", "3"]))
        #expect(object["url"] as? String == url && object["requests"] as? Int == 3)
        let median = try #require(object["median"] as? [String: Any])
        #expect(median["status"] as? Int == 200 && median["body_bytes"] as? Int == 4)
        let bill = try #require(median["bill"] as? [String: Any])
        #expect(bill["model"] as? String == "cgi" && bill["complete"] as? Bool == true)
        let phases = try #require(bill["phases"] as? [String: Any]).compactMapValues { $0 as? Int64 }
        let cost = try #require(bill["cost"] as? [String: Int64])
        #expect(try #require(phases["first_byte_ns"]) >= 0)
        #expect(try #require(phases["output_ns"]) > 90_000_000)

        // One of the three in the log is the one that trace shows.
        let entries = try server.entries(3, for: "/cgi-bin/sleepy")
        #expect(entries.count == 3)
        #expect(entries.contains { $0.cost?.cpuNs == cost["cpu_ns"] && $0.phases["spawn_ns"] == phases["spawn_ns"] })
        let client = try #require(median["client"] as? [String: Int64])
        #expect(try #require(client["total_ns"]) > 100_000_000)
      }
    }

    @Test func twoAreComparedSideBySide() throws {
      try scenario("trace --compare", arguments: ["--bill", "full"], site: fill) { server in
        let urls = [server.url("/file.txt"), "--compare", server.url("/cgi-bin/sleepy")]
        let text = try trace(urls)
        #expect(text.status == 0 && text.text.contains("static") && text.text.contains("cgi"), "\(text.text)")
        let both = try object(trace(urls + ["--json"]))
        let ratio = try #require(both["ratio"] as? [String: Any])
        #expect(try #require(ratio["total"] as? Double) > 10)
        let models = try ["a", "b"].map { name -> String? in
          let side = try #require(both[name] as? [String: Any])
          let median = try #require(side["median"] as? [String: Any])
          return (median["bill"] as? [String: Any])?["model"] as? String
        }
        #expect(models == ["static", "cgi"])
      }
    }

    @Test func exitCodesTellWhatWentWrong() throws {
      try scenario("trace exit codes", arguments: ["--bill", "off"], site: fill) { server in
        // Any answer that is whole is a success, and one without a bill is shown as far as it is known.
        #expect(try trace([server.url("/none")]).status == 0)
        let plain = try trace([server.url("/cgi-bin/hello")])
        #expect(plain.status == 0 && plain.text.contains("connect"))
        for (arguments, status) in [
          (["ftp://example.org/"], Int32(64)), ([], 64), ([server.url("/"), "--repeat", "0"], 64),
          (["http://127.0.0.1:1/"], 69), ([server.url("/"), "--unknown"], 64),
        ] {
          let outcome = try trace(arguments)
          #expect(outcome.status == status, "\(arguments): \(outcome.ending), \(outcome.errors)")
          #expect(!outcome.errors.isEmpty && outcome.output.isEmpty)
        }
        #expect(try trace(["--help"]).status == 0)
      }
    }

    @Test func anAnswerThatIsNotWholeIsAnErrorOfTheProtocol() throws {
      let fill = { (site: Site) in
        try site.script("less", "#!/bin/sh\nprintf 'Content-Type: text/plain\\nContent-Length: 40\\n\\n1234567'\n")
        try site.script("slow", "#!/bin/sh\n\(site.waiting())\n")
      }
      try scenario("trace of half an answer", site: fill) { server in
        let less = try trace([server.url("/cgi-bin/less")])
        #expect(less.status == 76 && less.errors.hasPrefix("tollgate trace: "), "\(less.errors)")
        let slow = try trace([server.url("/cgi-bin/slow"), "--timeout", "1"])
        #expect(slow.status == 69 && slow.errors.contains("1 s"), "\(slow.errors)")
      }
    }
  }
}
