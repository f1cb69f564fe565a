// The rules of the reference, sentence by sentence: what a path comes to. How it is served then, ServingTests says.

import Glibc
import StaticFiles
import Testing

@testable import Gateway

/// «Decoded once; `%00` is 400, an encoded slash 404; empty and dot segments are resolved before matching; […] Bytes
/// are compared, never characters.»
@Suite struct PathRuleTests {
  let site: Site
  let settings: Settings

  init() throws {
    site = try Site()
    for name in ["a%41", "aA", "b/c.txt", "caf\u{E9}", "x/page"] { try site.write("site/" + name, "") }
    var settings = Settings()
    settings.routes = [
      Route(path: "/", files: try site.files("site")), Route(path: "/pool/", runs: .pool(3)),
    ]
    self.settings = settings
  }

  @Test(arguments: [
    // Decoded once.
    ("/a%2541", "file site/a%41"), ("/a%41", "file site/aA"), ("/%61A", "file site/aA"), ("/b%2Ec", "404"),
    ("/pool/%2541", "pool 3 - /pool /%41"), ("/%70ool/x", "pool 3 - /pool /x"),
    // `%00` is 400, an encoded slash 404.
    ("/aA%00", "400"), ("/pool/%00", "400"), ("/b%2Fc.txt", "404"), ("/pool/a%2fb", "404"), ("/a%4", "400"),
    // Empty and dot segments are resolved before matching.
    ("//b///c.txt", "file site/b/c.txt"), ("/x/../b/./c.txt", "file site/b/c.txt"), ("/pool/../aA", "file site/aA"),
    ("/b/../pool/x", "pool 3 - /pool /x"), ("/%2e%2E/aA", "400"), ("/b/%2e%2e/aA", "file site/aA"), ("/../aA", "400"),
    ("/pool/a//b", "pool 3 - /pool /a/b"), ("/b/.", "403"),
    // Bytes are compared, never characters.
    ("/caf%C3%A9", "file site/caf\u{E9}"), ("/cafe%CC%81", "404"), ("/AA", "404"), ("/Pool/x", "404"),
  ])
  func aPathIsDecodedOnceAndResolved(_ target: String, _ outcome: String) {
    #expect(explain(settings, target, in: site) == outcome)
  }

  @Test func theTargetMayBeAWholeURLAndTheQueryIsNoPartOfThePath() {
    #expect(explain(settings, "http://test/pool/x?/y", in: site) == "pool 3 - /pool /x")
    #expect(explain(settings, "/b?c=/../..", in: site) == "to /b/?c=/../..")
    #expect(explain(settings, "no-path", in: site) == "400" && explain(settings, "/a b", in: site) == "400")
  }
}

/// «The longest path wins, by whole segments: `/wiki` is not `/wikipedia`; `/wiki` redirects to `/wiki/` where only the
/// latter is a route. […] Routes inherit nothing.»
@Suite struct PrecedenceRuleTests {
  let site: Site
  let settings: Settings

  init() throws {
    site = try Site()
    try site.write("site/wiki/page", "")
    try site.write("site/docs/index.html", "")
    try site.write("other/page", "")
    var settings = Settings()
    var first = Route(path: "/", files: try site.files("site", listing: true))
    first.deny = [Glob("page")]
    first.environment = [("A", "1")]
    var closed = Route(path: "/wiki/closed/")
    closed.nothing = "Closed."
    settings.routes = [
      first, Route(path: "/wiki/", files: try site.files("other")), Route(path: "/guestbook", runs: .pool(0)),
      Route(path: "/docs", files: try site.files("site/docs")), closed,
    ]
    self.settings = settings
  }

  @Test(arguments: [
    ("/wiki/page", "file other/page"), ("/wiki", "to /wiki/"), ("/wiki?q=%20", "to /wiki/?q=%20"),
    ("/wikipedia", "404"),
    ("/guestbook", "pool 0 - /guestbook -"), ("/guestbook/", "pool 0 - /guestbook /"),
    ("/guestbook/x/y", "pool 0 - /guestbook /x/y"), ("/guestbooks", "404"),
    // Files below a path without a slash: the directory is asked for with one.
    ("/docs", "to /docs/"), ("/docs/", "file site/docs/index.html"), ("/docs?q", "to /docs/?q"),
  ])
  func theLongestPathWinsByWholeSegments(_ target: String, _ outcome: String) {
    #expect(explain(settings, target, in: site) == outcome)
  }

