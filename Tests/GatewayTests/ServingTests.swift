// The rules of paths, files, programs and hosts, as a running gateway keeps them.

import Glibc
import HTTPClient
import StaticFiles
import Testing

@testable import Gateway

/// Prints what it was told.
private let telling = """
  #!/bin/sh
  printf 'Content-Type: text/plain\\n\\n'
  printf '%s|%s|%s|%s|%s|%s' "$SCRIPT_NAME" "$PATH_INFO" "$SCRIPT_FILENAME" "$DOCUMENT_ROOT" "$REQUEST_URI" "$ADDED"

  """

@Suite struct ServingTests {
  let site: Site

  init() throws {
    site = try Site()
    try site.installSpawner()
    try site.write("app/tell.cgi", telling, mode: 0o755)
    try site.write("app/index.cgi", telling, mode: 0o755)
    try site.write("app/off.cgi", "secret source")
    try site.write("app/style.css", "body {}")
    try site.write("app/pic.jpg", "picture")
    try site.write("app/data/secret", "secret")
    try site.write("app/sub/index.html", "sub")
    try site.write("app/bare/one.txt", "1")
    try site.write("app/bare/data/x", "secret")
    // Kept files must have been there for a moment.
    usleep(60_000)
  }

  private func app() throws -> Route {
    var route = Route(path: "/app/", files: try site.files("app", index: ["index.cgi", "index.html"], listing: true))
    route.runs = .scripts(try site.scripts("app"))
    route.match = [Glob("*.cgi")]
    route.deny = [Glob("data")]
    route.environment = [("ADDED", "by hand"), ("SCRIPT_NAME", "/forged")]
    return route
  }

  private func serving(_ routes: [Route], _ body: (RunningGateway) throws -> Void) throws {
    var settings = Settings()
    settings.routes = routes
    try GatewayTests.serving(site, settings, body)
  }

  @Test func aMatchingFileIsRunAndTheRestIsSent() throws {
    try serving([try app()]) { gateway throws in
      let root = site["app"]
      for _ in 0..<3 {
        // Once from the disk, and then from memory.
        #expect(try gateway.told("/app/style.css") == "200 body {}")
        #expect(
          try gateway.told("/app/tell.cgi/x%20y//z?q")
            == "200 /app/tell.cgi|/x y/z|\(root)/tell.cgi|\(root)|/app/tell.cgi/x%20y//z?q|by hand")
        #expect(try gateway.told("/app/") == "200 /app/index.cgi||\(root)/index.cgi|\(root)|/app/|by hand")
        #expect(try gateway.told("/app/sub/") == "200 sub")
        #expect(try gateway.ask("/app/pic.jpg/tell.cgi").status == 404)
        #expect(try gateway.ask("/app/off.cgi").status == 403)
        #expect(try gateway.ask("/app/data/secret").status == 404)
      }
      #expect(try gateway.ask("/app").head.first("location") == "/app/")
      #expect(try gateway.ask("/app/sub?q").head.first("location") == "/app/sub/?q")
    }
  }

  @Test func methodsAreTheProgramsAffairAndNotTheFiles() throws {
    try serving([try app()]) { gateway throws in
      #expect(try gateway.ask("/app/tell.cgi", method: "POST", body: "x=1").status == 200)
      #expect(try gateway.ask("/app/tell.cgi", method: "DELETE").status == 200)
      #expect(try gateway.ask("/app/style.css", method: "POST", body: "x=1").status == 405)
      #expect(try gateway.ask("/app/style.css", method: "OPTIONS").head.first("allow") == "GET, HEAD, OPTIONS")
      #expect(try gateway.ask("/app/data/secret", method: "POST").status == 404)
    }
  }

  @Test func aSourceIsNotSentWhenAFileBecomesAProgramOrAProgramIsMade() throws {
    try serving([try app()]) { gateway throws in
      // The directory's index is kept as a file, and then there is a program.
      for _ in 0..<2 { #expect(try gateway.told("/app/sub/") == "200 sub") }
      try site.write("app/sub/index.cgi", telling, mode: 0o755)
      for _ in 0..<200 {
        let answer = try gateway.told("/app/sub/")
        #expect(answer == "200 sub" || answer.hasPrefix("200 /app/sub/index.cgi|"))
        if answer != "200 sub" { break }
        usleep(20_000)
      }
      #expect(try gateway.told("/app/sub/").hasPrefix("200 /app/sub/index.cgi|"))
      // One that loses its bit is not sent instead.
      try #require(chmod(site["app/sub/index.cgi"], 0o644) == 0)
      #expect(try gateway.ask("/app/sub/").status == 403)
      #expect(try gateway.ask("/app/sub/index.cgi").status == 403)
    }
  }

  @Test func aListingLeavesOutWhatIsDenied() throws {
    try serving([try app()]) { gateway throws in
      let page = try gateway.told("/app/bare/")
      #expect(page.hasPrefix("200 ") && page.contains("one.txt") && !page.contains("data"))
    }
  }

  @Test func oneScriptAnswersForAllThatIsBelowItsPath() throws {
    var git = Route(path: "/git", runs: .scripts(try ProgramSettings(script: site["app/tell.cgi"], documentRoot: "")))
    git.bill = .full
    let all = Route(path: "/", runs: .scripts(try ProgramSettings(script: site["app/tell.cgi"], documentRoot: "")))
    try serving([git, all]) { gateway throws in
      let file = site["app/tell.cgi"]
      #expect(try gateway.told("/git/repo.git/info") == "200 /git|/repo.git/info|\(file)||/git/repo.git/info|")
      #expect(try gateway.told("/git") == "200 /git||\(file)||/git|")
      #expect(try gateway.told("/gits/a") == "200 |/gits/a|\(file)||/gits/a|")
      #expect(try gateway.ask("/git/x").head.first("server-timing")?.contains("sh") == true)
    }
  }

  @Test func aBodyMayBeAsLongAsItsRouteSays() throws {
    var small = try app()
    small.maxBodyBytes = 4
    let large = Route(path: "/large/", runs: .scripts(try site.scripts("app")))
    try serving([small, large]) { gateway throws in
      #expect(try gateway.ask("/app/tell.cgi", method: "POST", body: "1234").status == 200)
      let refused = try gateway.ask("/app/tell.cgi", method: "POST", body: "12345")
      #expect(refused.status == 413 && text(refused.body).contains("max_body = 4"))
      let chunked = try gateway.send(
        ["POST /app/tell.cgi HTTP/1.1", "Host: test", "Transfer-Encoding: chunked"], body: "5\r\n12345\r\n0\r\n\r\n")
      #expect(chunked.status == 413)
      #expect(try gateway.ask("/large/tell.cgi", method: "POST", body: "12345").status == 200)
    }
  }

  @Test func aRouteThatServesNothingSaysWhy() throws {
    var route = Route(path: "/closed/")
    route.nothing = "Closed for the winter."
    try serving([route, Route(path: "/", files: try site.files("app"))]) { gateway throws in
      let answer = try gateway.ask("/closed/style.css")
      #expect(answer.status == 404 && text(answer.body).contains("Closed for the winter."))
      #expect(try gateway.ask("/style.css").status == 200)
    }
  }
}

