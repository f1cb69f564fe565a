// `tollgate check --explain`: what a request would come to, without a server.

import Testing

extension EndToEndTests {
  @Suite("Explaining a URL") struct ExplainTests {
    private static let configuration = """
      [[route]]
      path = "/"
      static = "files"
      listing = true
      deny = ["*.bak"]

      [[route]]
      path = "/cgi-bin/"
      cgi = "cgi-bin"

      [[route]]
      path = "/wiki/"
      static = "wiki"
      fastcgi = "php"
      match = ["*.php"]

      [pool.php]
      command = ["sh", "-c", ": >ran"]

      [[site]]
      hosts = ["*.example.org", "Example.org"]
      [[site.route]]
      path = "/all"
      fastcgi = "php"
      """

    /// What is said of each URL, without the site's own path, by lines, their columns set one space apart.
    private func explain(_ urls: [String]) throws -> [[String]] {
      let site = try Site()
      defer { site.remove() }
      try site.write("tollgate.toml", Self.configuration)
      try site.write("files/page", "page")
      try site.makeDirectory("files/sub")
      try site.write("wiki/doku.php", "")
      try site.script("run", "#!/bin/sh\n: >../ran\n")
      try site.write("cgi-bin/plain", "")
      let explained = try urls.map { url in
        let outcome = try run(
          Program.tollgate, ["check", "--config", site.absolute("tollgate.toml"), "--explain", url])
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        return outcome.text.split(separator: "\n").map { line in
          line.split(separator: " ").joined(separator: " ").split(separator: site.path).joined()
        }
      }
      #expect(site.read("ran") == nil, "something was run")
      return explained
    }

    @Test func everyOutcomeIsSaidWithRouteAndLine() throws {
      let top = "site none: the routes of the top level"
      let cases: [(String, [String])] = [
        ("/page?x#y", [top, "route / (line 1)", "model static", "file /files/page"]),
        ("http://other.org/sub/", [top, "route / (line 1)", "model static", "listing of /files/sub/"]),
        ("http://other.org", [top, "route / (line 1)", "model static", "listing of /files/"]),
        ("/sub", [top, "route / (line 1)", "answer 301 to /sub/"]),
        ("/a.bak", [top, "route / (line 1)", "answer 404: There is no such file."]),
        (
          "http://127.0.0.1:8080/cgi-bin/run/a%20b",
          [
            top, "route /cgi-bin/ (line 7)", "model cgi", "SCRIPT_FILENAME /cgi-bin/run", "SCRIPT_NAME /cgi-bin/run",
            "PATH_INFO /a b", "DOCUMENT_ROOT not set",
          ]
        ),
        ("/cgi-bin/plain", [top, "route /cgi-bin/ (line 7)", "answer 403: The script may not be executed."]),
        (
          "/wiki/doku.php/start",
          [
            top, "route /wiki/ (line 11)", "model fastcgi", "pool php (line 17)", "SCRIPT_FILENAME /wiki/doku.php",
            "SCRIPT_NAME /wiki/doku.php", "PATH_INFO /start", "DOCUMENT_ROOT /wiki",
          ]
        ),
        ("/wiki", ["route none", "answer 301 to /wiki/"]),
        (
          "http://a.EXAMPLE.org:81/all/x",
          [
            "site *.example.org example.org (line 20)", "route /all (line 22)", "model fastcgi", "pool php (line 17)",
            "SCRIPT_FILENAME not set", "SCRIPT_NAME /all", "PATH_INFO /x", "DOCUMENT_ROOT not set",
          ]
        ),
        ("http://example.org/page", ["route none", "answer 404: Nothing is served under this path."]),
      ]
      let explained = try explain(cases.map(\.0))
      for ((url, wanted), said) in zip(cases, explained) { #expect(said == wanted, "\(url)") }
    }

    @Test func whatIsNoRequestIsSaidToo() throws {
      for said in try explain(["/%00", "a b", "http://user@example.org/", "http://a b/"]) {
        #expect(said.count == 2 && said[0] == "route none" && said[1].hasPrefix("answer 400: "), "\(said)")
      }
    }

    @Test func itStandsAlone() throws {
      let outcome = try run(Program.tollgate, ["check", "--config", "x", "--dump", "--explain", "/"])
      #expect(outcome.status == 64 && outcome.errors.contains("exclude"))
      #expect(try run(Program.tollgate, ["check", "--explain", "/"]).status == 64)
    }
  }
}