  @Test func noRequestFallsThroughToAnotherRoute() {
    // `site/wiki/page` is there, but is not the longer route's.
    #expect(explain(settings, "/wiki/closed/page", in: site) == "404")
    #expect(explain(settings, "/wiki/index.html", in: site) == "404")
    let closed = Gateway.explain(settings, host: nil, target: "/wiki/closed/page")
    #expect(closed == Explanation(route: "/wiki/closed/", outcome: .refused(status: 404, words: "Closed.")))
  }

  @Test func routesInheritNothing() {
    // Denied on `/`, and there alone.
    #expect(explain(settings, "/page", in: site) == "404")
    #expect(explain(settings, "/wiki/page", in: site) == "file other/page")
    #expect(explain(settings, "/guestbook/page", in: site) == "pool 0 - /guestbook /page")
    let table = RouteTable(settings.routes)
    #expect(table.routes.map(\.environment.count) == [0, 0, 0, 0, 1])
  }

  @Test func aPoolForAllOfASiteHasAnEmptyScriptName() {
    var settings = Settings()
    settings.routes = [Route(path: "/", runs: .pool(1))]
    #expect(explain(settings, "/", in: site) == "pool 1 -  /")
    #expect(explain(settings, "/a/b/", in: site) == "pool 1 -  /a/b/")
  }

  @Test func withoutARouteForItAPathIsNotFound() {
    var settings = Settings()
    settings.routes = [Route(path: "/a/", runs: .pool(1))]
    #expect(
      Gateway.explain(settings, host: "h", target: "/b")
        == Explanation(route: nil, outcome: .refused(status: 404, words: "Nothing is served under this path.")))
  }
}

/// «`match` globs the name of the first segment, from the left, that is a file; what follows it is PATH_INFO. A
/// matching file is run. The rest is static if the route says `static`, else 404. […] A script's source is never sent.»
@Suite struct FilesAndProgramsRuleTests {
  let site: Site

  init() throws {
    site = try Site()
    try site.write("wiki/index.php", "<?php")
    try site.write("wiki/doku.php", "<?php", mode: 0o755)
    try site.write("wiki/lib/exe/fetch.php", "<?php")
    try site.write("wiki/lib/style.css", "")
    try site.write("wiki/upload.jpg", "")
    try site.write("wiki/dir.php/page.html", "")
    try site.write("wiki/dir.php/x.php", "<?php")
    try site.write("wiki/html/index.html", "")
    try site.write("wiki/html/index.php", "<?php")
    try site.write("wiki/plain/index.html", "")
    try site.write("wiki/.git/x.php", "")
    try site.write("wiki/.well-known/acme", "")
    try site.link("wiki/out.php", to: "/etc/hostname")
    try #require(mkfifo(site["wiki/fifo"], 0o644) == 0)
  }

  private func settings(_ path: String = "/wiki/", _ change: (inout Route) -> Void) -> Settings {
    var route = Route(path: path)
    change(&route)
    var settings = Settings()
    settings.routes = [route]
    return settings
  }

  private func php(_ runs: Route.Runs) throws -> Settings {
    let files = try site.files("wiki", index: ["index.php", "index.html"], listing: true)
    return settings { route in
      (route.files, route.runs, route.match) = (files, runs, [Glob("*.php")])
    }
  }

  private static let rows: [(String, String)] = [
    ("doku.php", "pool 2 wiki/doku.php /wiki/doku.php -"), ("doku.php/", "pool 2 wiki/doku.php /wiki/doku.php /"),
    ("doku.php/a/b.css", "pool 2 wiki/doku.php /wiki/doku.php /a/b.css"),
    ("doku.php/x.php/y", "pool 2 wiki/doku.php /wiki/doku.php /x.php/y"),
    ("lib/exe/fetch.php/x", "pool 2 wiki/lib/exe/fetch.php /wiki/lib/exe/fetch.php /x"),
    ("dir.php/x.php", "pool 2 wiki/dir.php/x.php /wiki/dir.php/x.php -"),
    // The rest is static.
    ("lib/style.css", "file wiki/lib/style.css"), ("upload.jpg", "file wiki/upload.jpg"),
    ("dir.php/page.html", "file wiki/dir.php/page.html"), ("dir.php", "to /wiki/dir.php/"),
    ("dir.php/", "listing wiki/dir.php/"), ("lib", "to /wiki/lib/"), (".well-known/acme", "file wiki/.well-known/acme"),
    // The first file from the left decides, whatever comes after it.
    ("upload.jpg/x.php", "404"), ("upload.jpg/", "404"), ("lib/style.css/x.php", "404"),
    // What is not there is nobody's.
    ("none.php", "404"), ("none.php/x", "404"), ("none/x.php", "404"), (".git/x.php", "404"), ("out.php", "404"),
    ("fifo", "403"),
    // An index that matches is run, the first that is there.
    ("", "pool 2 wiki/index.php /wiki/index.php -"), ("html/", "pool 2 wiki/html/index.php /wiki/html/index.php -"),
    ("plain/", "file wiki/plain/index.html"), ("plain", "to /wiki/plain/"),
  ]

