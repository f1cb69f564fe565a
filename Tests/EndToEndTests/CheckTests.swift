// The command that checks a configuration: what it prints, where, and how it ends.

import Glibc
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Checking a configuration") struct CheckTests {
    /// A site with files, scripts and a configuration.
    private func withSite(_ configuration: String, _ body: (Site) throws -> Void) throws {
      let site = try Site()
      defer { site.remove() }
      try site.write("files/index.html", "home")
      try site.script("hello", "#!/bin/sh\n")
      try site.write("plain", "not a program")
      try site.write("tollgate.toml", configuration)
      try body(site)
    }

    private func check(_ site: Site, _ arguments: [String] = []) throws -> Outcome {
      try run(Program.tollgate, ["check", "--config", site.absolute("tollgate.toml")] + arguments)
    }

    private let right = """
      [[route]]
      path = "/"
      static = "files"

      [[route]]
      path = "/cgi-bin/"
      cgi = "cgi-bin"
      match = ["*.pl"]
      queue = 7

      [[route]]
      path = "/one"
      cgi = "cgi-bin/hello"

      [pool.worker]
      command = ["sh", "-c", "true"]

      [pool.idle]
      connect = ["unix:idle.sock"]

      [[site]]
      hosts = ["Example.org"]

      [[site.route]]
      path = "/"
      fastcgi = "worker"
      """

    @Test func everyRouteIsShown() throws {
      try withSite(right) { site in
        let outcome = try check(site)
        #expect(outcome.status == 0)
        let rows = outcome.text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        let place = site.path
        #expect(rows.contains("other hosts / static \(place)/files max_body 1GiB auth none"), "\(outcome.text)")
        let limits = "queue_timeout 10s, timeout 60s, max_body 1GiB auth none"
        #expect(
          rows.contains("other hosts /cgi-bin/ cgi \(place)/cgi-bin (*.pl) concurrency 16, queue 7, \(limits)"),
          "\(outcome.text)")
        #expect(
          rows.contains("other hosts /one cgi \(place)/cgi-bin/hello concurrency 16, queue 256, \(limits)"))
        #expect(rows.contains("example.org / fastcgi pool worker max_body 1GiB auth none"))
        #expect(rows.contains { $0.hasPrefix("worker /") && $0.contains("sh -c true workers 4, queue 256") })
        #expect(rows.contains { $0.hasPrefix("idle connects to unix:\(place)/idle.sock max_connections 8") })
        #expect(!outcome.text.contains("\u{1B}"), "colours where there is no terminal")
        let file = site.absolute("tollgate.toml")
        #expect(outcome.errors == "\(file):18:1: pool.idle: warning: no route uses this pool\n")
      }
    }

    @Test func everyFaultIsSaidAtOnce() throws {
      let wrong = """
        [[route]]
        path = "/"
        static = "nowhere"
        timout = "3s"

        [[route]]
        path = "/cgi"
        cgi = "plain"

        [pool.p]
        command = ["./plain"]
        env = { "\\u001B[2J" = 5 }
        """
      try withSite(wrong) { site in
        let outcome = try check(site)
        #expect(outcome.status == 78 && outcome.output.isEmpty)
        let file = site.absolute("tollgate.toml")
        let place = site.path
        #expect(
          outcome.errors.split(separator: "\n") == [
            "\(file):3:10: route.static: there is no directory \(place)/nowhere",
            "\(file):4:1: route.timout: unknown key; did you mean «timeout»?",
            "\(file):8:7: route.cgi: \(place)/plain is not executable: chmod +x makes it so",
            "\(file):11:12: pool.p.command: \(place)/plain is not executable: chmod +x makes it so",
            "\(file):12:23: pool.p.env.\"\\u001B[2J\": must be a string, not the integer 5",
            "5 faults in \(file)",
          ])
      }
    }

    @Test func aFaultOfSyntaxIsSaidWithItsPlace() throws {
      try withSite("[server]\nloops = \n") { site in
        let outcome = try check(site)
        let file = site.absolute("tollgate.toml")
        #expect(outcome.status == 78)
        #expect(
          outcome.errors.hasPrefix("\(file):2:9: this is no TOML: ")
            && outcome.errors.hasSuffix("\n1 fault in \(file)\n"))
      }
    }

    @Test func whatIsDumpedMeansTheSame() throws {
      try withSite(right) { site in
        let dump = try check(site, ["--dump"])
        #expect(dump.status == 0 && dump.text.contains("\nmax_body = \"1GiB\"\n"))
        // Elsewhere, since its paths are absolute.
        try site.write("elsewhere/tollgate.toml", dump.text)
        let elsewhere = site.absolute("elsewhere/tollgate.toml")
        let again = try run(Program.tollgate, ["check", "--config", elsewhere, "--dump"])
        #expect(again.status == 0 && again.output == dump.output)
      }
    }

    @Test func whatCannotBeReadIsSaid() throws {
      try withSite(right) { site in
        try #require(mkfifo(site.absolute("fifo"), 0o600) == 0)
        for name in ["missing.toml", "files", "fifo", "/dev/null"] {
          let path = name.hasPrefix("/") ? name : site.absolute(name)
          let why = name == "missing.toml" ? "No such file or directory" : "it is no regular file"
          let outcome = try run(Program.tollgate, ["check", "--config", path])
          #expect(outcome.status == 66 && outcome.output.isEmpty, "\(name)")
          #expect(outcome.errors == "tollgate: \(path) cannot be read: \(why)\n")
        }
      }
    }

    @Test func pathsGoByTheFileThatALinkLeadsTo() throws {
      try withSite(right) { site in
        try site.makeDirectory("etc")
        try site.link("etc/link.toml", to: site.absolute("tollgate.toml"))
        #expect(try run(Program.tollgate, ["check", "--config", site.absolute("etc/link.toml")]).status == 0)
      }
    }

    @Test(arguments: [[], ["--dump"], ["--reference", "--dump"], ["--reference", "--config", "x"], ["--config"]])
    func wrongArgumentsAreSaid(_ arguments: [String]) throws {
      let outcome = try run(Program.tollgate, ["check"] + arguments)
      #expect(outcome.status == 64 && outcome.output.isEmpty && !outcome.errors.isEmpty)
    }

    @Test func theReferenceIsPrinted() throws {
      let outcome = try run(Program.tollgate, ["check", "--reference"])
      #expect(outcome.status == 0 && outcome.text.hasPrefix("# The configuration\n") && outcome.text.hasSuffix("\n"))
    }
  }
}
