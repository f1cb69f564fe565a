// How a server starts by a configuration, in what words it does not, and what the keys of [server] do.

import Glibc
import HTTPClient
import HTTPWire
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Serve by a configuration") struct ServeConfigurationTests {
    private static let files = "[[route]]\npath = \"/\"\nstatic = \"files\"\n"

    private func withSite(_ configuration: String, _ body: (Site) throws -> Void) throws {
      let site = try Site()
      defer { site.remove() }
      try site.write("files/index.html", "home")
      try site.write("tollgate.toml", configuration)
      try body(site)
    }

    /// A server by the site's configuration, ended when `body` has returned.
    private func serving(_ site: Site, _ arguments: [String] = [], _ body: (Server) throws -> Void) throws {
      let server = try Server(site, arguments: ["--config", site.absolute("tollgate.toml")] + arguments)
      defer { server.process.killAll() }
      try body(server)
      if server.process.hasEnded == nil { #expect(server.stop() == []) }
    }

    private func failedStart(_ site: Site, _ arguments: [String] = []) throws -> (ending: Ending, errors: String) {
      let process = try Server.launch(site, ["--config", site.absolute("tollgate.toml")] + arguments)
      defer { process.killAll() }
      guard let ending = process.wait(seconds: 8) else { throw HarnessError("it has not ended within 8 s") }
      #expect(eventually(within: 2) { process.errors.hasEnded })
      #expect(process.output.text == "" && Processes.inSession(process.pid).isEmpty)
      return (ending, process.errors.text)
    }

    // MARK: The start

    @Test func twentyFaultsAreSaidByServeAndCheckAlike() throws {
      let wrong = """
        [server]
        listen = ["127.0.0.1", "[::1]:80", "[::1]:80"]
        loops = "two"
        drain = 30
        file_cache = "64Kb"
        admin = "127.0.0.1:1"
        timout = 1
        access_log_format = "jsn"

        [[route]]
        path = "wiki"
        static = "nowhere"
        timout = "3s"

        [[route]]
        path = "/g"
        fastcgi = "pph"
        env = { "A=B" = "x", REQUEST_METHOD = "GET" }
        queue = 4

        [[route]]
        path = "/g"
        cgi = "files/index.html"

        [pool.php]
        command = ["php-nothing"]
        workers = 0
        queue_timeout = "soon"
        """
      try withSite(wrong) { site in
        let file = site.absolute("tollgate.toml")
        let check = try run(Program.tollgate, ["check", "--config", file])
        let (ending, errors) = try failedStart(site)
        #expect(check.status == 78 && ending == .exited(78))
        #expect(errors == check.errors)
        let places = errors.split(separator: "\n").map { $0.split(separator: " ")[0] }
        #expect(
          places == [
            "2:11:", "2:36:", "3:9:", "4:9:", "5:14:", "6:1:", "7:1:", "8:21:", "11:8:", "12:10:", "13:1:", "17:11:",
            "18:9:", "18:22:", "19:1:", "22:8:", "23:7:", "26:12:", "27:11:",
            "28:17:",
          ].map { "\(file):\($0)" } + ["20"])
      }
    }

    @Test(arguments: [
      ["files"], ["--access-log", "-"], ["--access-log-format", "json"], ["--bill", "full"], ["--concurrency", "2"],
      ["--queue", "2"], ["--queue-timeout", "2s"], ["--timeout", "2s"], ["--drain", "2s"], ["--loops", "2"],
      ["--file-cache", "1MiB"],
    ])
    func whatTheConfigurationSaysIsNoFlag(_ arguments: [String]) throws {
      try withSite(Self.files) { site in
        let (ending, errors) = try failedStart(site, arguments)
        #expect(ending == .exited(64))
        #expect(errors.contains("--config") && errors.contains(arguments[0]), "\(errors)")
      }
    }

    @Test func aConfigurationThatCannotBeReadIsSaid() throws {
      try withSite(Self.files) { site in
        try site.makeDirectory("conf")
        for name in ["missing.toml", "conf"] {
          let outcome = try run(Program.tollgate, ["serve", "--config", site.absolute(name)])
          #expect(outcome.status == 66 && outcome.errors.contains("\(site.absolute(name)) cannot be read: "))
        }
      }
    }

    @Test func aHostWithoutAnAddressIsSaidWithItsPlace() throws {
      let pool = "[pool.far]\nconnect = [\"no-such-host.invalid:9000\"]\n"
      try withSite("[server]\nlisten = [\"no-such-host.invalid:80\"]\n" + Self.files + pool) { site in
        let (ending, errors) = try failedStart(site)
        #expect(ending == .exited(78))
        #expect(errors.contains("tollgate.toml:2:11: server.listen: no address for the host «no-such-host.invalid»"))
        #expect(errors.contains("tollgate.toml:7:12: pool.far.connect: no address for the host «no-such-host.invalid»"))
      }
    }

    @Test func theAnnouncementHasAddressesAndRoutesAndWarningsAreSaid() throws {
      let more = """
        [server]
        access_log = "off"
        [[site]]
        hosts = ["example.org"]
        [[site.route]]
        path = "/run"
        cgi = "cgi-bin"
        [pool.idle]
        connect = ["unix:idle.sock"]

        """
      try withSite(more + Self.files) { site in
        try serving(site, ["--listen", "127.0.0.1:0", "--listen", "[::1]:0"]) { server in
          let lines = server.process.output.lines
          let file = site.absolute("tollgate.toml")
          #expect(lines.first == "Tollgate serves by \(file)")
          #expect(lines.count { $0.hasPrefix("  http://") } == 2)
          #expect(lines.contains("2 routes, 1 pool:") && lines.contains("  /                static"))
          #expect(lines.contains("  example.org/run  cgi") && lines.last == "Ctrl-C ends it.")
          #expect(server.log.contains("\(file):8:1: pool.idle: warning: no route uses this pool"))
        }
      }
    }

    @Test func theAddressIsThatOfTheConfigurationUnlessAFlagSaysAnother() throws {
      try withSite("[server]\naccess_log = \"off\"\nlisten = [\"unix:a.sock\"]\n" + Self.files) { site in
        let config = ["--config", site.absolute("tollgate.toml")]
        let first = try ChildProcess(Program.tollgate, ["serve"] + config)
        defer { first.killAll() }
        #expect(eventually(within: 8) { first.output.lines.contains("  unix:\(site.absolute("a.sock"))") })
        var connection = try RawConnection(to: "unix:\(site.absolute("a.sock"))")
        try connection.send(Server.head("/"))
        #expect(try connection.readResponse().text == "home")
        // In place of the configuration's, not beside it.
        try serving(site) { (server) throws in #expect(try server.answer("/") == "200 home") }
        first.signal(SIGTERM)
        #expect(first.wait(seconds: 8) == .exited(0))
      }
    }

    @Test func moreRoutesThanDescriptorsAtTheStartAreServedAndProgramsHaveTheLimitOfTheStart() throws {
      let routes = (0..<100).map { "[[route]]\npath = \"/\($0)\"\nstatic = \"files\"\n" }.joined()
      let more = "[server]\nlisten = [\"unix:a.sock\"]\naccess_log = \"off\"\n"
      try withSite(more + Self.files + routes + "[[route]]\npath = \"/run\"\ncgi = \"cgi-bin/limit\"\n") { site in
        try site.script("limit", plainShell + "ulimit -n\n")
        let script = "ulimit -Sn 64; exec \"$0\" serve --config \"$1\""
        let server = try ChildProcess("sh", ["-c", script, Program.tollgate, site.absolute("tollgate.toml")])
        defer { server.killAll() }
        #expect(eventually(within: 8) { server.output.text.contains("Ctrl-C") }, "\(server.errors.text)")
        for (target, text) in [("/99/", "home"), ("/run", "64\n")] {
          var connection = try RawConnection(to: "unix:\(site.absolute("a.sock"))")
          try connection.send(Server.head(target))
          #expect(try connection.readResponse().text == text)
        }
        server.signal(SIGTERM)
        #expect(server.wait(seconds: 8) == .exited(0))
      }
    }

    // MARK: Logs and the pid_file

    @Test func logsGoWhereTheConfigurationSays() throws {
      let server = """
        [server]
        log = "logs/diagnostics"
        access_log = "logs/access"
        access_log_format = "json"

        """
      try withSite(server + Self.files) { site in
        try site.makeDirectory("logs")
        try site.write("logs/access", "old\n")
        try serving(site) { (server) throws in
          #expect(try server.answer("/") == "200 home")
          server.process.signal(SIGTERM)
          #expect(server.waitForEnd() == [])
          #expect(server.log.isEmpty)
        }
        #expect(site.notes("logs/diagnostics").contains { $0.contains("another signal ends it at once") })
        let access = site.notes("logs/access")
        #expect(access.count == 2 && access[0] == "old" && access[1].hasPrefix("{"))
      }
      try withSite("[server]\nlog = \"files/index.html/log\"\n" + Self.files) { (site) throws in
        #expect(try failedStart(site).ending == .exited(78))
      }
    }

    @Test func thePidFileIsThereWhileTheServerIs() throws {
      try withSite("[server]\naccess_log = \"off\"\npid_file = \"run.pid\"\n" + Self.files) { site in
        let pidFile = site.absolute("run.pid")
        // One that was left behind by a process that is gone, or has a number that is somebody else's now.
        try site.write("run.pid", "\(getpid())\n")
        try serving(site) { server in
          #expect(String(decoding: site.read("run.pid") ?? [], as: UTF8.self) == "\(server.pid)\n")
          let (ending, errors) = try failedStart(site)
          #expect(ending == .exited(75))
          #expect(errors.contains("the pid_file \(pidFile) is that of the process \(server.pid), which runs"))
          #expect(site.read("run.pid") == bytes("\(server.pid)\n"))
          server.process.signal(SIGKILL)
          #expect(server.process.wait(seconds: 5) == .killed(signal: SIGKILL))
          #expect(site.read("run.pid") != nil)
        }
        try serving(site) { server in #expect(site.read("run.pid") == bytes("\(server.pid)\n")) }
        #expect(site.read("run.pid") == nil)
        // Where something else is in the file, it is a mistake in the configuration that shall cost nothing.
        try site.write("run.pid", "precious")
        let (ending, errors) = try failedStart(site)
        #expect(ending == .exited(73) && errors.contains("is left alone") && site.read("run.pid") == bytes("precious"))
        // One that does not start leaves none behind.
        unlink(pidFile)
        try site.makeDirectory("taken")
        #expect(try failedStart(site, ["--listen", "unix:\(site.absolute("taken"))"]).ending != .exited(0))
        #expect(site.read("run.pid") == nil)
      }
    }

    // MARK: The other keys of [server]

    @Test func requestsAreBoundAsTheConfigurationSays() throws {
      let server = """
        [server]
        access_log = "off"
        loops = 1
        file_cache = "0B"
        request_line = "256B"
        request_head = "1KiB"
        request_fields = 4
        head_timeout = "200ms"
        idle_timeout = "300ms"
        body_memory = "0B"
        spool = "spool"
        spool_total = "100B"
        drain = "300ms"
        [[route]]
        path = "/run"
        cgi = "cgi-bin/cat"

        """
      func fill(_ site: Site) throws {
        try site.makeDirectory("spool")
        try site.write("files/index.html", "home")
        try site.script("cat", plainShell + "cat\n[ -z \"$QUERY_STRING\" ] || exec sleep 600\n")
      }
      try scenario("limits", configuration: server + Self.files, site: fill) { server in
        let threads = "/proc/\(server.pid)/task"
        let loops = names(in: threads).compactMap { contents(of: "\(threads)/\($0)/comm") }
        #expect(loops.count { $0.starts(with: bytes("tollgate-loop")) } == 1)
        #expect(try server.answer("/") == "200 home")
        #expect(try server.request("/" + String(repeating: "x", count: 250)).status == 414)
        #expect(try server.request("/", fields: ["X: " + String(repeating: "x", count: 1000)]).status == 431)
        #expect(try server.request("/", fields: (1...4).map { "X-\($0): x" }).status == 431)
        #expect(try server.request("/", fields: (1...3).map { "X-\($0): x" }).status == 200)
        #expect(try server.request("/run", method: "POST", body: randomBytes(100, seed: 1)).body.count == 100)
        let refused = try server.request("/run", method: "POST", body: randomBytes(101, seed: 1))
        #expect(refused.status == 503 && refused.text.contains("spool_total"))
        var slow = try server.connect()
        try slow.send("GET / HT")
        #expect(try slow.readResponse().status == 408)
        var idle = try server.connect()
        try idle.send(Server.head("/"))
        #expect(try idle.readResponse().status == 200)
        #expect(try idle.isClosedByPeer())
      }
      try withSite(server + Self.files) { site in
        try fill(site)
        try serving(site) { server in
          let connection = try server.connect()
          try connection.send(Server.head("/run?wait"))
          #expect(eventually(within: 5) { !server.programs.isEmpty })
          server.process.signal(SIGTERM)
          #expect(server.waitForLog(containing: "what runs may finish, for 300 ms"))
          #expect(server.waitForEnd() == [])
        }
      }
    }

    @Test func theFirstSignalDrainsAndTheSecondEndsThePoolsToo() throws {
      let configuration = """
        [server]
        access_log = "off"
        [[route]]
        path = "/slow"
        cgi = "cgi-bin/slow"
        [[route]]
        path = "/word"
        fastcgi = "word"
        [pool.word]
        command = ["fastcgi/word"]
        workers = 2
        """
      for signals in 1...2 {
        try withSite(configuration) { site in
          try site.wordWorker()
          try site.script("slow", "#!/bin/sh\n: >../begun\n\(site.waiting())\n" + plainShell.split(separator: "\n")[1])
          try serving(site) { server in
            #expect(try server.answer("/word").hasPrefix("200 "))
            var busy = try server.connect()
            try busy.send(Server.head("/slow"))
            #expect(eventually(within: 5) { site.read("begun") != nil })
            server.process.signal(SIGTERM)
            #expect(server.waitForLog(containing: "another signal ends it at once"))
            #expect(server.process.hasEnded == nil)
            if signals == 1 {
              try site.openGate()
              #expect(try busy.readResponse().status == 200)
            } else {
              server.process.signal(SIGTERM)
            }
            #expect(server.waitForEnd() == [])
          }
        }
      }
    }
  }
}