  @Test(arguments: rows)
  func besideFilesAMatchingFileGoesToThePool(_ path: String, _ outcome: String) throws {
    #expect(explain(try php(.pool(2)), "/wiki/" + path, in: site) == outcome)
  }

  @Test func theFirstIndexNameThatIsThereCounts() throws {
    let files = try site.files("wiki", index: ["index.html", "index.php"])
    let settings = settings { route in
      (route.files, route.runs, route.match) = (files, .pool(0), [Glob("*.php")])
    }
    #expect(explain(settings, "/wiki/html/", in: site) == "file wiki/html/index.html")
    #expect(explain(settings, "/wiki/", in: site) == "pool 0 wiki/index.php /wiki/index.php -")
    #expect(explain(settings, "/wiki/lib/", in: site) == "403")
  }

  @Test(arguments: [
    ("doku.php/a", "run wiki/doku.php /wiki/doku.php /a"), ("lib/style.css", "file wiki/lib/style.css"),
    // One that may not be executed is no file for that.
    ("index.php", "403"), ("", "403"), ("lib/exe/fetch.php/x", "403"), ("upload.jpg/x.php", "404"),
    ("none.php", "404"), ("plain/", "file wiki/plain/index.html"),
  ])
  func besideFilesAMatchingScriptIsRunByAProcess(_ path: String, _ outcome: String) throws {
    #expect(explain(try php(.scripts(site.scripts("wiki"))), "/wiki/" + path, in: site) == outcome)
  }

  @Test(arguments: [
    ("a.cgi", "run bin/a.cgi /cgi-bin/a.cgi -"), ("sub/b.pl/x", "run bin/sub/b.pl /cgi-bin/sub/b.pl /x"),
    ("notes", "404"), ("notes/a.cgi", "404"), ("readme.txt", "404"), ("off.cgi", "403"), ("", "404"), ("sub/", "404"),
    ("sub", "404"), ("none", "404"),
  ])
  func withoutFilesWhatDoesNotMatchIsNotFound(_ path: String, _ outcome: String) throws {
    for name in ["a.cgi", "sub/b.pl", "notes"] { try site.write("bin/" + name, "#!/bin/sh\n", mode: 0o755) }
    for name in ["readme.txt", "off.cgi"] { try site.write("bin/" + name, "#!/bin/sh\n") }
    let program = try site.scripts("bin")
    let settings = settings("/cgi-bin/") { route in
      (route.runs, route.match) = (.scripts(program), [Glob("*.cgi"), Glob("*.pl")])
    }
    #expect(explain(settings, "/cgi-bin/" + path, in: site) == outcome)
  }

  @Test func withoutMatchEveryExecutableFileIsRun() throws {
    try site.write("bin/any", "#!/bin/sh\n", mode: 0o755)
    try site.write("bin/text", "text")
    let program = try site.scripts("bin")
    let settings = settings("/cgi") { $0.runs = .scripts(program) }
    #expect(explain(settings, "/cgi/any/x", in: site) == "run bin/any /cgi/any /x")
    #expect(explain(settings, "/cgi/text", in: site) == "403")
    #expect(explain(settings, "/cgi", in: site) == "404" && explain(settings, "/cgi/", in: site) == "404")
  }

  @Test func allBelowThePathOfOneScriptIsItsPathInfo() throws {
    try site.write("lib/backend", "#!/bin/sh\n", mode: 0o755)
    try site.link("backend", to: "lib/backend")
    let program = try ProgramSettings(script: site["backend"], documentRoot: "")
    #expect(program.directory == site["lib"] && program.script == "backend")
    for path in ["/git/", "/git"] {
      let settings = settings(path) { $0.runs = .scripts(program) }
      #expect(explain(settings, "/git/repo.git/info/refs?x", in: site) == "run lib/backend /git /repo.git/info/refs")
      #expect(explain(settings, "/git/", in: site) == "run lib/backend /git /")
      #expect(explain(settings, "/git", in: site) == (path == "/git" ? "run lib/backend /git -" : "to /git/"))
    }
    let settings = settings { $0.runs = .scripts(program) }
    try #require(chmod(site["lib/backend"], 0o644) == 0)
    #expect(explain(settings, "/wiki/x", in: site) == "403")
    try #require(unlink(site["lib/backend"]) == 0)
    #expect(explain(settings, "/wiki/x", in: site) == "404")
  }

