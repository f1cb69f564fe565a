// The bill of a worker's request: what the worker itself has counted, and nothing of it lost between requests.

import Glibc
import HTTPClient
import HTTPWire
import Kernel
import Testing

extension EndToEndTests {
  @Suite("The bill of workers") struct FastCGIBillTests {
    private func fill(_ site: Site) throws { try site.oddWorker() }

    private func processor(_ entry: WorkerEntry) throws -> Double {
      guard case .processor(let nanoseconds) = entry.cost else { throw HarnessError("\(entry): no processor time") }
      return Double(nanoseconds)
    }

    @Test func aRequestIsBilledWhatItsWorkerCounted() throws {
      let configuration = poolConfiguration([#"command = ["./odd"]"#, "workers = 2"], route: [#"bill = "full""#])
      try scenario("50 ms", configuration: configuration, site: fill) { server in
        // The first of a process has the work of its start behind it; the later ones what came between.
        for number in 1...6 {
          let response = try server.ask("burn=50000&\(number)")
          let own = try #require(response.head.first("x-cpu-ns").flatMap { Double($0) })
          #expect(own >= 50e6)
          let entry = try server.workerEntries(number)[number - 1]
          let billed = try processor(entry)
          #expect(abs(billed - own) <= own * 0.05, "billed \(billed) ns, its own account \(own) ns")
          let mark = try WorkerMark(response)
          #expect(entry.pid == mark.pid && entry.requests == mark.count && entry.pool == "pool")
          // The head carries the same.
          let timing = response.serverTiming
          let shown = try #require(timing["cpu"]?.dropFirst(4)).description
          #expect(abs((Double(shown) ?? 0) * 1e6 - billed) < 1, "\(timing)")
          #expect(timing["worker"] == "desc=\"\(mark.pid)\"" && timing["worker-requests"] == "desc=\"\(mark.count)\"")
          #expect(timing["model"] == "desc=\"fastcgi\"" && timing["total"] != nil)
        }
      }
    }

    @Test func headSaysWhatIsKnownThenAndOffNothing() throws {
      for (bill, isShown) in [("head", true), ("off", false)] {
        let configuration = poolConfiguration([#"command = ["./odd"]"#, "workers = 1"], route: ["bill = \"\(bill)\""])
        try scenario("bill \(bill)", configuration: configuration, site: fill) { server in
          let timing = try server.ask("burn=2000").serverTiming
          #expect((timing["first-byte"] != nil) == isShown && (timing["worker"] != nil) == isShown, "\(timing)")
          #expect(timing["cpu"] == nil && timing.isEmpty != isShown, "\(timing)")
          // The log has the whole bill always.
          #expect(try processor(server.workerEntries(1)[0]) >= 2e6)
        }
      }
    }

    /// A figure of the pool's last line, in nanoseconds: the milliseconds before these words.
    private func milliseconds(before words: String, in line: String) throws -> Double {
      guard let end = line.firstRange(of: " ms \(words)"),
        let value = line[..<end.lowerBound].split(separator: " ").last.flatMap({ Double($0) })
      else { throw HarnessError("no milliseconds \(words) in «\(line)»") }
      return value * 1e6
    }

    @Test func theBillsAndWhatIsBetweenThemAreAllThatTheWorkersTook() throws {
      let configuration = poolConfiguration([#"command = ["./odd"]"#, "workers = 3"])
      try scenario("1,000 bills", configuration: configuration, site: fill) { server in
        let workers = try server.waitForWorkers(3, "odd")
        _ = try concurrently(5) { client in
          var connection = try server.connect()
          for number in 0..<200 {
            try connection.send(Server.head("/app?burn=1000&n=\(client).\(number)"))
            let response = try connection.readResponse()
            guard response.status == 200 else { throw HarnessError("\(response.status)") }
          }
        }
        let entries = try server.workerEntries(1000)
        let bills = try entries.reduce(0) { try $0 + processor($1) }
        #expect(entries.count == 1000 && bills >= 1000e6)
        // Each has one thread, so that its line of schedstat is the process's: nanoseconds on a processor.
        let total = try workers.reduce(0.0) { sum, pid in
          let text = String(decoding: contents(of: "/proc/\(pid)/schedstat") ?? [], as: UTF8.self)
          return sum + (try #require(text.split(separator: " ").first.flatMap { Double($0) }))
        }
        server.process.signal(SIGTERM)
        #expect(server.waitForEnd().isEmpty)
        let line = try #require(server.log.first { $0.contains("the pool pool has ended after 1000 requests") })
        let between = try milliseconds(before: "between them", in: line)
        #expect(abs(try milliseconds(before: "of processor time within them", in: line) - bills) < 1e6)
        #expect(
          abs(bills + between - total) <= total * 0.03,
          "bills \(bills) and between \(between), workers \(total): \(line)")
      }
    }
  }
}
