// DokuWiki as Debian packages it, a large PHP application: by workers of php-cgi, and by a php-fpm that somebody else
// runs. Its pages are read and written, and what it keeps beside its programs is never sent.

import Glibc
import HTTPClient
import Kernel
import Testing

extension EndToEndTests {
  @Suite("DokuWiki") struct DokuWikiTests {
    private static let workers = "command = [\"php-cgi8.2\", \"-c\", \"php.ini\"]\nworkers = 2"
    private static let phpFPM = "connect = [\"unix:fpm.sock\"]\nmax_connections = 2"

    private static func configuration(_ pool: String) -> String {
      """
      [server]
      access_log = "-"
      access_log_format = "json"

      [[route]]
      path = "/wiki/"
      static = "wiki"
      fastcgi = "php"
      match = ["*.php"]
      index = ["index.php"]
      deny = ["data", "conf", "bin", "inc", "vendor"]

      [pool.php]
      \(pool)
      """
    }

    /// The hash of `password`, as DokuWiki's own `bin/` makes it: bcrypt.
    private static let password = "tollgate-secret"
    private static let passwordHash = "$2y$04$CWKIdIAOCjsduNFspH17Me6Q8nITPm4g5OiXQ0x/2k/2/x8H3J296"

    /// A wiki that everybody may read, and its one user may write to.
    private func fill(_ site: Site) throws {
      let assembled = "\(Program.packageRoot)/.build/dokuwiki"
      guard access(assembled, F_OK) == 0 else {
        throw HarnessError("\(assembled) is not there: tools/dokuwiki.sh makes it")
      }
      let copy = try run("cp", ["-R", assembled, site.absolute("wiki")])
      guard copy.status == 0 else { throw HarnessError("cp: \(copy.errors)") }
      try site.phpSettings()
      try site.write(
        "wiki/conf/local.php",
        """
        <?php
        $conf['title'] = 'Scenario';
        $conf['savedir'] = './data';
        $conf['useacl'] = 1;
        $conf['superuser'] = '@admin';
        $conf['send404'] = 1;

        """)
      try site.write("wiki/conf/acl.auth.php", "*\t@ALL\t1\n*\t@user\t8\n")
      try site.write("wiki/conf/users.auth.php", "ada:\(Self.passwordHash):Ada Lovelace:ada@example.org:user\n")
      try site.write("wiki/data/pages/start.txt", "====== Welcome ======\n\nThe first page, **in bold**.\n")
    }

    // MARK: Pages

    @Test func workersServeItsPagesTakeALoginAndSaveAnEdit() throws {
      try scenario("DokuWiki by workers", configuration: Self.configuration(Self.workers), site: fill) { server in
        let pids = try server.waitForWorkers(2, "php-cgi8.2")
        try visit(server)
        // Every page was made by one of the two, and its price is known.
        for entry in try server.entries(10, for: "/wiki/doku.php") {
          #expect(entry.model == "fastcgi" && entry.worker?.pid.map { pids.contains(pid_t($0)) } == true)
          #expect((entry.cost?.cpuNs ?? 0) > 0)
        }
        #expect(server.workers("php-cgi8.2") == pids)
      }
    }

