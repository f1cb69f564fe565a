// The configurations of examples/ as `tollgate check` reads them: there is nothing wrong with them but that this
// machine lacks the directories and programs of the machines that they are for.

import Testing

extension EndToEndTests {
  @Suite("The sample configurations") struct SampleConfigurationTests {
    private func check(_ file: String) throws -> Outcome { try run(Program.tollgate, ["check", "--config", file]) }

    /// Makes the directory or the program that a fault misses; any other fault is one.
    private func provide(_ fault: Substring, on machine: Site) throws {
      let kinds = ["there is no directory ", "there is neither a directory nor a script ", "there is no program "]
      for kind in kinds {
        guard let range = fault.firstRange(of: kind + machine.path + "/") else { continue }
        let name = String(fault[range.upperBound...].prefix { $0 != " " })
        if kind == kinds[0] || name.hasSuffix("/cgi-bin") || name.hasSuffix("/submit") {
          try machine.makeDirectory(name)
        } else {
          try machine.write(name, bytes("#!/bin/sh\n"), mode: 0o755)
        }
        return
      }
      Issue.record("\(fault)")
    }

    /// Each with its routes and pools.
    private static let all = [("git-and-wiki", 5, 1), ("php-fpm", 6, 3), ("cgi-bin", 13, 0)]

    @Test(arguments: all)
    func itIsRightWhereItsFilesAre(_ name: String, _ routes: Int, _ pools: Int) throws {
      let machine = try Site()
      defer { machine.remove() }
      let file = "\(Program.packageRoot)/examples/configurations/\(name).toml"
      var text = String(decoding: try #require(contents(of: file)), as: UTF8.self)
      // The same configuration for a machine below a directory of its own.
      for top in ["/srv/", "/var/", "/run/", "/etc/", "/usr/"] {
        for before in ["\"", "unix:"] { text = text.replacing(before + top, with: before + machine.path + top) }
      }
      text = text.replacing("\"php-cgi8.2\"", with: "\"\(machine.path)/usr/bin/php-cgi8.2\"")
      try machine.write("tollgate.toml", text)

      // What is missing is said, all of it, and nothing else is; where it is made, there is no fault left.
      let missing = try check(machine.absolute("tollgate.toml"))
      let faults = missing.errors.split(separator: "\n").dropLast()
      #expect(missing.status == 78 && faults.count >= 3, "\(missing.errors)")
      for fault in faults { try provide(fault, on: machine) }
      let right = try check(machine.absolute("tollgate.toml"))
      #expect(right.status == 0 && right.errors.isEmpty, "\(right.errors)")
      let counted = "\(routes) routes, \(pools) \(pools == 1 ? "pool" : "pools")"
      #expect(right.text.hasPrefix("\(machine.absolute("tollgate.toml")) is right: \(counted)\n"), "\(right.text)")
    }

    @Test func noneIsLeftOut() {
      let found = names(in: "\(Program.packageRoot)/examples/configurations").sorted()
      #expect(found == Self.all.map { $0.0 + ".toml" }.sorted())
    }
  }
}