/// The same rules, with PHP's own FastCGI server behind them.
@Suite struct PHPServingTests {
  let site: Site
  let settings: Settings

  init() throws {
    let site = try Site()
    try site.installSpawner()
    let telling = """
      <?php
      foreach (['SCRIPT_NAME', 'PATH_INFO', 'SCRIPT_FILENAME', 'DOCUMENT_ROOT', 'PHP_SELF', 'ADDED'] as $name)
        echo $_SERVER[$name] ?? '-', '|';
      echo file_get_contents('php://input');
      """
    for name in ["index.php", "lib/exe/fetch.php", "upload.jpg", "data/x.php"] {
      try site.write("wiki/" + name, telling)
    }
    try site.write("wiki/lib/style.css", "body {}")
    self.site = site
    var route = Route(path: "/wiki/", files: try site.files("wiki", index: ["index.php"]))
    (route.runs, route.match, route.deny) = (.pool(0), [Glob("*.php")], [Glob("data")])
    route.environment = [("ADDED", "by hand"), ("SCRIPT_FILENAME", "/etc/passwd")]
    route.maxBodyBytes = 4
    var settings = Settings()
    settings.routes = [route]
    let source = PoolSettings.Source.command(
      program: "/usr/bin/php-cgi", arguments: [], directory: site.path, environment: [], workers: 1)
    settings.pools = [PoolSettings(name: "php", source: source)]
    self.settings = settings
  }

