// Three models behind one port, by a configuration: files, CGI programs, and pools of FastCGI workers.

import HTTPClient
import HTTPWire
import Testing

extension EndToEndTests {
  @Suite("Served by a configuration") struct ConfiguredModelTests {
    private static let configuration = """
      [server]
      access_log = "-"
      access_log_format = "json"

      [[route]]
      path = "/"
      static = "files"
      index = ["home.txt"]
      listing = true
      deny = ["*.bak"]

      [[route]]
      path = "/cgi-bin/"
      cgi = "cgi-bin"
      match = ["*.sh"]
      env = { ROUTE_WORD = "of the route", LANG = "C" }
      max_body = "10B"
      bill = "full"

      [[route]]
      path = "/one"
      cgi = "cgi-bin/variables.sh"
      bill = "head"

      [[route]]
      path = "/table"
      fastcgi = "table"
      bill = "full"

      [[route]]
      path = "/word"
      fastcgi = "word"
      env = { ROUTE_WORD = "route" }
      max_body = "10B"

      [[route]]
      path = "/php/"
      static = "php"
      fastcgi = "php"
      match = ["*.php"]
      index = ["index.php"]
      deny = ["data", "*.inc"]

      [pool.table]
      command = ["fastcgi/table"]
      workers = 2

      [pool.word]
      command = ["fastcgi/word"]
      workers = 1
      env = { WORD = "pool" }

      [pool.php]
      command = ["php-cgi8.2", "-d", "precision=5"]
      workers = 2
      """

    private func fill(_ site: Site) throws {
      try site.write("files/home.txt", "home")
      try site.write("files/sub/a.txt", "a")
      try site.write("files/sub/a.bak", "secret")
      try site.script(
        "variables.sh", plainShell + "echo \"$SCRIPT_NAME|$PATH_INFO|$ROUTE_WORD|$LANG|${DOCUMENT_ROOT-none}\"; cat\n")
      try site.script("other", plainShell)
      try site.write(
        "php/index.php",
        "<?php echo 1/3, ' ', $_SERVER['SCRIPT_FILENAME'], ' ', $_SERVER['PATH_INFO'] ?? '-', ' ', getcwd();")
      try site.write("php/style.css", "css")
      try site.write("php/data/x.php", "<?php echo 'never';")
      try site.write("php/lib.inc", "secret")
      try site.tableWorker()
      try site.wordWorker()
    }

    @Test func threeModelsStandBehindOnePort() throws {
      try scenario("three models", configuration: Self.configuration, site: fill) { server in
        let place = server.site.path
        #expect(try server.answer("/") == "200 home")
        let listing = try server.answer("/sub/")
        #expect(listing.contains("a.txt") && !listing.contains("a.bak"))
        #expect(try server.answer("/sub/a.bak").hasPrefix("404 "))
        #expect(try server.answer("/cgi-bin/variables.sh/x") == "200 /cgi-bin/variables.sh|/x|of the route|C|none\n")
        #expect(try server.answer("/cgi-bin/other").hasPrefix("404 "))
        #expect(try server.answer("/one/x/y") == "200 /one|/x/y|||none\n")
        #expect(try server.answer("/table").contains("<td>144"))
        #expect(try server.answer("/word/x").hasSuffix(" pool route"))
        #expect(try server.answer("/php/") == "200 0.33333 \(place)/php/index.php - \(place)/php")
        #expect(try server.answer("/php/index.php/x") == "200 0.33333 \(place)/php/index.php /x \(place)/php")
        #expect(try server.answer("/php/style.css") == "200 css")
        for path in ["data/x.php", "lib.inc", "data/", "none.php", "style.css/x.php"] {
          #expect(try server.answer("/php/" + path).hasPrefix("404 "), "\(path)")
        }
        // Each pool has its workers, which start in the configuration's directory.
        #expect(server.workers("table").count == 2 && server.workers("word").count == 1)
        #expect(server.workers("php-cgi8.2").count == 2)
        for worker in server.workers("table") {
          #expect(destination(ofLink: "/proc/\(worker)/cwd") == place)
        }
      }
    }

