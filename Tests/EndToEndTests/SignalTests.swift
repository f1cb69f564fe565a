// HUP, the limit of the drain, and a terminal that is closed. TERM and INT are in StartAndEndTests.

import Glibc
import HTTPClient
import HTTPWire
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Signals") struct SignalTests {
    private let nothing = "there is nothing to read again"

    @Test func withoutAConfigurationHupIsSaidAndChangesNothing() throws {
      func fill(_ site: Site) throws { try site.write("index.html", "home") }
      try scenario("hup", site: fill) { server in
        var kept = try server.connect()
        try kept.send(Server.head("/"))
        #expect(try kept.readResponse().body == bytes("home"))
        for count in 1...2 {
          server.process.signal(SIGHUP)
          #expect(eventually(within: 3) { server.log.count { $0.contains(nothing) } == count })
        }
        try kept.send(Server.head("/"))
        #expect(try kept.readResponse().body == bytes("home"))
        #expect(try server.request("/").body == bytes("home"))
      }
    }

    @Test func theDrainHasTheLimitThatItIsGiven() throws {
      let site = try Site()
      defer { site.remove() }
      try site.script("wait", "#!/bin/sh\n: >../begun\nexec sleep 600\n")
      let server = try Server(site, arguments: ["--drain", "300ms"])
      defer { server.process.killAll() }
      var connection = try server.connect()
      try connection.send(Server.head("/cgi-bin/wait"))
      #expect(eventually(within: 5) { site.read("begun") != nil })
      server.process.signal(SIGTERM)
      #expect(server.waitForLog(containing: "what runs may finish, for 300 ms"))
      // A HUP that comes then neither shortens it nor is taken for the second one.
      server.process.signal(SIGHUP)
      #expect(server.waitForEnd().isEmpty)
      #expect(try connection.isClosedByPeer())
      #expect(!server.log.contains { $0.contains(nothing) })
    }

    @Test func whoHasAskedIsAnsweredAndWhoComesLaterIsTurnedAway() throws {
      let site = try Site()
      defer { site.remove() }
      try site.write("index.html", "home")
      try site.script("wait", "#!/bin/sh\n: >../begun\nexec sleep 600\n")
      let server = try Server(site, arguments: ["--drain", "2s"])
      defer { server.process.killAll() }
      let waiting = try server.connect()
      try waiting.send(Server.head("/cgi-bin/wait"))
      #expect(eventually(within: 5) { site.read("begun") != nil })
      var kept = try server.connect()
      try kept.send(Server.head("/"))
      #expect(try kept.readResponse().body == bytes("home"))
      // What it finds when it goes on has come before the signal, or beside it.
      server.process.signal(SIGSTOP)
      try kept.send(Server.head("/"))
      var new = try server.connect()
      try new.send(Server.head("/"))
      server.process.signal(SIGTERM)
      server.process.signal(SIGCONT)
      #expect(try kept.readResponse().body == bytes("home"))
      #expect(try kept.isClosedByPeer())
      #expect(try new.readResponse().body == bytes("home"))
      #expect(try new.isClosedByPeer())
      // While it waits for the script.
      #expect(throws: (any Error).self) { try server.connect() }
      #expect(server.waitForEnd().isEmpty)
    }

    @Test func aServerEndsWithTheTerminalThatItWasStartedOn() throws {
      let site = try Site()
      defer { site.remove() }
      try site.write("index.html", "home")
      var terminal: Terminal? = try Terminal()
      // The leader of a session takes the first terminal that it opens for its own.
      let path = try #require(terminal).path
      let start = "#!/bin/sh\nexec '\(Program.tollgate)' \"$@\" <\(path)\n"
      try site.write("start", bytes(start), mode: 0o755)
      let server = try Server(site, program: site.absolute("start"))
      defer { server.process.killAll() }
      // As long as the terminal is there, HUP means what it says.
      server.process.signal(SIGHUP)
      #expect(server.waitForLog(containing: nothing))
      #expect(try server.request("/").body == bytes("home"))
      terminal = nil
      #expect(server.waitForEnd().isEmpty)
      #expect(server.log.count { $0.contains(nothing) } == 1)
    }

    /// The side of a terminal at which a person sits; closed with its owner. pty(7).
    private final class Terminal {
      let path: String
      private let descriptor: Descriptor

      init() throws {
        descriptor = Descriptor(owning: open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC))
        var (locked, number): (CInt, CUnsignedInt) = (0, 0)
        // TIOCSPTLCK and TIOCGPTN, whose macros Swift does not see.
        try #require(
          ioctl(descriptor.raw, 0x4004_5431, &locked) == 0 && ioctl(descriptor.raw, 0x8004_5430, &number) == 0)
        path = "/dev/pts/\(number)"
      }
    }
  }
}
