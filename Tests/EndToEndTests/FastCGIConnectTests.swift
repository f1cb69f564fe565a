// Pools that somebody else runs: a worker of the test's own, on a Unix socket and on TCP.

import Glibc
import HTTPClient
import HTTPWire
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Workers of somebody else's") struct FastCGIConnectTests {
    enum Kind: CaseIterable, Sendable { case unix, tcp }

    /// An address: as libfcgi takes it, and as the configuration does.
    private func address(_ kind: Kind, _ site: Site) throws -> (worker: String, gateway: String) {
      switch kind {
      case .unix: return (site.absolute("odd.sock"), "unix:\(site.absolute("odd.sock"))")
      case .tcp:
        let port = try freePort()
        return ("127.0.0.1:\(port)", "127.0.0.1:\(port)")
      }
    }

    /// A port of 127.0.0.1 that was free a moment ago.
    private func freePort() throws -> UInt16 {
      let listener = Descriptor(owning: socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let result = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(listener.raw, $0, size) == 0 ? getsockname(listener.raw, $0, &size) : -1
        }
      }
      guard result == 0 else { throw HarnessError("no free port: \(describe(errno: errno))") }
      return UInt16(bigEndian: address.sin_port)
    }

    private func startWorker(_ site: Site, _ address: String) throws -> ChildProcess {
      unlink(site.absolute("odd.sock"))
      return try ChildProcess(site.absolute("odd"), ["--listen", address], directory: site.path)
    }

    @Test(arguments: Kind.allCases) func itIsReachedWheneverItIsThere(_ kind: Kind) throws {
      // The configuration needs the address, and the address the site: so not by `scenario`'s own.
      let place = try Site()
      defer { place.remove() }
      let (worker, gateway) = try address(kind, place)
      let configuration = poolConfiguration(
        ["connect = [\"\(gateway)\"]", "max_connections = 3"], route: [#"bill = "full""#])
      try place.oddWorker()
      try scenario("connect \(kind)", configuration: configuration, site: withFiles) { server in
        for _ in 0..<3 {
          let said = server.log.count
          let absent = try server.ask("absent")
          #expect(absent.status == 502 && absent.text.contains("cannot be reached"), "\(absent.status)")
          let lines = server.newLog(after: said)
          #expect(lines.count == 1 && lines[0].contains("cannot connect to \(gateway)"), "\(lines)")

          let process = try startWorker(place, worker)
          defer { process.killAll() }
          var mark: WorkerMark?
          #expect(
            try eventually(within: 5) {
              let response = try server.ask("first")
              if response.status == 200 { mark = try WorkerMark(response) }
              return mark != nil
            })
          #expect(mark?.pid == process.pid)
          for number in 0..<5 {
            let isPost = number % 2 == 1
            let response = try server.ask(
              "n=\(number)", method: isPost ? "POST" : "GET", body: isPost ? bytes("abc") : [])
            #expect(response.text == "you asked: n=\(number)\n")
            #expect(response.serverTiming["cpu"]?.contains("not knowable") == true, "\(response.serverTiming)")
            #expect(response.serverTiming["worker"] == nil)
          }
        }
        var served: [WorkerEntry] = []
        _ = try eventually(within: 5) {
          served = try server.workerEntries(1).filter { $0.status == 200 }
          return served.count >= 18
        }
        #expect(served.count == 18)
        #expect(served.allSatisfy { $0.cost == .notKnowable && $0.pid == nil && $0.requests == nil }, "\(served[0])")
      }
    }

    /// The worker is one process that takes one connection at a time: the others wait in its backlog.
    @Test func moreConnectionsThanWorkersAreServedOneAfterTheOther() throws {
      let place = try Site()
      defer { place.remove() }
      try place.oddWorker()
      let (worker, gateway) = try address(.unix, place)
      let configuration = poolConfiguration(["connect = [\"\(gateway)\"]", "max_connections = 8"], logs: false)
      let process = try startWorker(place, worker)
      defer { process.killAll() }
      try scenario("one for eight", configuration: configuration, site: withFiles) { server in
        #expect(eventually(within: 5) { access(place.absolute("odd.sock"), F_OK) == 0 })
        let answers = try concurrently(24) { client in
          try (0..<20).map { try server.ask("n=\(client).\($0)").text == "you asked: n=\(client).\($0)\n" }
        }
        #expect(answers.allSatisfy { $0 == [Bool](repeating: true, count: 20) })
        #expect(server.log == [], "\(server.log.prefix(5))")
      }
    }

    @Test func aSilentOneIsLeftAndTheNextRequestIsServed() throws {
      let place = try Site()
      defer { place.remove() }
      try place.oddWorker()
      let (worker, gateway) = try address(.unix, place)
      let configuration = poolConfiguration(
        ["connect = [\"\(gateway)\"]", "max_connections = 2", #"timeout = "1s""#])
      var process = try startWorker(place, worker)
      defer { process.killAll() }
      try scenario("silent", configuration: configuration, site: withFiles) { server in
        let response = try server.ask("silent")
        #expect(response.status == 504 && response.text.contains("timeout = 1s"))
        let lines = server.newLog(after: 0)
        #expect(lines.count == 1 && lines[0].contains("is left"), "\(lines)")
        // Nobody but its owner may end it.
        #expect(process.hasEnded == nil)
        process.killAll()
        process = try startWorker(place, worker)
        #expect(try eventually(within: 5) { try server.ask("next").status == 200 })
      }
    }
  }
}
