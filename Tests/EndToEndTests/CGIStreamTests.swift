// Bytes between client and program: much of them, at anybody's pace, read or not.

import Glibc
import HTTPClient
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Bytes to and from programs") struct CGIStreamTests {
    @Test func aHundredThousandLinesOfStandardErrorNeverStopTheProgram() throws {
      let fill = { (site: Site) in
        try site.script("talks", plainShell + "seq -f 'complaint %.0f' 100000 >&2\nprintf 'done'\n")
        try site.script("says", plainShell + "printf 'first\\nsecond\\033[1m\\nno end' >&2\nprintf said\n")
      }
      try scenario("standard error", site: fill) { server in
        let says = try server.request("/cgi-bin/says")
        #expect(says.text == "said")
        let said = server.logLines(naming: "/cgi-bin/says: stderr: ", awaiting: 3)
        #expect(said.count == 3)
        #expect(said.map { $0.split(separator: "stderr: ").last ?? "" } == ["first", "second\\x1b[1m", "no end"])

        let talks = try server.request("/cgi-bin/talks")
        #expect(talks.text == "done")
        #expect(server.waitForLog(containing: "/cgi-bin/talks: stderr: complaint 1"))
        // What finds no room in the log is counted and said, so that all of it is accounted for.
        let isAccounted = eventually(within: 8) {
          let lines = server.log
          let logged = lines.filter { $0.contains("/cgi-bin/talks: stderr: complaint ") }.count
          let lost = lines.compactMap { line -> Int? in
            guard let end = line.firstRange(of: " lines found no room") else { return nil }
            return line[..<end.lowerBound].split(separator: " ").last.flatMap { Int($0) }
          }
          return logged + lost.reduce(0, +) == 100_000
        }
        #expect(isAccounted)
      }
    }

    @Test func aBodyThatIsNotReadHarmsNobody() throws {
      let fill = { (site: Site) in
        try site.script("deaf", plainShell + "printf deaf\n")
        try site.script("early", plainShell + "printf early\nexec 0<&-\n\(site.waiting())\nprintf ' late'\n")
        try site.script("sum", plainShell + "sha256sum | cut -c1-64\n")
      }
      try scenario("bodies", arguments: jsonLog, site: fill) { server in
        let body = randomBytes(5 << 20, seed: 21)
        var connection = try server.connect()
        let head = Server.head("/cgi-bin/deaf", ["Content-Length: \(body.count)"], method: "POST")
        for _ in 0..<2 {
          try connection.send(bytes(head) + body)
          #expect(try connection.readResponse().text == "deaf")
        }
        try connection.send(bytes(head.replacing("deaf", with: "early")) + body)
        _ = try connection.readUntil("early")
        try server.site.openGate()
        #expect(String(decoding: try connection.readUntil("0\r\n\r\n"), as: UTF8.self).contains(" late"))

        let right = try run("sha256sum", [], input: body).text.prefix(64)
        let sum = try server.request("/cgi-bin/sum", method: "POST", body: body)
        #expect(sum.text.prefix(64) == right)
        let entries = try server.entries(4)
        #expect(entries.allSatisfy { $0.bytesIn > 5 << 20 && $0.status == 200 })
      }
    }

    /// 200 MiB to a client that does not read for a while: the program waits, not the gateway's memory.
    @Test func aSlowClientDoesNotGrowTheGateway() throws {
      let fill = { (site: Site) in
        let head = "printf 'Content-Type: text/plain\\nContent-Length: 209715200\\n\\n'"
        try site.script("much", "#!/bin/sh\n\(head)\nhead -c 209715200 /dev/zero\n")
        try site.script("warm", plainShell + "head -c 1000000 /dev/zero\n")
      }
      try scenario("slow client", arguments: jsonLog, site: fill) { server in
        _ = try server.request("/cgi-bin/warm")
        let before = server.residentBytes
        var connection = try server.connect()
        // Its receive buffer is left as it is: where one is made smaller than what was promised, TCP moves a little
        // each time its persist timer fires, and no more.
        try connection.send(Server.head("/cgi-bin/much"))
        _ = try connection.readUntil("\r\n\r\n")
        var most = 0
        for _ in 0..<20 {
          _ = try connection.read(count: 52_428)
          Clock.sleep(milliseconds: 50)
          most = max(most, server.residentBytes)
        }
        #expect(server.programs.count == 1)
        // The rest at full speed, which must not grow it either.
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        var left = (200 << 20) - 20 * 52_428
        while left > 0 {
          let count = min(left, 1 << 20)
          let piece = try connection.read(count: count)
          guard memcmp(piece, zeros, count) == 0 else { throw HarnessError("a byte that the program did not print") }
          left -= count
          most = max(most, server.residentBytes)
        }
        #expect(most - before < 20 << 20, "grew from \(before) to \(most) bytes")
        let entry = try server.entries(1, for: "/cgi-bin/much")[0]
        #expect(entry.bodyBytesOut == 200 << 20 && entry.exit == AccessEntry.Exit(status: 0))
      }
    }
  }
}
