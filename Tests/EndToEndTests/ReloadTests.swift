// The configuration is read again: by HUP, and by `tollgate reload`.

import Glibc
import HTTPClient
import HTTPWire
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Reload") struct ReloadTests {
    private static func configuration(_ server: String = "", files: String = "one", _ more: String = "") -> String {
      """
      [server]
      access_log = "off"
      pid_file = "run.pid"
      \(server)
      [[route]]
      path = "/"
      static = "\(files)"
      \(more)
      """
    }

    private func fill(_ site: Site) throws {
      for name in ["one", "two"] { try site.write("\(name)/index.html", name) }
    }

    private static let inForce = "tollgate.toml was read again and is in force"
    private static let refused = "tollgate.toml was read again and cannot be used, the old configuration stays in force"

    @Test func hupPutsARightOneInForceAndLeavesAWrongOne() throws {
      try scenario("hup", configuration: Self.configuration(), site: fill) { server in
        var kept = try server.connect()
        func ask() throws -> String {
          try kept.send(Server.head("/"))
          return try kept.readResponse().text
        }
        #expect(try ask() == "one")
        try server.site.configure(Self.configuration("loops = \"x\"", files: "none"))
        server.process.signal(SIGHUP)
        #expect(server.waitForLog(containing: Self.refused))
        #expect(server.log.contains { $0.contains("tollgate.toml:4:9: server.loops: must be an integer") })
        #expect(server.log.contains { $0.contains("tollgate.toml:7:10: route.static: there is no directory") })
        #expect(server.log.contains { $0.contains("2 faults in ") })
        #expect(try ask() == "one")
        try server.site.configure("= no TOML")
        server.process.signal(SIGHUP)
        #expect(server.waitForLog(containing: "tollgate.toml:1:1: this is no TOML"))
        #expect(try ask() == "one")
        try server.site.configure(Self.configuration(files: "two"))
        server.process.signal(SIGHUP)
        #expect(server.waitForLog(containing: Self.inForce))
        #expect(try ask() == "two")
        // As it was, so that the scenario finds what it left.
        try server.site.configure(Self.configuration())
        server.process.signal(SIGHUP)
        #expect(eventually(within: 3) { server.log.count { $0.contains(Self.inForce) } == 2 })
        #expect(try ask() == "one")
      }
    }

    @Test func theCommandSaysWhatCameOfIt() throws {
      try scenario("the command", configuration: Self.configuration(), site: fill) { server in
        let site = server.site
        let file = site.absolute("tollgate.toml")
        for arguments in [["--config", file], ["--pid", "\(server.pid)"]] {
          for files in ["two", "one"] {
            try site.configure(Self.configuration(files: files))
            let outcome = try site.reload(arguments)
            #expect(outcome.status == 0 && outcome.errors.isEmpty)
            #expect(outcome.text == "\(file) was read again and is in force\n")
            #expect(try server.answer("/") == "200 \(files)")
          }
        }
        // With the file at hand it is checked first, and the server never hears of it.
        try site.configure(Self.configuration("loops = 1000", files: "two"))
        let lines = server.log.count
        let checked = try site.reload(["--config", file])
        #expect(checked.status == 78 && checked.output.isEmpty)
        #expect(checked.errors == (try run(Program.tollgate, ["check", "--config", file]).errors))
        #expect(server.log.count == lines)
        // Without it, the server's own words are said.
        let told = try site.reload(["--pid", "\(server.pid)"])
        #expect(told.status == 78 && told.output.isEmpty)
        #expect(
          told.errors.split(separator: "\n") == [
            "\(file):4:9: server.loops: must be an integer from 0 to 256, not the integer 1000", "1 fault in \(file)",
            "\(file) was read again and cannot be used, the old configuration stays in force",
          ])
        #expect(server.waitForLog(containing: Self.refused))
        #expect(try server.answer("/") == "200 one")
        unlink(file)
        #expect(try site.reload(["--pid", "\(server.pid)"]).status == 66)
        try site.configure(Self.configuration())
      }
    }

    @Test func whatCannotChangeIsSaidInOneLine() throws {
      try scenario("remarks", configuration: Self.configuration(), site: fill) { server in
        let site = server.site
        let other = """
          [server]
          access_log = "-"
          access_log_format = "json"
          loops = 7
          [[route]]
          path = "/"
          static = "two"
          [pool.idle]
          connect = ["127.0.0.1:1"]
          """
        try site.configure(other)
        let outcome = try site.reload(["--pid", "\(server.pid)"])
        let file = site.absolute("tollgate.toml")
        #expect(outcome.status == 0)
        #expect(
          outcome.text.split(separator: "\n") == [
            "\(file):8:1: pool.idle: warning: no route uses this pool",
            "loops, access_log, access_log_format, pid_file in [server] take effect at the next start, "
              + "all else is in force",
            "\(file) was read again and is in force",
          ])
        let said = "warning loops, access_log, access_log_format, pid_file in [server] take"
        #expect(server.waitForLog(containing: said))
        #expect(try server.answer("/") == "200 two")
        try site.configure(Self.configuration())
        #expect(try site.reload(["--pid", "\(server.pid)"]).text == "\(file) was read again and is in force\n")
      }
    }

    @Test func whoIsNoServerIsNotSignalled() throws {
      let site = try Site()
      defer { site.remove() }
      try fill(site)
      let file = site.absolute("tollgate.toml")
      try site.configure(Self.configuration())
      let none = try site.reload(["--config", file])
      #expect(none.status == 69 && none.errors.contains("no server runs that holds the pid_file"))
      // A number that was left behind may be another's by now.
      let bystander = try ChildProcess("sleep", ["60"])
      defer { bystander.killAll() }
      try site.write("run.pid", "\(bystander.pid)\n")
      #expect(try site.reload(["--config", file]).status == 69)
      let other = try site.reload(["--pid", "\(bystander.pid)"])
      #expect(other.status == 69 && other.errors.contains("\(bystander.pid) is no server of tollgate's"))
      #expect(bystander.hasEnded == nil)
      #expect(try site.reload(["--pid", "999999999"]).status == 69)
      for arguments in [[], ["--pid", "0"], ["--pid", "x"]] { #expect(try site.reload(arguments).status == 64) }
      try site.configure(Self.configuration().replacing("pid_file = \"run.pid\"", with: ""))
      let nameless = try site.reload(["--config", file])
      #expect(nameless.status == 64 && nameless.errors.contains("has no pid_file"))
      // A server without a configuration says that it has none.
      let server = try Server(site)
      defer { server.process.killAll() }
      let without = try site.reload(["--pid", "\(server.pid)"])
      #expect(without.status == 64 && without.errors.contains("started without a configuration"))
      #expect(server.stop() == [])
    }

    @Test func anAddressInUseLeavesTheOldOneInForce() throws {
      let site = try Site()
      defer { site.remove() }
      try fill(site)
      let other = try Server(site)
      defer { other.process.killAll() }
      try site.configure(Self.configuration("listen = [\"unix:a.sock\"]"))
      let config = ["--config", site.absolute("tollgate.toml")]
      let child = try ChildProcess(Program.tollgate, ["serve"] + config)
      defer { child.killAll() }
      #expect(eventually(within: 8) { child.output.text.contains("Ctrl-C") })
      func ask(_ address: String) throws -> String {
        var connection = try RawConnection(to: address)
        try connection.send(Server.head("/"))
        return try connection.readResponse().text
      }
      let first = "unix:\(site.absolute("a.sock"))"
      let second = "unix:\(site.absolute("b.sock"))"
      #expect(try ask(first) == "one")
      try site.configure(Self.configuration("listen = [\"127.0.0.1:\(other.port)\"]", files: "two"))
      let outcome = try site.reload(config)
      #expect(outcome.status == 75 && outcome.errors.contains("127.0.0.1:\(other.port) is in use"))
      #expect(try ask(first) == "one")
      try site.configure(Self.configuration("listen = [\"unix:b.sock\"]", files: "two"))
      #expect(try site.reload(config).status == 0)
      #expect(try ask(second) == "two")
      #expect(throws: (any Error).self) { try ask(first) }
      child.signal(SIGTERM)
      #expect(child.wait(seconds: 8) == .exited(0))
      #expect(other.stop() == [])
    }

    @Test func logsAreOpenedAnew() throws {
      let logs = "log = \"log\"\n"
      let configuration = { (access: String) in
        Self.configuration(logs).replacing("access_log = \"off\"", with: "access_log = \"\(access)\"")
      }
      try scenario("logs", configuration: configuration("access"), site: fill) { server in
        let site = server.site
        let config = ["--config", site.absolute("tollgate.toml")]
        _ = try server.answer("/?first")
        #expect(eventually(within: 3) { site.notes("access").contains { $0.contains("/?first") } })
        // As logrotate(8) does it.
        for name in ["access", "log"] { rename(site.absolute(name), site.absolute(name + ".1")) }
        #expect(try site.reload(config).status == 0)
        #expect(eventually(within: 3) { site.notes("log").contains { $0.contains(Self.inForce) } })
        _ = try server.answer("/?second")
        #expect(eventually(within: 3) { site.notes("access").contains { $0.contains("/?second") } })
        #expect(!site.notes("access.1").contains { $0.contains("/?second") })
        // Or to other files.
        try site.configure(configuration("elsewhere"))
        #expect(try site.reload(config).status == 0)
        _ = try server.answer("/?third")
        #expect(eventually(within: 3) { site.notes("elsewhere").contains { $0.contains("/?third") } })
        #expect(site.notes("access").count == 1 && server.log.isEmpty)
        // One that cannot be opened is a reason to change nothing.
        try site.configure(configuration("/dev/full/x").replacing("one", with: "two"))
        #expect(try site.reload(config).status == 78)
        #expect(try server.answer("/") == "200 one")
        // Nor is one waited for that nobody reads: the server would hear no signal meanwhile.
        try #require(mkfifo(site.absolute("fifo"), 0o600) == 0)
        try site.configure(configuration("fifo").replacing("one", with: "two"))
        #expect(try site.reload(config).status == 73)
        #expect(try server.answer("/") == "200 one")
      }
    }

    // MARK: Pools

    private func pools(_ words: [String: String], workers: Int = 2, route: String = "") -> String {
      let pools = words.sorted { $0.key < $1.key }.map { name, word in
        """
        [[route]]
        path = "/\(name)"
        fastcgi = "\(name)"
        \(route)
        [pool.\(name)]
        command = ["fastcgi/\(name)"]
        workers = \(workers)
        env = { WORD = "\(word)" }

        """
      }
      return Self.configuration("", pools.joined())
    }

    @Test func aPoolThatRequestsHaveWaitedForEndsWithTheLastOfThem() throws {
      // Who waited shall be forgotten when it is served, not when its time to wait would have been over.
      let long = "workers = 1\nqueue_timeout = \"1h\""
      let configuration = pools(["word": "a"], workers: 1).replacing("workers = 1", with: long)
      func fill(_ site: Site) throws {
        try self.fill(site)
        try site.wordWorker()
      }
      try scenario("waited", configuration: configuration, site: fill) { server in
        let config = ["--config", server.site.absolute("tollgate.toml")]
        let workers = try server.waitForWorkers(1, "word")
        let answers = try concurrently(8) { _ in
          try (0..<20).map { _ in try server.request("/word").status }
        }
        #expect(answers.allSatisfy { $0.allSatisfy { $0 == 200 } })
        try server.site.configure(Self.configuration())
        #expect(try server.site.reload(config).status == 0)
        #expect(eventually(within: 8) { workers.allSatisfy { !Processes.isAlive($0) } })
        try server.site.configure(configuration)
        #expect(try server.site.reload(config).status == 0)
        _ = try server.waitForWorkers(1, "word")
      }
    }

    @Test func workersStayWithAnUnchangedPoolAndEndWithAChangedOrRemovedOne() throws {
      func fill(_ site: Site) throws {
        try self.fill(site)
        try site.wordWorker("fastcgi/kept")
        for name in ["changed", "gone"] {
          #expect(try run("cp", [site.absolute("fastcgi/kept"), site.absolute("fastcgi/\(name)")]).status == 0)
        }
      }
      let first = pools(["kept": "a", "changed": "a", "gone": "a"])
      try scenario("workers", configuration: first, site: fill) { server in
        let site = server.site
        let config = ["--config", site.absolute("tollgate.toml")]
        let kept = try server.waitForWorkers(2, "kept")
        let changed = try server.waitForWorkers(2, "changed")
        let gone = try server.waitForWorkers(2, "gone")
        func word(_ name: String) throws -> [Substring] { try server.answer("/" + name).split(separator: " ") }
        #expect(try word("changed").dropFirst(2) == ["a", "-"] && word("gone")[0] == "200")
        // Exchanged on disk, too: a pool whose settings do not change goes on with the workers that it has.
        try site.configure(pools(["kept": "a", "changed": "b", "new": "a"], route: "env = { ROUTE_WORD = \"r\" }"))
        #expect(try run("cp", [site.absolute("fastcgi/kept"), site.absolute("fastcgi/new")]).status == 0)
        #expect(try site.reload(config).status == 0)
        #expect(try word("changed").dropFirst(2) == ["b", "r"])
        #expect(try word("new").dropFirst(2) == ["a", "r"])
        // What is the route's changes, whoever answers.
        #expect(try word("kept").dropFirst(2) == ["a", "r"])
        #expect(server.workers("kept") == kept)
        #expect(eventually(within: 8) { changed.union(gone).allSatisfy { !Processes.isAlive($0) } })
        #expect(try server.waitForWorkers(2, "changed").isDisjoint(with: changed))
        #expect(server.workers("gone").isEmpty && server.workers("new").count == 2)
        #expect(try server.answer("/gone").hasPrefix("404 "))
        // Another number of workers is another pool.
        try site.configure(pools(["kept": "a", "changed": "b", "gone": "a"], workers: 3))
        #expect(try site.reload(config).status == 0)
        #expect(eventually(within: 8) { kept.allSatisfy { !Processes.isAlive($0) } })
        #expect(try server.waitForWorkers(3, "kept").count == 3)
        try site.configure(first)
        #expect(try site.reload(config).status == 0)
        for name in ["kept", "changed", "gone"] { #expect(try server.waitForWorkers(2, name).count == 2) }
        #expect(eventually(within: 8) { server.workers("new").isEmpty })
      }
    }
  }
}
