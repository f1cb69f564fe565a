// Loops are filled one after another: the second works when the first is saturated, and not before.

import Glibc
import HTTPClient
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Packing of loops") struct PackingTests {
    /// The clock ticks of processor time that each loop has used, by the thread's name.
    private func ticks(_ server: Server) -> [String: Int] {
      let tasks = "/proc/\(server.pid)/task"
      var used: [String: Int] = [:]
      for thread in names(in: tasks) {
        guard let line = contents(of: "\(tasks)/\(thread)/stat").map({ String(decoding: $0, as: UTF8.self) }),
          let open = line.firstIndex(of: "("), let close = line.lastIndex(of: ")")
        else { continue }
        let name = String(line[line.index(after: open)..<close])
        let fields = line[line.index(close, offsetBy: 2)...].split(separator: " ")
        if name.hasPrefix("tollgate-loop") { used[name] = (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0) }
      }
      return used
    }

    @Test func oneLoopServesWhatOneLoopCanAndTheSecondWakesUnderLoad() throws {
      let fill = { (site: Site) in try site.write("a.txt", "a file\n") }
      try scenario("packing", arguments: ["--loops", "2"], site: fill) { server in
        for _ in 0..<300 { #expect(try server.request("/a.txt").text == "a file\n") }
        #expect(ticks(server)["tollgate-loop1"] == 0, "\(ticks(server))")

        // The load may get too little of a busy machine to saturate a loop: then there is nothing for the second to do.
        var share = 0.0
        for _ in 0..<4 where ticks(server)["tollgate-loop1"] == 0 {
          let before = ticks(server)["tollgate-loop0"] ?? 0
          let load = try run("wrk", ["-t1", "-c64", "-d2s", server.url("/a.txt")])
          #expect(load.status == 0 && load.text.contains("requests in"), "\(load.text)")
          #expect(!load.text.contains("Socket errors") && !load.text.contains("Non-2xx"), "\(load.text)")
          share = max(share, Double((ticks(server)["tollgate-loop0"] ?? 0) - before) / 200)
        }
        #expect((ticks(server)["tollgate-loop1"] ?? 0) > 0 || share < 0.85, "\(ticks(server)), \(share) of a processor")
        #expect(share > 0)
      }
    }
  }
}