  @Test func aMatchingFileIsTheWorkersAndTheRestIsSent() throws {
    let root = site["wiki"]
    try serving(site, settings) { gateway throws in
      #expect(
        try gateway.told("/wiki/") == "200 /wiki/index.php|-|\(root)/index.php|\(root)|/wiki/index.php|by hand|")
      #expect(
        try gateway.told("/wiki/lib/exe/fetch.php/a%20b/c.css?x")
          == "200 /wiki/lib/exe/fetch.php|/a b/c.css|\(root)/lib/exe/fetch.php|\(root)|"
          + "/wiki/lib/exe/fetch.php/a b/c.css|by hand|")
      for _ in 0..<2 { #expect(try gateway.told("/wiki/lib/style.css") == "200 body {}") }
      // What a visitor has uploaded is no program, whatever stands behind it.
      #expect(try gateway.told("/wiki/upload.jpg").hasPrefix("200 <?php"))
      for path in ["upload.jpg/x.php", "none.php", "none.php/index.php", "data/x.php", "index.php/data/x"] {
        #expect(try gateway.ask("/wiki/" + path).status == 404, "\(path)")
      }
      #expect(try gateway.ask("/wiki").head.first("location") == "/wiki/")
    }
  }

  @Test func aBodyIsTheWorkersAsFarAsTheRouteAllows() throws {
    try serving(site, settings) { gateway throws in
      let answer = try gateway.ask("/wiki/index.php", method: "POST", body: "1234")
      #expect(answer.status == 200 && text(answer.body).hasSuffix("|1234"))
      #expect(try gateway.ask("/wiki/index.php", method: "POST", body: "12345").status == 413)
      let chunked = try gateway.send(
        ["POST /wiki/index.php HTTP/1.1", "Host: test", "Transfer-Encoding: chunked"], body: "5\r\n12345\r\n0\r\n\r\n")
      #expect(chunked.status == 413)
    }
  }
}

/// «Top-level routes serve the hosts that no site names. […] A site inherits `[server]` and nothing else.»
@Suite struct SiteServingTests {
  let site: Site
  let settings: Settings

  init() throws {
    let site = try Site()
    try site.installSpawner()
    self.site = site
    for name in ["top", "one", "wild"] {
      try site.write("\(name)/index.html", name)
      try site.write("\(name)/go.cgi", "#!/bin/sh\nprintf 'Location: /index.html\\n\\n'\n", mode: 0o755)
    }
    try site.write("top/only", "top only")
    func route(_ name: String, _ path: String = "/") throws -> Route {
      var route = Route(path: path, files: try site.files(name))
      (route.runs, route.match) = (.scripts(try site.scripts(name)), [Glob("*.cgi")])
      return route
    }
    var settings = Settings()
    settings.routes = [try route("top"), try route("top", "/extra/")]
    settings.sites = [
      SiteSettings(hosts: ["one.test"], routes: [try route("one")]),
      SiteSettings(hosts: ["*.test"], routes: [try route("wild")]),
    ]
    self.settings = settings
  }

  @Test func theHostChoosesTheRoutes() throws {
    try serving(site, settings) { gateway throws in
      // Twice, so that what is kept of one site is not sent for another.
      for _ in 0..<2 {
        for (host, body) in [
          ("one.test", "one"), ("ONE.test:81", "one"), ("one.test.", "one"), ("a.b.test", "wild"), ("test", "top"),
          ("other", "top"), ("127.0.0.1:80", "top"), ("[::1]", "top"),
        ] {
          #expect(try gateway.told("/", host: host) == "200 \(body)", "\(host)")
        }
      }
    }
  }

  @Test func aSiteInheritsNoRoute() throws {
    try serving(site, settings) { gateway throws in
      #expect(try gateway.told("/only", host: "h") == "200 top only" && gateway.told("/extra/", host: "h") == "200 top")
      #expect(try gateway.ask("/only", host: "one.test").status == 404)
      #expect(try gateway.ask("/extra/", host: "one.test").status == 404)
    }
  }

  @Test func aWholeURLSaysTheHostAndWithoutOneItIsNobodys() throws {
    try serving(site, settings) { gateway throws in
      let absolute = try gateway.send(["GET http://one.test:9/ HTTP/1.1", "Host: a.test"])
      #expect(text(absolute.body) == "one")
      #expect(text(try gateway.send(["GET / HTTP/1.0"]).body) == "top")
      #expect(text(try gateway.send(["GET / HTTP/1.0", "Host: a.test"]).body) == "wild")
    }
  }

  @Test func aProgramSendsOnToAPathOfItsOwnSite() throws {
    try serving(site, settings) { gateway throws in
      #expect(try gateway.told("/go.cgi", host: "one.test") == "200 one")
      #expect(try gateway.told("/go.cgi", host: "x.test") == "200 wild")
      let absolute = try gateway.send(["GET http://one.test/go.cgi HTTP/1.1", "Host: x.test"])
      #expect(text(absolute.body) == "one")
    }
  }

  @Test func anExplanationSaysTheSite() {
    func explained(_ host: String?, _ target: String) -> String {
      let route = Gateway.explain(settings, host: host, target: target).route ?? "-"
      return "\(route) \(explain(settings, target, host: host, in: site))"
    }
    #expect(explained("one.test:80", "/") == "one.test/ file one/index.html")
    #expect(explained("a.test", "/go.cgi/x") == "*.test/ run wild/go.cgi /go.cgi /x")
    #expect(explained(nil, "/extra/") == "/extra/ file top/index.html")
    #expect(explained("h", "http://one.test/") == "one.test/ file one/index.html")
    #expect(explained("one.test", "/extra/x") == "one.test/ 404")
    #expect(explained("a b", "/") == "- 400")
  }
}
