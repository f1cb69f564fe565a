// Clients that read slowly, or not at all, and clients that go: nobody else is to notice.

import HTTPClient
import HTTPWire
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Slow clients") struct SlowClientTests {
    private static let small = bytes("small\n")
    private static let large = randomBytes(10 << 20, seed: 99)

    private func fill(_ site: Site) throws {
      try site.write("small.txt", Self.small)
      try site.write("large.bin", Self.large)
      try site.script("large", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nexec cat ../large.bin\n")
      try site.script("echo", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nexec cat\n")
    }

    @Test func aReaderThatStopsKeepsNobodyWaiting() throws {
      try scenario("a reader that stops", arguments: ["--loops", "1"], site: fill) { server in
        var stopped = try server.connect()
        stopped.setReceiveBuffer(bytes: 8192)
        try stopped.send(Server.head("/large.bin"))
        _ = try stopped.read(count: 100)
        var script = try server.connect()
        script.setReceiveBuffer(bytes: 8192)
        try script.send(Server.head("/cgi-bin/large"))
        _ = try script.read(count: 100)
        for round in 0..<50 {
          #expect(try server.request("/small.txt").body == Self.small)
          if round % 10 == 0 {
            #expect(try server.request("/large.bin").body == Self.large)
            #expect(try server.request("/cgi-bin/echo", method: "POST", body: [1, 2, 3]).body == [1, 2, 3])
          }
        }
      }
    }

    @Test func whatAScriptPrintsWaitsInItsPipeForASlowReader() throws {
      try scenario("backpressure", arguments: ["--loops", "1"], site: fill) { server in
        let before = try #require(statusKilobytes(server.pid, "VmRSS"))
        var readers: [RawConnectionBox] = []
        for _ in 0..<8 {
          let reader = try RawConnectionBox(server.connect())
          try reader.connection.send(Server.head("/cgi-bin/large"))
          readers.append(reader)
        }
        // None of them reads; in time the server has taken all that it will.
        Clock.sleep(milliseconds: 500)
        #expect(try server.request("/small.txt").body == Self.small)
        let grown = try #require(statusKilobytes(server.pid, "VmRSS")) - before
        #expect(grown < 8 * 1024, "\(grown) KiB more for 8 answers of 10 MiB that nobody reads")
        for reader in readers { #expect(try reader.connection.readResponse().body == Self.large) }
      }
    }

    @Test func manySlowReadersGetEverythingAndDisturbNobody() throws {
      try scenario("slow readers", site: fill) { server in
        let results = try concurrently(40) { number in
          if number >= 32 {
            // The quick ones, meanwhile.
            for _ in 0..<100 where try server.request("/small.txt").body != Self.small { return false }
            return true
          }
          var connection = try server.connect()
          try connection.send(Server.head("/large.bin", ["Range: bytes=0-2999999"]))
          var received: [UInt8] = []
          while received.count < 3_000_000 {
            received += try connection.read(count: min(300_000, 3_000_000 - received.count))
            Clock.sleep(milliseconds: 5)
          }
          // A head was before it: so many bytes are still to come.
          let end = received.firstRange(of: bytes("\r\n\r\n"))!.upperBound
          received += try connection.read(count: end)
          return Array(received[end...]) == Array(Self.large[..<3_000_000])
        }
        #expect(results.allSatisfy { $0 })
      }
    }

    @Test func clientsThatGoAwayLeaveNothing() throws {
      try scenario("gone", site: fill) { server in
        for turn in 0..<60 {
          let connection = try server.connect()
          switch turn % 6 {
          case 0: try connection.send(Server.head("/large.bin"))
          case 1: try connection.send("GET / HT")
          case 2: try connection.send(Server.head("/cgi-bin/large"))
          case 3: try connection.send(Server.head("/cgi-bin/echo", ["Content-Length: 99"], method: "POST") + "abc")
          case 4: try connection.send(Server.head("/small.txt") + Server.head("/large.bin"))
          default: break
          }
          if turn % 4 < 2 { connection.abort() }
        }
        #expect(try server.request("/large.bin").body == Self.large)
      }
    }
  }
}

/// Lets several connections stand in an array.
private final class RawConnectionBox {
  var connection: RawConnection
  init(_ connection: consuming RawConnection) { self.connection = connection }
}