    @Test func limitsAndBillsAreThoseOfTheRoute() throws {
      try scenario("limits and bills", configuration: Self.configuration, site: fill) { server in
        for path in ["/cgi-bin/variables.sh", "/word"] {
          #expect(try server.request(path, method: "POST", body: bytes("0123456789")).status == 200)
          let refused = try server.request(path, method: "POST", body: bytes("0123456789+"))
          #expect(refused.status == 413 && refused.text.contains("max_body"))
        }
        #expect(try server.request("/one", method: "POST", body: bytes("0123456789+")).status == 200)
        // All of it, what is known when the head leaves, nothing.
        #expect(try server.request("/cgi-bin/variables.sh").serverTiming["cpu"] != nil)
        #expect(try server.request("/table").serverTiming["cpu"] != nil)
        let head = try server.request("/one").serverTiming
        #expect(!head.isEmpty && head["cpu"] == nil)
        #expect(try server.request("/").serverTiming.isEmpty)
        #expect(
          eventually(within: 3) {
            server.accessLines.contains { $0.contains(#""route":"/table""#) && $0.contains(#""status":200"#) }
          })
      }
    }

    @Test func hostsHaveSitesOfTheirOwn() throws {
      func route(_ directory: String, _ table: String = "site.route") -> String {
        "[[\(table)]]\npath = \"/\"\nstatic = \"\(directory)\"\nindex = [\"index.txt\"]\n"
      }
      let configuration = """
        [server]
        access_log = "off"

        \(route("common", "route"))
        [[route]]
        path = "/only/"
        static = "common"

        [[site]]
        hosts = ["example.org", "[::1]"]
        \(route("exact"))
        [[site]]
        hosts = ["*.example.org"]
        \(route("wild"))
        [[site]]
        hosts = ["*.b.example.org"]
        \(route("longer"))
        """
      let names = ["common", "exact", "wild", "longer"]
      try scenario(
        "hosts", configuration: configuration,
        site: { site in for name in names { try site.write("\(name)/index.txt", name) } },
        { server in
          let hosts = [
            "other.org": "common", "127.0.0.1": "common", "example.org": "exact", "EXAMPLE.org:8080": "exact",
            "[::1]:80": "exact", "a.example.org": "wild", "x.y.example.org": "wild", "b.example.org": "wild",
            "a.b.example.org": "longer", "a.b.example.org.": "longer", "xexample.org": "common",
          ]
          for (host, name) in hosts { #expect(try server.answer("/", host: host) == "200 \(name)", "\(host)") }
          // A site inherits no route.
          #expect(try server.answer("/only/index.txt", host: "other.org") == "200 common")
          #expect(try server.answer("/only/index.txt", host: "example.org").hasPrefix("404 "))
          // Without a Host there is no site, and HTTP/1.0 needs none.
          var connection = try server.connect()
          try connection.send("GET / HTTP/1.0\r\n\r\n")
          #expect(try connection.readResponse().text == "common")
        })
    }

    @Test func theRulesOfPathsHoldOnTheWire() throws {
      let configuration = """
        [server]
        access_log = "off"

        [[route]]
        path = "/"
        static = "files"
        deny = ["closed"]

        [[route]]
        path = "/wiki/"
        static = "wiki"

        [[route]]
        path = "/say"
        cgi = "cgi-bin/say"

        [[route]]
        path = "/bin/"
        cgi = "cgi-bin"
        """
      func fill(_ site: Site) throws {
        for name in ["files/page", "files/wiki/page", "files/closed", "wiki/closed", "files/a b", "files/wikipedia"] {
          try site.write(name, name)
        }
        try site.script("say", plainShell + "printf %s \"$REQUEST_URI $PATH_INFO\"\n")
      }
      let answers = [
        // Decoded once; %00 is 400, an encoded slash 404; resolved before matching; REQUEST_URI stays raw.
        "/%70age": "200 files/page", "/%2570age": "404", "/page%00": "400", "/wiki%2Fclosed": "404",
        "//x/..//./wiki/closed": "200 wiki/closed", "/say/%61//b/../c?d": "200 /say/%61//b/../c?d /a/c",
        "/say/%2561": "200 /say/%2561 /%61", "/a%20b": "200 files/a b",
        // The longest wins, by whole segments, and no request falls through to another; routes inherit nothing.
        "/wikipedia": "200 files/wikipedia", "/wiki/page": "404", "/wiki": "301 /wiki/", "/wiki?q": "301 /wiki/?q",
        "/closed": "404", "/Page": "404",
        // A script's source is never sent, nor what lies beside it.
        "/bin/say": "200 /bin/say ", "/bin/plain": "403", "/bin/": "404",
      ]
      try scenario(
        "paths", configuration: configuration,
        site: { site in
          try fill(site)
          try site.write("cgi-bin/plain", "source")
        },
        { server in
          for (target, wanted) in answers {
            let answer = try server.answer(target)
            #expect(wanted.count == 3 ? answer.hasPrefix(wanted + " ") : answer == wanted, "\(target): \(answer)")
          }
        })
    }
  }
}
