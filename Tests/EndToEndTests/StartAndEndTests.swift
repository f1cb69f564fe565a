// How the program starts, in what words it does not, and how it ends.

import Glibc
import HTTPClient
import HTTPWire
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Start and end") struct StartAndEndTests {
    private func fill(_ site: Site) throws {
      try site.write("index.html", "home")
      // Leaves its own pid and its child's in the site, and waits.
      let wait = """
        #!/bin/sh
        sleep 600 &
        echo "$$ $!" >"$DOCUMENT_ROOT/pids.new"
        mv "$DOCUMENT_ROOT/pids.new" "$DOCUMENT_ROOT/pids"
        wait
        """
      try site.script("wait", wait)
      let gate = "#!/bin/sh\n: >../begun\nwhile [ ! -e ../go ]; do sleep 0.05; done\n"
      try site.script("gate", gate + "printf 'Content-Type: text/plain\\n\\nthrough'\n")
    }

    /// Waits until the script `wait` runs, and gives its pid and its child's.
    private func waitingScript(_ site: Site) throws -> [pid_t] {
      #expect(eventually(within: 5) { site.read("pids") != nil })
      let pids = String(decoding: site.read("pids") ?? [], as: UTF8.self).split { $0 == " " || $0 == "\n" }
        .compactMap { pid_t($0) }
      #expect(pids.count == 2 && pids.allSatisfy(Processes.isAlive))
      return pids
    }

    /// Starts a server that is not to listen, and gives how it ended and what it said.
    private func failedStart(
      _ site: Site, _ arguments: [String], program: String = Program.tollgate
    ) throws -> (ending: Ending, errors: String) {
      let process = try Server.launch(site, arguments, program)
      defer { process.killAll() }
      guard let ending = process.wait(seconds: 8) else { throw HarnessError("it has not ended within 8 s") }
      #expect(eventually(within: 2) { process.errors.hasEnded })
      #expect(Processes.inSession(process.pid).isEmpty)
      #expect(!process.output.text.contains("http://"), "an address where nothing listens")
      return (ending, process.errors.text)
    }

    @Test func standardDescriptorsThatAreClosedStandForNoOtherFile() throws {
      let site = try Site()
      defer { site.remove() }
      try fill(site)
      let script = "exec \"$0\" serve \"$1\" --listen unix:\"$1\"/socket <&- >&- 2>&-"
      let server = try ChildProcess("sh", ["-c", script, Program.tollgate, site.path])
      defer { server.killAll() }
      let address = "unix:\(site.absolute("socket"))"
      func ask() throws -> String {
        var connection = try RawConnection(to: address)
        try connection.send(Server.head("/"))
        return try connection.readResponse().text
      }
      #expect(eventually(within: 8) { (try? ask()) == "home" })
      for raw in 0...2 {
        let path = try canonicalPath("/proc/\(server.pid)/fd/\(raw)")
        #expect(path == "/dev/null")
      }
      server.signal(SIGTERM)
      #expect(server.wait(seconds: 8) == .exited(0))
    }

    @Test func anAddressInUseIsSaid() throws {
      try scenario("in use", site: fill) { server in
        let (ending, errors) = try failedStart(server.site, ["--listen", "127.0.0.1:\(server.port)"])
        #expect(ending == .exited(75))
        #expect(errors.contains("127.0.0.1:\(server.port) is in use"))
        // The one that was there goes on.
        #expect(try server.request("/").body == bytes("home"))
      }
    }

    @Test func aPortIsFreeAgainAtOnceAfterConnections() throws {
      let site = try Site()
      defer { site.remove() }
      try fill(site)
      let first = try Server(site)
      defer { first.process.killAll() }
      #expect(try first.request("/", fields: ["Connection: close"]).body == bytes("home"))
      var kept = try first.connect()
      try kept.send(Server.head("/"))
      #expect(try kept.readResponse().body == bytes("home"))
      #expect(first.stop().isEmpty)
      #expect(try kept.isClosedByPeer())
      let second = try Server(site, arguments: ["--listen", "127.0.0.1:\(first.port)"])
      defer { second.process.killAll() }
      #expect(try second.request("/").body == bytes("home"))
      #expect(second.stop().isEmpty)
    }

    @Test func whatCannotBeServedIsSaid() throws {
      let site = try Site()
      defer { site.remove() }
      try site.write("file", "no directory")
      for name in ["missing", "file"] {
        let outcome = try run(
          Program.tollgate, ["serve", site.absolute(name), "--listen", "127.0.0.1:0", "--access-log", "off"])
        #expect(outcome.status == 66, "\(name)")
        #expect(outcome.errors.contains(site.absolute(name)), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
      }
    }

    @Test(arguments: [
      ["--listen", "127.0.0.1"], ["--listen", "::1:80"], ["--listen", "127.0.0.1:99999"], ["--listen", ":80"],
      ["--bill", "some"], ["--timeout", "soon"], ["--concurrency", "0"], ["--file-cache", "many"], ["--unheard"],
      ["--access-log-format", "xml"],
    ])
    func wrongArgumentsAreSaid(_ arguments: [String]) throws {
      let site = try Site()
      defer { site.remove() }
      let (ending, errors) = try failedStart(site, arguments)
      #expect(ending == .exited(64), "\(errors)")
      #expect(errors.contains(arguments.count > 1 ? arguments[1] : arguments[0]) || errors.contains(arguments[0]))
    }

    @Test func aMissingSpawnerIsSaidWithWhereItWasSought() throws {
      let site = try Site()
      defer { site.remove() }
      try fill(site)
      try site.makeDirectory("elsewhere/bin")
      let copy = site.absolute("elsewhere/bin/tollgate")
      #expect(try run("cp", [Program.tollgate, copy]).status == 0)
      let (ending, errors) = try failedStart(site, [], program: copy)
      #expect(ending == .exited(72))
      #expect(errors.contains(site.absolute("elsewhere/bin/tollgate-spawn")), "\(errors)")
      #expect(errors.contains("libexec/tollgate/tollgate-spawn"), "\(errors)")
      // In the second place it is found.
      try site.makeDirectory("elsewhere/libexec/tollgate")
      let beside = String(Program.tollgate.dropLast("tollgate".count)) + "tollgate-spawn"
      #expect(try run("cp", [beside, site.absolute("elsewhere/libexec/tollgate/")]).status == 0)
      let server = try Server(site, program: copy)
      defer { server.process.killAll() }
      #expect(try server.request("/").body == bytes("home"))
      #expect(server.stop().isEmpty)
    }

    @Test func anUnknownAccessLogPlaceIsSaid() throws {
      let site = try Site()
      defer { site.remove() }
      let (ending, errors) = try failedStart(site, ["--access-log", site.absolute("missing/log")])
      #expect(ending == .exited(73))
      #expect(errors.contains(site.absolute("missing/log")))
    }

    @Test func theFirstSignalLetsAnswersFinish() throws {
      for signal in [SIGTERM, SIGINT] {
        let site = try Site()
        defer { site.remove() }
        try fill(site)
        let server = try Server(site)
        defer { server.process.killAll() }
        var idle = try server.connect()
        try idle.send(Server.head("/"))
        #expect(try idle.readResponse().body == bytes("home"))
        var busy = try server.connect()
        try busy.send(Server.head("/cgi-bin/gate"))
        #expect(eventually(within: 5) { site.read("begun") != nil })
        server.process.signal(signal)
        #expect(try idle.isClosedByPeer())
        #expect(server.process.hasEnded == nil)
        try site.write("go", "")
        let response = try busy.readResponse()
        #expect(response.status == 200 && response.body == bytes("through"))
        #expect(server.waitForEnd().isEmpty)
      }
    }

    @Test func theSecondSignalEndsAtOnceAndTheScriptsToo() throws {
      let site = try Site()
      defer { site.remove() }
      try fill(site)
      let server = try Server(site)
      defer { server.process.killAll() }
      var connection = try server.connect()
      try connection.send(Server.head("/cgi-bin/wait"))
      let pids = try waitingScript(site)
      server.process.signal(SIGINT)
      #expect(server.waitForLog(containing: "another signal ends it at once"))
      #expect(server.process.hasEnded == nil && pids.allSatisfy(Processes.isAlive))
      server.process.signal(SIGINT)
      #expect(server.waitForEnd().isEmpty)
      #expect(eventually(within: 2) { !pids.contains(where: Processes.isAlive) })
      #expect(try connection.isClosedByPeer())
    }

    @Test func aKilledServerLeavesNoSpawnerAndNoScript() throws {
      let site = try Site()
      defer { site.remove() }
      try fill(site)
      let server = try Server(site)
      defer { server.process.killAll() }
      var connection = try server.connect()
      try connection.send(Server.head("/cgi-bin/wait"))
      let pids = try waitingScript(site)
      server.process.signal(SIGKILL)
      #expect(server.process.wait(seconds: 5) == .killed(signal: SIGKILL))
      let left = { Processes.inSession(server.pid).map(\.name) }
      #expect(eventually(within: 3) { left().isEmpty }, "\(left())")
      #expect(!pids.contains(where: Processes.isAlive))
      #expect(try connection.isClosedByPeer())
    }

    @Test func aServerKilledTogetherWithItsSpawnersLeavesNoScript() throws {
      let site = try Site()
      defer { site.remove() }
      try fill(site)
      let server = try Server(site)
      defer { server.process.killAll() }
      let connection = try server.connect()
      try connection.send(Server.head("/cgi-bin/wait"))
      let script = try waitingScript(site)[0]
      // Stopped, so that it neither replaces the spawners nor ends anything itself. Nobody is left who could: the
      // kernel does it.
      server.process.signal(SIGSTOP)
      for spawner in server.spawners { kill(spawner.pid, SIGKILL) }
      #expect(eventually(within: 3) { server.spawners.allSatisfy(\.isOver) })
      #expect(Processes.isAlive(script))
      server.process.signal(SIGKILL)
      #expect(server.process.wait(seconds: 5) == .killed(signal: SIGKILL))
      #expect(eventually(within: 3) { !Processes.isAlive(script) })
    }

    @Test func everyKindOfAddressIsServed() throws {
      let site = try Site()
      defer { site.remove() }
      try fill(site)
      let socket = site.absolute("gateway.sock")
      let server = try Server(
        site, arguments: ["--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--listen", "unix:\(socket)"])
      defer { server.process.killAll() }
      #expect(eventually(within: 2) { server.process.output.lines.count >= 4 })
      let lines = server.process.output.lines
      let addresses = lines.compactMap { line -> String? in
        let word = line.drop { $0 == " " }
        if word.hasPrefix("unix:") { return String(word) }
        return word.hasPrefix("http://") ? String(word.dropFirst(7).dropLast()) : nil
      }
      #expect(addresses.count == 3, "\(lines)")
      #expect(addresses.contains("unix:\(socket)") && addresses.contains { $0.hasPrefix("[::1]:") })
      #expect(addresses.allSatisfy { !$0.hasSuffix(":0") })
      for address in addresses {
        var connection = try RawConnection(to: address)
        try connection.send(Server.head("/"))
        #expect(try connection.readResponse().body == bytes("home"), "\(address)")
      }
      let curl = try run("curl", ["-sS", "-f", "--unix-socket", socket, "http://anything/"])
      #expect(curl.status == 0 && curl.text == "home", "\(curl.errors)")
      #expect(server.stop().isEmpty)
      // The socket of a server that has ended is in nobody's way.
      let again = try Server(site, arguments: ["--listen", "unix:\(socket)"])
      defer { again.process.killAll() }
      #expect(try again.request("/").body == bytes("home"))
      let (ending, errors) = try failedStart(site, ["--listen", "unix:\(socket)"])
      #expect(ending == .exited(75) && errors.contains("is in use"), "\(errors)")
      #expect(try again.request("/").body == bytes("home"))
      #expect(again.stop().isEmpty)
    }
  }
}