  @Test func allBelowThePathOfAPoolGoesToIt() throws {
    let files = try site.files("wiki")
    let settings = settings { route in (route.files, route.runs) = (files, .pool(7)) }
    #expect(explain(settings, "/wiki/upload.jpg/x", in: site) == "pool 7 - /wiki /upload.jpg/x")
    #expect(explain(settings, "/wiki/", in: site) == "pool 7 - /wiki /")
    let explained = Gateway.explain(settings, host: nil, target: "/wiki/x")
    guard case .pool(7, let call) = explained.outcome else {
      Issue.record("\(explained)")
      return
    }
    #expect(call.documentRoot.map { text($0) } == site["wiki"] && call.filename == nil)
  }
}

/// «deny: globs of any segment's name; wins over everything: 404»
@Suite struct DenyRuleTests {
  let site: Site
  let files: FileRoot

  init() throws {
    site = try Site()
    for name in ["data/x", "data/index.php", "a/data/x", "a/old.bak", "database", "data.txt", "Data", "b/index.html"] {
      try site.write("wiki/" + name, "")
    }
    try site.write("wiki/doku.php", "", mode: 0o755)
    try site.write("wiki/conf", "", mode: 0o755)
    files = try site.files("wiki", index: ["index.php", "index.html"], listing: true)
  }

  private func settings(_ path: String = "/wiki/", deny: [String] = ["data", "conf", "*.bak"]) -> Route {
    var route = Route(path: path)
    route.deny = deny.map { Glob($0) }
    return route
  }

  private func outcome(_ route: Route, _ target: String) -> String {
    var settings = Settings()
    settings.routes = [route]
    return explain(settings, target, in: site)
  }

  @Test(arguments: [
    ("data", "404"), ("data/", "404"), ("data/x", "404"), ("a/data/x", "404"), ("a/old.bak", "404"),
    ("none/conf/x", "404"),
    // Decoded bytes, and dot segments resolved.
    ("d%61ta/x", "404"), ("a/../data/x", "404"), ("data/../database", "file wiki/database"), ("./data", "404"),
    ("database", "file wiki/database"), ("data.txt", "file wiki/data.txt"), ("Data", "file wiki/Data"),
  ])
  func aSegmentWithADeniedNameIsNotFound(_ path: String, _ outcome: String) {
    var route = settings()
    route.files = files
    #expect(self.outcome(route, "/wiki/" + path) == outcome)
  }

  @Test func denyWinsOverProgramsAndPools() throws {
    var pool = settings("/wiki")
    pool.runs = .pool(0)
    #expect(outcome(pool, "/wiki/x/data/y") == "404" && outcome(pool, "/wiki/x") == "pool 0 - /wiki /x")
    #expect(outcome(pool, "/wiki") == "pool 0 - /wiki -")
    var scripts = settings()
    scripts.runs = .scripts(try site.scripts("wiki"))
    #expect(outcome(scripts, "/wiki/conf") == "404" && outcome(scripts, "/wiki/doku.php/data/x") == "404")
    #expect(outcome(scripts, "/wiki/doku.php/x") == "run wiki/doku.php /wiki/doku.php /x")
    var both = settings()
    (both.files, both.runs, both.match) = (files, .pool(0), [Glob("*.php"), Glob("conf")])
    #expect(outcome(both, "/wiki/conf") == "404" && outcome(both, "/wiki/data/index.php") == "404")
  }

  @Test func aDeniedNameIsNoIndexAndInNoListing() throws {
    var route = settings(deny: ["index.php", "index.html"])
    route.files = files
    #expect(outcome(route, "/wiki/b/") == "listing wiki/b/")
    (route.runs, route.match) = (.pool(0), [Glob("*.php")])
    #expect(outcome(route, "/wiki/b/") == "listing wiki/b/")
    try site.write("wiki/b/index.php", "")
    #expect(outcome(route, "/wiki/b/") == "listing wiki/b/")
    let served = ServedRoute(route, number: 0, siblings: 0..<1)
    #expect(served.hides(array("index.php")[...]) && !served.hides(array("doku.php")[...]))
  }

  @Test func theRoutesOwnPathIsNotLookedAt() {
    var route = settings("/data/")
    route.files = files
    #expect(outcome(route, "/data/database") == "file wiki/database")
  }
}
