// 20,000 requests to each kind of worker: every body compared, every worker counted.

import Glibc
import HTTPClient
import HTTPWire
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Many requests to workers") struct FastCGIManyRequestsTests {
    /// A way to have the table made by a worker, and by the same program as a CGI program, which says what is right.
    struct App: Sendable, CustomTestStringConvertible {
      var name: String
      var command: String
      /// What `path` is below the route, and the route's keys beyond that.
      var path = ""
      var route = ""
      var testDescription: String { name }
    }

    private static let apps = [
      App(name: "C", command: #"["fastcgi/table-c"]"#),
      App(name: "Swift", command: #"["fastcgi/table-swift"]"#),
      App(name: "Perl", command: #"["fastcgi/table.pl"]"#),
      // As a user writes it: PHP ends a process after 500 requests by itself.
      App(
        name: "PHP", command: #"["php-cgi8.2"]"#, path: "/slot.php",
        route: "static = \"php\"\nmatch = [\"*.php\"]"),
    ]

    private func configuration(_ app: App) -> String {
      """
      [server]
      access_log = "off"

      [[route]]
      path = "/app"
      fastcgi = "app"
      \(app.route)

      [pool.app]
      command = \(app.command)
      workers = 4
      """
    }

    private func fill(_ site: Site) throws {
      try sampleSiteWithPools(site)
      // The socket tells the place of a worker, whichever process has it.
      try site.write("php/slot.php", "<?php header('X-Slot: ' . readlink('/proc/self/fd/0')); require 'table.php';\n")
    }

    /// Compares each body, and keeps of each worker what it counted last: `first` is the first answer that was wrong.
    private func script(_ app: App, _ site: Site) -> String {
      """
      local right, threads = nil, {}
      function setup(thread) table.insert(threads, thread) end
      function init(args)
        local file = assert(io.open("\(site.absolute("expected"))", "rb"))
        right = file:read("*a")
        file:close()
        good, bad, first, counts = 0, 0, "", {}
      end
      function request() return wrk.format("GET", "/app\(app.path)") end
      function response(status, headers, body)
        local pid, count = (headers["X-Worker"] or ""):match("^(%d+) (%d+)$")
        if status == 200 and body == right and pid then
          good = good + 1
          counts[pid .. " " .. (headers["X-Slot"] or pid)] = tonumber(count)
        else
          bad = bad + 1
          if first == "" then first = status .. " " .. body:sub(1, 200) end
        end
      end
      function done(summary, latency, requests)
        for _, thread in ipairs(threads) do
          print("good " .. thread:get("good"))
          print("bad " .. thread:get("bad") .. " " .. thread:get("first"))
          for worker, count in pairs(thread:get("counts")) do print("worker " .. worker .. " " .. count) end
        end
        local errors = summary.errors
        print("errors " .. errors.connect + errors.read + errors.write + errors.status + errors.timeout)
      end
      """
    }

    /// The table as the program prints it when it runs as a CGI program.
    private func expected(_ app: App, _ site: Site) throws -> [UInt8] {
      if !app.path.isEmpty {
        let page = try run("php-cgi8.2", ["-q", site.absolute("php/table.php")])
        guard page.status == 0 else { throw HarnessError("php-cgi8.2: \(page.errors)") }
        return page.output
      }
      let program = app.command.dropFirst(2).dropLast(2)
      let environment = ["GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET"]
      let outcome = try run(site.absolute(String(program)), [], environment: environment)
      guard outcome.status == 0, let head = outcome.output.firstRange(of: bytes("\r\n\r\n")) else {
        throw HarnessError("\(program): \(outcome.status), \(outcome.errors)")
      }
      return Array(outcome.output[head.upperBound...])
    }

    /// What all runs of wrk together have seen.
    private struct Count {
      var right = 0
      /// By process and place, what the worker itself has counted.
      var workers: [Substring: Int] = [:]

      mutating func add(_ outcome: Outcome) {
        #expect(outcome.status == 0, "\(outcome.errors)")
        let text = outcome.text
        #expect(text.contains("errors 0\n"), "\(text.suffix(2000))")
        for line in text.split(separator: "\n") {
          let number = line.split(separator: " ").last.flatMap { Int($0) } ?? 0
          if line.hasPrefix("good ") { right += number }
          if line.hasPrefix("bad ") { #expect(line == "bad 0 ", "\(line)") }
          if line.hasPrefix("worker "), let end = line.lastIndex(of: " ") {
            workers[line[..<end]] = max(workers[line[..<end]] ?? 0, number)
          }
        }
      }

      /// By place.
      var places: [Substring: Int] {
        workers.reduce(into: [:]) { places, worker in
          places[worker.key.split(separator: " ").last ?? "", default: 0] += worker.value
        }
      }
    }

    @Test(arguments: apps) func everyBodyIsRightAndEveryWorkerServes(_ app: App) throws {
      try scenario("many: \(app.name)", configuration: configuration(app), site: fill) { server in
        try server.site.write("expected", expected(app, server.site))
        try server.site.write("check.lua", script(app, server.site))
        var count = Count()
        // wrk counts seconds, not requests: again until there are enough.
        for _ in 0..<8 where count.right < 20_000 {
          count.add(
            try run(
              "wrk", ["-t2", "-c32", "-d2s", "-s", server.site.absolute("check.lua"), server.url("/")], seconds: 12))
        }
        #expect(count.right >= 20_000)
        let places = count.places
        #expect(places.count == 4 && places.values.allSatisfy { $0 * 10 >= count.right }, "\(places)")
        // PHP's processes have ended after 500 requests each, and nothing was lost by it.
        #expect((count.workers.count > 30) == (app.name == "PHP"), "\(count.workers.count) workers")
        // What wrk breaks off at its end is a client that left, and nobody's fault.
        let faults = server.log.filter { $0.contains(" error ") || $0.contains(" warning ") || $0.contains(" notice ") }
        #expect(faults == [], "\(faults.prefix(5))")
      }
    }
  }
}
