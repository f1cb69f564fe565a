// What an answer carries of its bill, by `--bill`, and what is held for it.

import HTTPClient
import Kernel
import Testing

extension EndToEndTests {
  @Suite("The bill in the answer") struct BillModeTests {
    /// What is known before the program has ended, and what is known only then.
    private let early: Set = ["model", "route", "head", "queue", "spawn", "first-byte"]
    private let late: Set = [
      "output", "exit", "exit-status", "cpu", "peak-rss", "minor-faults", "major-faults", "voluntary-switches",
      "involuntary-switches", "blocks-read", "blocks-written", "total",
    ]

    private func fill(_ site: Site) throws {
      try site.script("hello", plainShell + "printf hello\n")
      try site.script("small", plainShell + "printf small\n\(site.waiting())\nprintf ' and done'\n")
      try site.script("closes", plainShell + "printf closed\nexec >&-\n\(site.waiting())\n")
      try site.script("large", plainShell + "head -c 70000 /dev/zero\n\(site.waiting())\nprintf done\n")
      try site.write("file.txt", "a file\n")
    }

    @Test func offSaysNothing() throws {
      try scenario("bill off", arguments: ["--bill", "off"], site: fill) { server in
        for target in ["/cgi-bin/hello", "/file.txt", "/none"] {
          let response = try server.request(target)
          #expect(response.serverTiming.isEmpty)
        }
      }
    }

    @Test func headSaysWhatIsKnownWhenTheHeadLeaves() throws {
      try scenario("bill head", site: fill) { server in
        let metrics = try server.request("/cgi-bin/hello").serverTiming
        #expect(Set(metrics.keys) == early)
        #expect(metrics["model"]?.contains("cgi") == true)
        #expect(metrics["first-byte"]?.contains("sh") == true)
        let file = try server.request("/file.txt").serverTiming
        #expect(file["model"]?.contains("static") == true)
        #expect(file["spawn"] == nil && file["cpu"] == nil)
      }
    }

    @Test func headDoesNotWaitForTheProgram() throws {
      try scenario("bill head streams", site: fill) { server in
        var connection = try server.connect()
        try connection.send(Server.head("/cgi-bin/small"))
        let head = try readHead(&connection)
        #expect(head.contains("200 OK") && head.contains("server-timing"))
        try server.site.openGate()
      }
    }

    @Test func fullSaysTheWholeBillAndHoldsTheAnswerForIt() throws {
      try scenario("bill full", arguments: ["--bill", "full"], site: fill) { server in
        let hello = try server.request("/cgi-bin/hello")
        #expect(hello.text == "hello")
        #expect(Set(hello.serverTiming.keys) == early.union(late))
        // All of it is known by now, so that no chunks are needed.
        #expect(hello.head.first("content-length") == "5")

        // One that takes longer is held for 250 ms and no more: what it has printed by then is not kept back.
        var connection = try server.connect()
        try connection.send(Server.head("/cgi-bin/small"))
        let head = try readHead(&connection)
        #expect(head.contains("server-timing") && !head.contains("total;dur"))

        try server.site.openGate()
        let held = try server.request("/cgi-bin/small")
        #expect(held.text == "small and done")
        #expect(Set(held.serverTiming.keys) == early.union(late))
      }
    }

    @Test func fullHoldsNeitherALargeAnswerNorOneWhoseProgramLivesOn() throws {
      try scenario("bill full, not held", arguments: ["--bill", "full"], site: fill) { server in
        var connection = try server.connect()
        try connection.send(Server.head("/cgi-bin/large"))
        let head = try readHead(&connection)
        #expect(head.contains("spawn;") && !head.contains("cpu;"))

        let closed = try server.request("/cgi-bin/closes")
        #expect(closed.text == "closed")
        #expect(closed.serverTiming["spawn"] != nil && closed.serverTiming["cpu"] == nil)
        #expect(server.programs.count == 2)
        try server.site.openGate()
        let rest = try connection.readUntil("\r\n0\r\n\r\n")
        #expect(rest.count > 70_000)
      }
    }

    /// The head of an answer, in lower case but for what needs no case, while its body may be yet to come.
    private func readHead(_ connection: inout RawConnection) throws -> String {
      try String(decoding: connection.readUntil("\r\n\r\n"), as: UTF8.self)
        .replacing("Server-Timing", with: "server-timing")
    }
  }
}

extension RawConnection {
  /// Reads byte by byte until these have come, and gives all of it.
  mutating func readUntil(_ end: String) throws -> [UInt8] {
    let mark = bytes(end)
    var all: [UInt8] = []
    while !all.suffix(mark.count).elementsEqual(mark) { all += try read(count: 1) }
    return all
  }
}
