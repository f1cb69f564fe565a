// What goes through a worker: long answers, long bodies, heads without a body, and heads that say more than «200».

import Glibc
import HTTPClient
import HTTPWire
import Kernel
import Testing

extension EndToEndTests {
  @Suite("What goes through workers") struct FastCGITransferTests {
    private static let configuration = poolConfiguration([#"command = ["./odd"]"#, "workers = 2"])
    private static let size = 100 << 20

    private func fill(_ site: Site) throws {
      try site.oddWorker()
      try site.write("files/other.txt", "a file\n")
    }

    private func fillLarge(_ site: Site) throws {
      try fill(site)
      let file = site.absolute("large")
      let made = try run("dd", ["if=/dev/urandom", "of=\(file)", "bs=1M", "count=\(Self.size >> 20)"])
      guard made.status == 0 else { throw HarnessError("dd: \(made.errors)") }
    }

    @Test func aLongAnswerArrivesByteForByte() throws {
      try scenario("100 MiB out", configuration: Self.configuration, site: fillLarge) { server in
        let url = server.url("/app?file=\(server.site.absolute("large"))")
        // Straight into the hash: nothing is kept on the way.
        let fetched = try run(
          "bash", ["-c", "set -o pipefail; curl -sS -f \"$1\" | sha256sum", "bash", url], seconds: 15)
        #expect(fetched.status == 0, "\(fetched.errors)")
        #expect(try fetched.text.hasPrefix(sha256(server.site.absolute("large"))))
        let entry = try server.workerEntries(1)[0]
        #expect(entry.status == 200 && entry.cost != .none)
        #expect(try #require(statusKilobytes(server.pid, "VmHWM")) < 100_000)
        #expect(try server.ask("next").text == "you asked: next\n")
      }
    }

    /// By length, with `Expect: 100-continue` as curl sends it, and in chunks.
    @Test(arguments: [["Expect:"], ["Expect: 100-continue"], ["Transfer-Encoding: chunked", "Expect:"]])
    func aLongBodyArrivesByteForByte(_ fields: [String]) throws {
      try scenario("100 MiB in", configuration: Self.configuration, site: fillLarge) { server in
        let large = server.site.absolute("large")
        let sent = try run(
          "curl",
          ["-sS", "-f", "-X", "POST", "-T", large] + fields.flatMap { ["-H", $0] }
            + [server.url("/app?hash=\(server.site.absolute("scratch"))")], seconds: 17)
        #expect(sent.status == 0, "\(sent.errors)")
        #expect(sent.text == "\(Self.size) \(try sha256(large))")
        #expect(try #require(statusKilobytes(server.pid, "VmHWM")) < 100_000)
        #expect(try server.ask("next").text == "you asked: next\n")
      }
    }

    @Test func bodiesOfAllLengthsArrive() throws {
      try scenario("bodies", configuration: Self.configuration, site: fill) { server in
        let scratch = server.site.absolute("scratch")
        for count in [1, 7, 8, 8_000, 8_192, 8_193, 65_535, 65_536, 65_537, 131_070, 1 << 20] {
          let body = randomBytes(count, seed: UInt64(count))
          try server.site.write("body", body)
          let response = try server.ask("hash=\(scratch)", method: "POST", body: body)
          #expect(response.text == "\(count) \(try sha256(server.site.absolute("body")))", "\(count) bytes")
          // A body that the worker does not ask for is nobody else's request.
          #expect(try server.ask("unread", method: "POST", body: body).text == "you asked: unread\n", "\(count) bytes")
        }
        let lines = server.log
        #expect(lines == [], "\(lines.prefix(3))")
      }
    }

    @Test func aHeadHasNoBodyAndTheConnectionGoesOn() throws {
      try scenario("HEAD", configuration: Self.configuration, site: fill) { server in
        try server.site.write("big", randomBytes(1 << 20, seed: 2))
        var connection = try server.connect()
        for query in ["plain", "file=\(server.site.absolute("big"))", "status=404"] {
          try connection.send(Server.head("/app?\(query)", method: "HEAD"))
          let response = try connection.readResponse(toHead: true)
          #expect(response.head.first("x-worker") != nil && response.head.first("transfer-encoding") == nil)
          try connection.send(Server.head("/app?next"))
          #expect(try connection.readResponse().text == "you asked: next\n")
        }
      }
    }

    @Test func theHeadOfAnAnswerIsTheWorkers() throws {
      let configuration = poolConfiguration([#"command = ["./odd"]"#, "workers = 1"])
      try scenario("heads", configuration: configuration, site: fill) { server in
        // The query is not decoded by the worker.
        let missing = try server.ask("status=404")
        #expect(missing.status == 404 && missing.text.hasPrefix("you asked"))
        let empty = try server.ask("status=204")
        #expect(empty.status == 204 && empty.body == [])
        #expect(try server.ask("status=304").body == [])

        // To a file, and to the one worker itself, which is free by then.
        #expect(try server.ask("location=/other.txt").text == "a file\n")
        let again = try server.ask("location=/app?again")
        #expect(again.status == 200 && again.text == "you asked: again\n", "\(again.status)")
        let elsewhere = try server.ask("location=http://example.org/")
        #expect(elsewhere.status == 302 && elsewhere.head.first("location") == "http://example.org/")
        let said = server.log.count
        #expect(try server.ask("location=/app?location=/app?x").status == 200)
        #expect(server.log.count == said)

        // A head in HTTP's form is not for a gateway (RFC 3875, section 5).
        let response = try server.ask("http")
        #expect(response.status == 502, "\(response.status)")
        let lines = server.newLog(after: said)
        #expect(lines.count == 1 && lines[0].contains("its head cannot be read"), "\(lines)")
        #expect(try server.ask("next").text == "you asked: next\n")
      }
    }

    @Test func standardErrorGoesToTheLogByBothWays() throws {
      try scenario("stderr", configuration: Self.configuration, site: fill) { server in
        for number in 1...3 {
          let response = try server.ask("stderr=trouble\(number)")
          #expect(response.status == 200)
          let lines = server.logLines(naming: "trouble\(number)", awaiting: 2)
          #expect(lines.count == 2, "\(lines)")
          #expect(lines.contains { $0.hasSuffix("/app: stderr: trouble\(number), by FCGI_STDERR") }, "\(lines)")
          #expect(lines.contains { $0.hasSuffix("pool pool: stderr: trouble\(number), by the process") }, "\(lines)")
        }
      }
    }

    @Test func aWorkerThatEndsInTheMidstOfItsAnswerBreaksItOff() throws {
      try scenario("halfway", configuration: Self.configuration, site: fill) { server in
        for _ in 0..<4 {
          let said = server.log.count
          #expect(throws: ClientError.self) { try server.ask("halfway") }
          let lines = server.newLog(after: said, awaiting: 2)
          #expect(lines.contains { $0.contains("died or closed its connection while it worked on") }, "\(lines)")
          #expect(lines.contains { $0.contains("ended by exit 3") }, "\(lines)")
          #expect(try eventually(within: 5) { try server.ask("next").text == "you asked: next\n" })
        }
        _ = try server.waitForWorkers(2, "odd")
      }
    }
  }
}
