// The bill: what a program cost is what its own account says, and the three ways of saying it.

import Foundation
import HTTPClient
import Testing

extension EndToEndTests {
  @Suite("The bill") struct BillTests {
    /// A value of the form `name number` in a text of lines.
    private func number(_ name: String, in text: String) throws -> Double {
      for line in text.split(separator: "\n") where line.hasPrefix("\(name) ") {
        if let value = Double(line.dropFirst(name.count + 1)) { return value }
      }
      throw HarnessError("no \(name) in «\(text)»")
    }

    /// `dur` of a metric, in nanoseconds.
    private func duration(_ metric: String?) throws -> Double {
      for part in (metric ?? "").split(separator: ";") where part.hasPrefix("dur=") {
        if let value = Double(part.dropFirst(4)) { return value * 1e6 }
      }
      throw HarnessError("no duration in «\(metric ?? "nothing")»")
    }

    @Test func processorTimeIsWhatTheProgramItselfCounted() throws {
      try scenario("cpu", arguments: jsonLog + ["--bill", "full"], site: sampleSite) { server in
        for script in ["burn", "burn.py"] {
          let response = try server.request("/cgi-bin/\(script)?ms=400")
          #expect(response.status == 200)
          let own = try number("cpu_us", in: response.text) * 1000
          #expect(own >= 400e6)
          let billed = try duration(response.serverTiming["cpu"])
          #expect(abs(billed - own) <= own * 0.05, "\(script): billed \(billed) ns, its own account \(own) ns")
          let entry = try server.entries(1, for: "/cgi-bin/\(script)?")[0]
          #expect(entry.cost.map { Double($0.cpuNs) } == billed)
          #expect(entry.exit == AccessEntry.Exit(status: 0))
        }
      }
    }

    @Test func peakMemoryIsTheProgramsAndNotTheGateways() throws {
      let names = (0..<3300).map { "files/\($0).bin" }
      let fill = { (site: Site) in
        try site.program("small", c: Self.twoMebibytes)
        let rest = randomBytes(63_996, seed: 8)
        for (index, name) in names.enumerated() { try site.write(name, bytes("\(1000 + index)") + rest) }
      }
      let arguments = jsonLog + ["--bill", "full", "--loops", "1", "--file-cache", "400MiB"]
      try scenario("memory", arguments: arguments, site: fill) { server in
        var connection = try server.connect()
        for (index, name) in names.enumerated() {
          try connection.send(Server.head("/\(name)"))
          let response = try connection.readResponse()
          guard response.status == 200, response.bodyLength == 64_000,
            response.body.starts(with: bytes("\(1000 + index)"))
          else { throw HarnessError("\(name): \(response.status), \(response.bodyLength) bytes") }
        }
        #expect(server.residentBytes > 200 << 20, "the server holds \(server.residentBytes) bytes")
        let response = try server.request("/cgi-bin/small")
        #expect(response.text == "2097152")
        let entry = try server.entries(1, for: "/cgi-bin/small")[0]
        let peak = try #require(entry.cost?.peakRssBytes)
        #expect(peak > 2 << 20 && peak < 4 << 20, "a peak of \(peak) bytes")
        #expect(response.serverTiming["peak-rss"]?.contains("\(peak)") == true)
        #expect(server.residentBytes > 200 << 20)
      }
    }

    private static let twoMebibytes = """
      #include <stdio.h>
      static char memory[2 << 20];
      int main(void)
      {
        for (size_t i = 0; i < sizeof memory; i += 4096) ((volatile char *)memory)[i] = 1;
        printf("Content-Type: text/plain\\n\\n%zu", sizeof memory);
        return 0;
      }
      """

    private static let keys: Set = [
      "time", "remote", "method", "target", "protocol", "status", "bytes_in", "bytes_out", "body_bytes_out", "referer",
      "user_agent", "model", "transfer", "route", "script", "pool", "worker",
      "duration_ns", "phases", "cost", "exit",
    ]
    private static let costKeys: Set = [
      "cpu_ns", "peak_rss_bytes", "minor_faults", "major_faults", "voluntary_switches", "involuntary_switches",
      "blocks_read", "blocks_written",
    ]

    @Test func aLineOfTheLogHasEveryKeyAndPhasesThatFitIntoTheDuration() throws {
      let fill = { (site: Site) in
        try site.write("file.txt", "a file\n")
        try site.script("echo", plainShell + "cat\necho done\n")
      }
      try scenario("log keys", arguments: jsonLog, site: fill) { server in
        let fields = ["Referer: http://example.org/\"", "User-Agent: test/1"]
        let body = randomBytes(100_000, seed: 5)
        let answer = try server.request("/cgi-bin/echo?a=b", method: "POST", fields: fields, body: body)
        #expect(answer.body == body + bytes("done\n"))
        _ = try server.request("/file.txt")
        _ = try server.request("/cgi-bin/none")
        _ = try server.entries(3)
        for line in server.accessLines {
          let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
          #expect(Set(object.keys) == Self.keys)
          let entry = try AccessEntry(line: line)
          #expect(entry.phases.values.allSatisfy { $0 >= 0 })
          #expect(entry.phases.values.reduce(0, +) <= entry.durationNs, "\(line)")
          if entry.target == "/cgi-bin/echo?a=b" {
            #expect(object["referer"] as? String == "http://example.org/\"")
            #expect(object["user_agent"] as? String == "test/1")
            #expect(object["protocol"] as? String == "HTTP/1.1")
            #expect(Set((object["cost"] as? [String: Any])?.keys ?? [:].keys) == Self.costKeys)
            #expect(
              Set(entry.phases.keys) == [
                "head_ns", "body_ns", "queue_ns", "spawn_ns", "first_byte_ns", "output_ns", "exit_ns",
              ])
            #expect(entry.model == "cgi" && entry.route == "/cgi-bin/" && entry.script == "/cgi-bin/echo")
            #expect(entry.bytesIn > 100_000 && entry.bytesIn < 101_000)
            #expect(entry.bodyBytesOut == 100_005)
            #expect(entry.bytesOut == answer.wireBytes)
            #expect(entry.exit == AccessEntry.Exit(status: 0))
          } else {
            #expect(entry.cost == nil && entry.exit == nil)
          }
        }
      }
    }

    @Test func theCombinedFormIsOneThatLogReadersKnow() throws {
      let fill = { (site: Site) in try site.script("hello", plainShell + "printf hello\n") }
      try scenario("combined", arguments: ["--access-log", "-"], site: fill) { server in
        _ = try server.request("/cgi-bin/hello?a=%22", fields: ["User-Agent: an \"agent\"", "Referer: http://r/"])
        let isThere = eventually(within: 5) { server.process.output.lines.contains { $0.contains("GET /cgi-bin") } }
        #expect(isThere)
        let line = try #require(server.process.output.lines.last)
        let time = #"[0-3][0-9]/[A-Z][a-z]{2}/20[0-9]{2}:[0-2][0-9]:[0-5][0-9]:[0-6][0-9] \+0000"#
        let form = try Regex(
          #"127\.0\.0\.1 - - \["# + time
            + #"\] "GET /cgi-bin/hello\?a=%22 HTTP/1\.1" 200 5 "http://r/" "an \\"agent\\"""#)
        #expect(line.wholeMatch(of: form) != nil, "\(line)")
      }
    }
  }
}