    @Test func phpFPMServesTheSameAndMayBeStartedAnew() throws {
      var manager: PHPFPM?
      defer { manager?.stop() }
      func fillAndStart(_ site: Site) throws {
        try fill(site)
        manager = try PHPFPM(site)
      }
      let configuration = Self.configuration(Self.phpFPM)
      try scenario("DokuWiki by php-fpm", configuration: configuration, site: fillAndStart) { server in
        try visit(server)
        // What somebody else's process takes of the processor is not knowable.
        let entries = try server.entries(10, for: "/wiki/doku.php")
        #expect(entries.allSatisfy { $0.model == "fastcgi" && $0.worker?.pid == nil })
        let lines = server.accessLines.filter { $0.contains(#""pool":"php""#) }
        #expect(lines.count >= entries.count && lines.allSatisfy { $0.contains(#""cost":"not knowable""#) })
        #expect(server.programs.isEmpty)

        manager?.stop()
        let refused = try server.request("/wiki/doku.php?id=start")
        #expect([502, 503].contains(refused.status), "\(refused.status) without php-fpm")
        #expect(try server.request("/wiki/lib/tpl/dokuwiki/images/logo.png").status == 200)
        manager = try PHPFPM(server.site)
        #expect(try eventually(within: 8) { try server.request("/wiki/doku.php?id=start").status == 200 })
        manager?.stop()
      }
    }

    private func visit(_ server: Server) throws {
      try readAsStranger(server)
      try readAssets(server)
      var ada = try logIn(server)
      try write(&ada)
    }

    private func readAsStranger(_ server: Server) throws {
      #expect(try server.answer("/wiki") == "301 /wiki/")
      // PHP says Status besides Location: the client is redirected, not the request.
      #expect(try server.answer("/wiki/") == "302 /wiki/doku.php?id=start")
      let start = try server.request("/wiki/doku.php?id=start")
      #expect(start.status == 200)
      #expect(start.head.first("content-type") == "text/html; charset=utf-8")
      #expect(start.text.contains("<title>start [Scenario]</title>"))
      #expect(start.text.contains("The first page, <strong>in bold</strong>."))
      #expect(start.text.contains("href=\"/wiki/lib/exe/css.php"))
      #expect(start.text.hasSuffix("</html>\n"))

      let missing = try server.request("/wiki/doku.php?id=nowhere")
      #expect(missing.status == 404 && missing.text.contains("This topic does not exist yet"))
      let head = try server.request("/wiki/doku.php?id=start", method: "HEAD")
      #expect(head.status == 200 && head.body.isEmpty)
      let index = try server.request("/wiki/doku.php?do=index")
      #expect(index.status == 200 && index.text.contains("/wiki/doku.php?id=start&amp;idx=wiki"))
      let source = try server.request("/wiki/doku.php?id=start&do=export_raw")
      #expect(source.status == 200 && source.body == server.site.read("wiki/data/pages/start.txt"))

      // Who may only read is told so, and nothing is written.
      var stranger = Visitor(server)
      let form: [(String, String)] = [("id", "start"), ("do[save]", "Save"), ("wikitext", "defaced")]
      let refused = try stranger.post("/wiki/doku.php", form)
      #expect(!refused.text.contains("defaced"))
      #expect(try server.request("/wiki/doku.php?id=start").text.contains("The first page"))
    }

    /// Style sheets and scripts come of PHP, which puts them together; pictures are files.
    private func readAssets(_ server: Server) throws {
      let made = [
        "lib/exe/css.php?t=dokuwiki": "text/css", "lib/exe/js.php?t=dokuwiki": "application/javascript",
        "lib/exe/jquery.php": "application/javascript", "lib/exe/fetch.php?media=wiki:dokuwiki-128.png": "image/png",
        "feed.php": "application/xml", "lib/exe/manifest.php": "application/manifest+json",
      ]
      for (name, type) in made {
        let response = try server.request("/wiki/" + name)
        #expect(response.status == 200, "\(name)")
        #expect(response.head.first("content-type")?.hasPrefix(type) == true, "\(name)")
        #expect(response.bodyLength > 300, "\(name)")
      }
      let files = [
        "logo.png": "image/png", "favicon.ico": "image/vnd.microsoft.icon", "page-background.svg": "image/svg+xml",
        "button-donate.gif": "image/gif", "../script.js": "text/javascript; charset=utf-8",
      ]
      for (name, type) in files {
        let response = try server.request("/wiki/lib/tpl/dokuwiki/images/" + name)
        #expect(response.status == 200, "\(name)")
        #expect(response.head.first("content-type") == type, "\(name)")
        #expect(response.body == server.site.read("wiki/lib/tpl/dokuwiki/images/" + name), "\(name)")
      }
      for entry in try server.entries(files.count, for: "/wiki/lib/tpl/") { #expect(entry.model == "static") }
      for entry in try server.entries(4, for: "/wiki/lib/exe/") { #expect(entry.model == "fastcgi") }

      // A picture by PHP is the file, and known by its tag: an answer of PHP without a body.
      let picture = try server.request("/wiki/lib/exe/fetch.php?media=wiki:dokuwiki-128.png")
      #expect(picture.body == server.site.read("wiki/data/media/wiki/dokuwiki-128.png"))
      let tag = try #require(picture.head.first("etag"))
      let known = try server.request(
        "/wiki/lib/exe/fetch.php?media=wiki:dokuwiki-128.png", fields: ["If-None-Match: \(tag)"])
      #expect(known.status == 304 && known.body.isEmpty)
    }

    private func logIn(_ server: Server) throws -> Visitor {
      var ada = Visitor(server)
      let page = try ada.get("/wiki/doku.php?id=start&do=login")
      let hidden = page.hiddenFields(ofForm: "dw__login")
      #expect(hidden.contains { $0.0 == "sectok" })
      let wrong = try ada.post("/wiki/doku.php?id=start", hidden + [("u", "ada"), ("p", "guess")])
      #expect(wrong.status == 403 && wrong.text.contains("username or password was wrong"))
      let right = try ada.post("/wiki/doku.php?id=start", hidden + [("u", "ada"), ("p", Self.password)])
      #expect(right.status == 302 && right.head.fields.contains { $0.name == "set-cookie" })
      #expect(try ada.get("/wiki/doku.php?id=start").text.contains("Ada Lovelace"))
      return ada
    }

    /// Writes a page, and then more: a form longer than what is kept in memory, its length told and not told.
    private func write(_ ada: inout Visitor) throws {
      let server = ada.server
      let page = "/wiki/doku.php?id=notes:first"
      var text = "====== Notes ======\n\nGr\u{FC}\u{DF}e, 5 < 6 & \u{201E}7\u{201C}.\n"
      for (number, inChunks) in [(1, false), (2, true)] {
        for line in 1...400 {
          text += "Line \(line) of part \(number)\(String(repeating: ", and on it goes", count: 10)).\n"
        }
        // A revision is known by the second in which it was made.
        let second = time(nil)
        if number == 2 { _ = eventually(within: 2) { time(nil) > second } }
        let form = try ada.get(page + "&do=edit").hiddenFields(ofForm: "dw__editform")
        for name in ["sectok", "date", "changecheck"] { #expect(form.contains { $0.0 == name }, "\(name)") }
        // As browsers send it: each line's end is CR LF.
        let sent = text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
        let content = [("wikitext", sent), ("summary", "part \(number)"), ("do[save]", "Save")]
        let saved = try ada.post("/wiki/doku.php", form + content, inChunks: inChunks)
        #expect(saved.status == 302, "\(saved.status) \(saved.text.prefix(300))")
        #expect(saved.head.first("location") == server.url(page).replacing(server.peer, with: "test"))
        #expect(server.site.read("wiki/data/pages/notes/first.txt") == bytes(text))
        // Everybody sees it.
        let shown = try server.request(page)
        #expect(shown.status == 200)
        #expect(shown.text.contains("Gr\u{FC}\u{DF}e, 5 &lt; 6 &amp; \u{201E}7\u{201C}."))
        #expect(shown.text.contains("Line 400 of part \(number)"))
      }
      let history = try server.request(page + "&do=revisions")
      #expect(history.text.contains("part 1") && history.text.contains("part 2"))
      #expect(names(in: server.site.absolute("wiki/data/attic/notes")).count == 2)
    }

    // MARK: What is never sent

    /// Ways to write a path below `/wiki/` that all lead into a directory that is denied.
    private static let closed = [
      "data", "data/", "data/pages/start.txt", "data/pages/", "data/trap.php", "data/trap.php/x", "data/trap.png",
      "conf", "conf/", "conf/users.auth.php", "conf/users.auth.php/x.php", "conf/local.php", "conf/mime.conf",
      "bin/dwpage.php", "inc/init.php", "inc/lang/en/lang.php", "vendor/autoload.php",
      "vendor/debian/php-geshi/geshi.php", "lib/plugins/authplain/_test/conf/auth.users.php",
      // Encoded, with empty segments, with dot segments.
      "%64ata/pages/start.txt", "d%61t%61/pages/start.txt", "%63%6F%6E%66/users.auth.php", "/data/pages/start.txt",
      "//data//pages//start.txt", "./data/pages/start.txt", "%2e/data/pages/start.txt", "lib/../data/pages/start.txt",
      "lib/%2e%2e/data/pages/start.txt", "lib/exe/../../conf/users.auth.php", "lib/.%2E/conf/users.auth.php",
      "doku.php/../data/pages/start.txt", "none/../conf/users.auth.php", "../wiki/data/pages/start.txt",
      "data/../data/pages/start.txt", "lib//..//conf//users.auth.php", "data?x.php", "data/pages/start.txt?.php",
      // A segment behind the file that looks like a program.
      "data/pages/start.txt/x.php", "data/pages/start.txt/index.php", "data/pages/start.txt/%2e/x.php",
      "data/trap.png/x.php", "data/media/wiki/dokuwiki-128.png/x.php", "conf/local.php/index.php", "data/index.php",
      "doku.php/data/pages/start.txt", "lib/exe/fetch.php/conf/users.auth.php",
    ]

    /// The same, where a server that decodes twice, or takes other bytes for a slash, would be led there.
    private static let strange = [
      "data%2Fpages%2Fstart.txt", "lib%2f..%2fdata/pages/start.txt", "..%2fwiki/data/pages/start.txt",
      "%2564ata/pages/start.txt", "%252e%252e/wiki/data/pages/start.txt", "data%5Cpages%5Cstart.txt",
      "data\\pages\\start.txt", "lib/..\\data\\pages\\start.txt", "data;x/pages/start.txt", "data%20/pages/start.txt",
      "data./pages/start.txt", "DATA/pages/start.txt", "%E2%80%8Bdata/pages/start.txt", "data%C0%AFpages/start.txt",
      "%C0%AE%C0%AE/wiki/data/pages/start.txt", "doku.php%2f..%2fdata/pages/start.txt", ".htaccess", ".git/config",
      "doku.php%20", "doku.php.", "DOKU.PHP", "doku.ph%50", "doku.php::$DATA", "open.png/x.php", "open.png/",
      "open.png//x.php",
    ]

    @Test func dataConfigurationAndLibrariesAreNeverSent() throws {
      let configuration = Self.configuration(Self.workers)
      try scenario("DokuWiki's secrets", configuration: configuration, site: fillWithTraps) { server in
        // What is asked for is there, and what is not denied is sent.
        for name in ["data/pages/start.txt", "conf/users.auth.php", "data/trap.php", "vendor/autoload.php"] {
          #expect(server.site.read("wiki/" + name) != nil, "\(name)")
        }
        #expect(try server.request("/wiki/VERSION").status == 200)
        #expect(try server.request("/wiki/open.png").text.hasPrefix("<?php"))

        for target in (Self.closed + Self.strange).map({ "/wiki/" + $0 }) {
          for method in ["GET", "HEAD", "POST"] { try expectNothing(server, target, method) }
        }
        for target in ["http://test/wiki/data/pages/start.txt", "/./wiki/data/trap.php", "//wiki//conf/local.php"] {
          try expectNothing(server, target, "GET")
        }
        #expect(try server.answer("/wiki/doku.php%00.txt").hasPrefix("400 "))
        #expect(try server.answer("/wiki/data%00/pages/start.txt").hasPrefix("400 "))
        // PHP was asked for none of them, and ran nothing.
        #expect(server.site.read("sprung") == nil)
        let asked = Self.closed.count + Self.strange.count
        let entries = try server.entries(3 * asked, for: "/wiki/")
        #expect(entries.allSatisfy { $0.model != "fastcgi" }, "\(entries.filter { $0.model == "fastcgi" })")
      }
    }

    /// The wiki with programs that leave a trace where they are run: in what is denied, and in a picture that is not.
    private func fillWithTraps(_ site: Site) throws {
      try fill(site)
      let trap = "<?php touch('\(site.absolute("sprung"))'); echo 'sprung';"
      for name in ["data/trap.php", "data/trap.png", "data/index.php", "conf/index.php", "open.png"] {
        try site.write("wiki/" + name, trap)
      }
      try site.write("wiki/.git/config", "hidden")
      try site.write("wiki/.htaccess", "hidden")
    }

    private func expectNothing(_ server: Server, _ target: String, _ method: String) throws {
      let response = try server.request(target, method: method)
      #expect(response.status == 404, "\(method) \(target): \(response.status)")
      for secret in ["The first page", "ada@example.org", "<?php", "sprung", "GeSHi", "DOKU_INC", "hidden"] {
        #expect(!response.text.contains(secret), "\(method) \(target) sends \(secret)")
      }
    }
  }
}
