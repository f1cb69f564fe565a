// Workers that break the protocol, each in its own way: what the client gets, what the log says, and that the next
// request is served as if nothing had been.

import HTTPClient
import HTTPWire
import Testing

extension EndToEndTests {
  @Suite("Workers that break the protocol") struct FastCGIFaultTests {
    private static let configuration = poolConfiguration([#"command = ["./raw"]"#, "workers = 1", "timeout = \"5s\""])

    private func fill(_ site: Site) throws { try site.rawWorker() }

    /// The next request is right, and nobody else's.
    private func expectService(_ server: Server, after word: String) throws {
      let response = try server.ask("fine", method: "POST", body: bytes("abc"))
      #expect(response.status == 200, "after \(word): \(response.text)")
      #expect(response.text.hasSuffix(" fine 3"), "after \(word): \(response.text)")
    }

    struct Fault: Sendable {
      var word: String
      var status: Int
      /// In the one line of the log.
      var reason: String
    }

    private static let faults = [
      Fault(word: "id", status: 502, reason: "FCGI_STDOUT for request 2 while request 1 runs"),
      Fault(word: "version", status: 502, reason: "a record of version 9"),
      Fault(word: "type", status: 502, reason: "a record of type 77, which FastCGI does not define"),
      Fault(word: "management", status: 502, reason: "FCGI_GET_VALUES_RESULT with the request id 1"),
      Fault(word: "server", status: 502, reason: "FCGI_BEGIN_REQUEST, which only a web server sends"),
      Fault(word: "after", status: 502, reason: "content of FCGI_STDOUT behind the end of that stream"),
      Fault(word: "half", status: 502, reason: "closed its connection while it worked on the request"),
      Fault(word: "header", status: 502, reason: "closed its connection while it worked on the request"),
      Fault(word: "closes", status: 502, reason: "closed its connection while it worked on the request"),
      Fault(word: "shortend", status: 502, reason: "FCGI_END_REQUEST with 0 bytes of content, where it has 8"),
      Fault(word: "status", status: 502, reason: "the protocol status 9"),
      Fault(word: "overloaded", status: 503, reason: "FCGI_OVERLOADED"),
      Fault(word: "multiplex", status: 503, reason: "FCGI_CANT_MPX_CONN"),
      Fault(word: "role", status: 500, reason: "the program is no responder"),
      Fault(word: "nothing", status: 502, reason: "printed nothing"),
      Fault(word: "ended", status: 502, reason: "printed nothing"),
      Fault(word: "nohead", status: 502, reason: "ended in the middle of its head"),
      Fault(word: "longhead", status: 502, reason: "program_head = 65536"),
    ]

    @Test func eachFaultIsSaidOnceAndTheNextRequestIsServed() throws {
      try scenario("faults", configuration: Self.configuration, site: fill) { server in
        // Three times over, so that whatever were left of one would be more than the leak check lets pass.
        for round in 1...3 {
          for fault in Self.faults {
            let said = server.log.count
            // A POST is not made again, so that there is one line.
            let response = try server.ask(fault.word, method: "POST", body: bytes("body"))
            #expect(response.status == fault.status, "\(fault.word): \(response.text)")
            #expect(!response.text.contains("mine"), "\(fault.word)")
            let lines = server.newLog(after: said)
            #expect(lines.count == 1, "\(fault.word), round \(round): \(lines)")
            #expect(lines.first?.contains("/app") == true || lines.first?.contains("pool") == true)
            #expect(lines.first?.contains(fault.reason) == true, "\(fault.word): \(lines)")
            try expectService(server, after: fault.word)
          }
        }
        // None of this is a reason to replace the process.
        #expect(Set(try server.workerEntries(1).compactMap(\.pid)).count == 1)
      }
    }

    @Test func anAnswerThatBreaksOffIsBrokenOffForTheClient() throws {
      try scenario("broken off", configuration: Self.configuration, site: fill) { server in
        for _ in 1...3 {
          for (word, reason) in [("midway", "closed its connection"), ("short", "89 bytes less")] {
            let said = server.log.count
            #expect(throws: ClientError.self, "\(word)") { try server.ask(word) }
            let lines = server.newLog(after: said)
            #expect(lines.count == 1 && lines[0].contains(reason), "\(word): \(lines)")
            try expectService(server, after: word)
          }
        }
      }
    }

    @Test func aGetIsMadeOnceMoreAndNotTwice() throws {
      try scenario("once more", configuration: Self.configuration, site: fill) { server in
        let said = server.log.count
        let response = try server.ask("closes")
        #expect(response.status == 502)
        let lines = server.newLog(after: said, awaiting: 2)
        #expect(lines.count == 2, "\(lines)")
        #expect(lines.first?.contains("tried once more") == true, "\(lines)")
        #expect(lines.last?.contains("502") == true, "\(lines)")
        try expectService(server, after: "closes")
      }
    }

    @Test func whatIsOddAndAllowedIsAnswered() throws {
      try scenario("odd and allowed", configuration: Self.configuration, site: fill) { server in
        for _ in 1...3 {
          for word in ["bytewise", "closing", "values", "twice", "fine"] {
            let said = server.log.count
            let response = try server.ask(word, method: "POST", body: bytes("12345"))
            #expect(response.status == 200, "\(word): \(response.text)")
            #expect(response.text.hasSuffix(" \(word) 5"), "\(word): \(response.text)")
            #expect(server.newLog(after: said, awaiting: 0) == [], "\(word)")
            try expectService(server, after: word)
          }
          let text = String(String(repeating: "abcdefghijklmnopqrstuvwxyz", count: 2600).prefix(65_535))
          #expect(try server.ask("large").text == text + text)
          try expectService(server, after: "large")
          let said = server.log.count
          let surplus = try server.ask("surplus")
          #expect(surplus.text == "mine")
          #expect(server.newLog(after: said, awaiting: 1).count == 1)
          try expectService(server, after: "surplus")
        }
        #expect(server.logLines(naming: "more than its Content-Length", awaiting: 3).count == 3)
      }
    }

    @Test func standardErrorComesBetweenAndGoesToTheLogByLines() throws {
      try scenario("stderr between", configuration: Self.configuration, site: fill) { server in
        let response = try server.ask("stderr")
        #expect(response.text.hasSuffix(" stderr 0"), "\(response.text)")
        let lines = server.newLog(after: 0, awaiting: 3)
        #expect(lines.count == 3, "\(lines)")
        for (number, line) in lines.enumerated() {
          #expect(line.contains("/app") && line.hasSuffix("stderr: line \(number) of stderr 0"), "\(line)")
        }
        try expectService(server, after: "stderr")
      }
    }

    @Test func whatFollowsAnAnswerIsNobodysAndIsSaid() throws {
      try scenario("after the end", configuration: Self.configuration, site: fill) { server in
        for word in ["more", "late", "more", "late", "more", "late"] {
          let said = server.log.count
          let response = try server.ask(word)
          #expect(response.status == 200 && response.text.hasSuffix(" \(word) 0"), "\(response.text)")
          let lines = server.newLog(after: said)
          #expect(lines.count == 1 && lines[0].contains("behind the end of a request"), "\(word): \(lines)")
          try expectService(server, after: word)
        }
      }
    }

    @Test func aWorkerMayAnswerWithoutReadingItsBody() throws {
      try scenario("deaf", configuration: Self.configuration, site: fill) { server in
        for count in [1, 1_000, 70_000, 3_000_000, 3_000_000] {
          let response = try server.ask("deaf", method: "POST", body: randomBytes(count, seed: 3))
          #expect(response.status == 200 && response.text.contains(" deaf 0yyy"), "\(count): \(response.status)")
          #expect(response.text.count { $0 == "y" } == 60_000 * 20, "\(count)")
          try expectService(server, after: "deaf")
        }
      }
    }
  }
}
