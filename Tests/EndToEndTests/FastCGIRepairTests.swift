// Programs of pools that do not work: said once, told to those who ask, tried again, and served once they are repaired.

import Glibc
import HTTPClient
import HTTPWire
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Pools whose program does not work") struct FastCGIRepairTests {
    private static let configuration = poolConfiguration([#"command = ["./odd"]"#, "workers = 2"])

    enum Damage: CaseIterable, Sendable {
      case missing, notExecutable, badFormat, exitsAtOnce

      /// In the log and in the answer.
      var words: String {
        switch self {
        case .missing: "No such file or directory"
        case .notExecutable: "Permission denied"
        case .badFormat: "Exec format error"
        case .exitsAtOnce: "before their first answer"
        }
      }

      var logged: String {
        switch self {
        case .exitsAtOnce: "a worker ended by exit 9 before its first answer"
        default: "cannot be started: \(words)"
        }
      }
    }

    /// What a page of the gateway's own says.
    private func paragraph(_ response: Response) -> Substring {
      response.text.split(separator: "\n").first { $0.hasPrefix("<p>") } ?? "nothing"
    }

    private func damage(_ site: Site, _ damage: Damage) throws {
      let path = site.absolute("odd")
      switch damage {
      case .missing: unlink(path)
      case .notExecutable: chmod(path, 0o644)
      case .badFormat, .exitsAtOnce:
        unlink(path)
        try site.write("odd", bytes(damage == .badFormat ? "no program\n" : "#!/bin/sh\nexit 9\n"), mode: 0o755)
      }
    }

    /// Each kind of damage while it serves; the check at the start would refuse most of them.
    @Test(arguments: Damage.allCases) func itIsSaidOnceAndServedAgainWhenItIsRepaired(_ kind: Damage) throws {
      try scenario("\(kind)", configuration: Self.configuration, site: withOddWorker) { server in
        #expect(try server.ask("before").status == 200)
        let workers = try server.waitForWorkers(2, "odd")
        try damage(server.site, kind)
        let said = server.log.count
        for worker in workers { kill(worker, SIGKILL) }
        #expect(server.waitForLog(containing: kind.logged), "\(server.log)")
        // Both have been tried several times by then; requests are told why.
        Clock.sleep(milliseconds: 500)
        for _ in 0..<3 {
          let response = try server.ask("meanwhile")
          #expect(response.status == 503 && response.head.first("retry-after") != nil, "\(response.status)")
          #expect(response.text.contains(kind.words), "\(paragraph(response))")
        }
        // One of the two had not answered anything when it was killed, which is a reason of its own.
        let complaints = server.newLog(after: said).filter { $0.contains("it is tried again") }
        #expect(complaints.count { $0.contains(kind.logged) } == 1, "\(complaints)")
        #expect(complaints.allSatisfy { $0.contains(kind.logged) || $0.contains("signal 9") }, "\(complaints)")

        try server.site.oddWorker()
        let isServed = try eventually(within: 10) { try server.ask("after").status == 200 }
        #expect(isServed)
        #expect(try server.waitForWorkers(2, "odd").isDisjoint(with: workers))
        // The same again is said again.
        try damage(server.site, kind)
        for worker in server.workers("odd") { kill(worker, SIGKILL) }
        let isSaidAgain = eventually(within: 3) { server.log.count { $0.contains(kind.logged) } == 2 }
        #expect(isSaidAgain, "\(server.log)")
        try server.site.oddWorker()
        #expect(try eventually(within: 10) { try server.ask("atlast").status == 200 })
        _ = try server.waitForWorkers(2, "odd")
      }
    }

    private static let broken = "#!/bin/sh\necho I am broken >&2\nexit 4\n"

    @Test func aProgramThatNeverWorkedIsSaidToThoseWhoWaitForIt() throws {
      let configuration = poolConfiguration([#"command = ["./never"]"#, "workers = 2"])
      let fill = { (site: Site) in
        try site.oddWorker()
        try site.write("never", bytes(Self.broken), mode: 0o755)
      }
      try scenario("never", configuration: configuration, site: fill) { server in
        // The first may meet workers that die, and find the second try dead, too; the reason is known after that.
        let isSaid = try eventually(within: 8) {
          let response = try server.ask("x")
          #expect(response.status == 503 || response.status == 502, "\(response.status)")
          return response.status == 503 && response.text.contains("exit 4")
        }
        #expect(isSaid)
        for _ in 0..<3 {
          let response = try server.ask("x")
          #expect(response.text.contains("The program does not run: "), "\(paragraph(response))")
          #expect(response.text.contains("exit 4"), "\(paragraph(response))")
        }
        #expect(server.logLines(naming: "it is tried again", awaiting: 1).count == 1)
        #expect(server.log.contains { $0.contains("pool pool: stderr: I am broken") })
        let renamed = rename(server.site.absolute("odd"), server.site.absolute("never"))
        #expect(renamed == 0)
        #expect(try eventually(within: 10) { try server.ask("y").status == 200 })
        let workers = try server.waitForWorkers(2, "never")
        // As it was, for the leak check.
        try server.site.write("broken", bytes(Self.broken), mode: 0o755)
        #expect(rename(server.site.absolute("broken"), server.site.absolute("never")) == 0)
        for worker in workers { kill(worker, SIGKILL) }
        _ = try server.waitForWorkers(0, "never")
      }
    }
  }
}
