// Fifty reloads under load, with changed workers, variables and routes: no request fails.

import Glibc
import HTTPClient
import HTTPWire
import Kernel
import Synchronization
import Testing

extension EndToEndTests {
  @Suite("Reload under load") struct ReloadUnderLoadTests {
    private static let reloads = 50

    /// What changes from one to the next: a pool's workers, a pool's variables, a route's variables, a route.
    private static func configuration(_ number: Int) -> String {
      let extra = number % 2 == 0 ? "" : "[[route]]\npath = \"/extra/\"\nstatic = \"files\"\n"
      return """
        [server]
        access_log = "off"
        pid_file = "run.pid"

        [[route]]
        path = "/files/"
        static = "files"

        [[route]]
        path = "/cgi-bin/"
        cgi = "cgi-bin"
        env = { NUMBER = "\(number)" }

        [[route]]
        path = "/table"
        fastcgi = "table"

        [[route]]
        path = "/word"
        fastcgi = "word"
        env = { ROUTE_WORD = "\(number)" }

        \(extra)
        [pool.table]
        command = ["fastcgi/table"]
        workers = \(2 + number % 2)

        [pool.word]
        command = ["fastcgi/word"]
        workers = 2
        env = { WORD = "\(number / 3 * 3)" }
        """
    }

    private func fill(_ site: Site) throws {
      try site.write("files/page", String(repeating: "0123456789", count: 500))
      try site.script("number", plainShell + "printf 'number %s' \"$NUMBER\"\n")
      try site.tableWorker()
      try site.wordWorker()
    }

    /// What all clients and the one who reloads have in common.
    private final class Course: Sendable {
      let isOver = Atomic<Bool>(false)
      /// Of a request that was sent meanwhile, the numbers that its answer may be of.
      let begun = Atomic<Int>(0)
      let inForce = Atomic<Int>(0)
      let answers = Atomic<Int>(0)
    }

    @Test func noRequestFails() throws {
      try scenario("fifty reloads", configuration: Self.configuration(0), site: fill) { server in
        let course = Course()
        let table = try server.request("/table").text
        let kinds = ["/files/page", "/table", "/word", "/files/page", "/table", "/word", "/word", "/cgi-bin/number"]
        Threads.start(name: "reloads") { reload(server, course) }
        let wrong = try concurrently(kinds.count) { client in
          try ask(server, kinds[client], course, table: table)
        }
        #expect(wrong.allSatisfy { $0 == nil }, "\(wrong.compactMap { $0 })")
        #expect(course.inForce.load(ordering: .acquiring) == Self.reloads, "not all were put in force")
        #expect(course.answers.load(ordering: .acquiring) > 1000)
        #expect(try server.answer("/extra/page").hasPrefix("404 "))
        // By another one, so that both pools are new: workers that stay keep the spawner that made them.
        for number in [3, 0] {
          try server.site.configure(Self.configuration(number))
          #expect(try server.site.reload(["--config", server.site.absolute("tollgate.toml")]).status == 0)
        }
        _ = try (server.waitForWorkers(2, "table"), server.waitForWorkers(2, "word"))
        let faults = server.log.filter { $0.contains(" error ") || $0.contains(" warning ") }
        #expect(faults.isEmpty, "\(faults.prefix(5))")
      }
    }

    /// Exchanges the configuration and sends HUP, each time when the one before is in force.
    private func reload(_ server: Server, _ course: Course) {
      defer { course.isOver.store(true, ordering: .releasing) }
      for number in 1...Self.reloads {
        course.begun.store(number, ordering: .releasing)
        guard (try? server.site.configure(Self.configuration(number))) != nil else { return }
        server.process.signal(SIGHUP)
        let isInForce = eventually(within: 5) { server.log.count { $0.contains("is in force") } == number }
        if !isInForce { return }
        course.inForce.store(number, ordering: .releasing)
        Clock.sleep(milliseconds: 60)
      }
    }

    /// Asks on one connection, and the programs at a low rate, until the last reload is in force.
    /// - Returns: the first answer that is not right; nil where all are.
    private func ask(_ server: Server, _ path: String, _ course: Course, table: String) throws -> String? {
      var connection = try server.connect()
      repeat {
        let earliest = course.inForce.load(ordering: .acquiring)
        try connection.send(Server.head(path))
        let response = try connection.readResponse()
        let latest = course.begun.load(ordering: .acquiring)
        let words = response.text.split(separator: " ").compactMap { Int($0) }
        let isRight =
          switch path {
          case "/files/page": response.body.count == 5000
          case "/table": response.text == table
          case "/word":
            words.count == 3 && (earliest...latest).contains(words[2]) && words[1] == words[2] / 3 * 3
          default: words.count == 1 && (earliest...latest).contains(words[0])
          }
        if response.status != 200 || !isRight {
          return "\(path) between \(earliest) and \(latest): \(response.status) \(response.text.prefix(200))"
        }
        course.answers.wrappingAdd(1, ordering: .relaxed)
        if path.hasPrefix("/cgi-bin") { Clock.sleep(milliseconds: 50) }
      } while !course.isOver.load(ordering: .acquiring)
      return nil
    }
  }
}
