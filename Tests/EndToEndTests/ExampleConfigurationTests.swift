// The configurations of examples/configurations/, checked as they stand but for their places: what they name by an
// absolute path is made below a directory of the test, and the paths are written so.

import Testing

extension EndToEndTests {
  @Suite("The example configurations") struct ExampleConfigurationTests {
    /// The keys whose values are places in the file system; a route's `path` is none.
    private static let places: [(key: String, isFile: Bool)] = [
      ("static", false), ("cgi", false), ("log", true), ("access_log", true), ("pid_file", true), ("spool", false),
    ]

    /// What of `cgi` is one script, by its name.
    private static let scripts = ["git-http-backend", "gitweb.cgi", "search.awk", "queue.py"]

    /// Writes a configuration to a site, with all that it names.
    private func write(_ name: String, to site: Site) throws {
      let bytes = try #require(contents(of: "\(Program.packageRoot)/examples/configurations/\(name)"))
      let source = String(decoding: bytes, as: UTF8.self)
      var lines: [String] = []
      for line in source.split(separator: "\n", omittingEmptySubsequences: false) {
        let words = line.split(separator: " ", maxSplits: 2)
        guard words.count == 3, words[1] == "=", let place = Self.places.first(where: { $0.key == words[0] }),
          let path = words[2].split(separator: "\"").first, path.hasPrefix("/")
        else {
          lines.append(String(line))
          continue
        }
        let parts = path.split(separator: "/")
        let isScript = Self.scripts.contains(String(parts[parts.count - 1]))
        try site.makeDirectory("root/" + parts.dropLast(isScript || place.isFile ? 1 : 0).joined(separator: "/"))
        if isScript { try site.write("root\(path)", Array("#!/bin/sh\n".utf8), mode: 0o755) }
        lines.append(String(line).replacing("\"\(path)\"", with: "\"root\(path)\""))
      }
      try site.write(name, lines.joined(separator: "\n"))
    }

    @Test(arguments: [("git-and-wiki.toml", 5, 1), ("php-fpm.toml", 6, 3), ("cgi-bin.toml", 13, 0)])
    func areRight(_ name: String, _ routes: Int, _ pools: Int) throws {
      let site = try Site()
      defer { site.remove() }
      try write(name, to: site)
      let outcome = try run(Program.tollgate, ["check", "--config", site.absolute(name)])
      #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
      let pool = pools == 1 ? "1 pool" : "\(pools) pools"
      #expect(outcome.text.hasPrefix("\(site.absolute(name)) is right: \(routes) routes, \(pool)\n"), "\(outcome.text)")
    }

    @Test func allOfThemAreChecked() {
      let found = names(in: "\(Program.packageRoot)/examples/configurations").sorted()
      #expect(found == ["cgi-bin.toml", "git-and-wiki.toml", "php-fpm.toml"])
    }
  }
}
