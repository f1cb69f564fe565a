// What must hold between keys: each rule, with the fault word for word, and what is no fault beside it.

import Testing

@testable import Configuration

/// A pool to be named, on one line.
private let pool = "pool.p = { command = [\"php-cgi\"] }\n"

@Suite("Rules") struct RuleTests {
  /// A route on lines of its own after a pool on the first line.
  private func route(_ lines: String...) -> [String] {
    faults(pool + "[[route]]\n" + lines.joined(separator: "\n"))
  }

  @Test func aRouteAnswersWithSomething() {
    #expect(route("path = \"/\"") == ["2:1: route: answers nothing: it needs «static», «cgi» or «fastcgi»"])
    #expect(route("path = \"/\"", "static = \"site\"").isEmpty)
    #expect(route("path = \"/\"", "cgi = \"cgi-bin\"").isEmpty)
    #expect(route("path = \"/\"", "fastcgi = \"p\"").isEmpty)
  }

  @Test func aRouteHasAPath() {
    #expect(
      route("static = \"site\"") == ["2:1: route: has no «path»: it needs a path that begins with \"/\""])
  }

  @Test func oneModelRunsPrograms() {
    #expect(
      route("path = \"/\"", "fastcgi = \"p\"", "cgi = \"cgi-bin\"") == [
        "4:1: route.fastcgi: excludes «cgi»: a route has one of the two"
      ])
  }

  @Test func filesBesideProgramsNeedMatch() {
    let words = "needs «match», which says what is run; the rest is sent"
    #expect(
      route("path = \"/\"", "static = \"cgi-bin\"", "cgi = \"cgi-bin\"") == ["4:1: route.static: with «cgi» \(words)"])
    #expect(
      route("path = \"/\"", "static = \"site\"", "fastcgi = \"p\"") == ["4:1: route.static: with «fastcgi» \(words)"])
    #expect(route("path = \"/\"", "static = \"cgi-bin\"", "cgi = \"cgi-bin\"", "match = [\"*.pl\"]").isEmpty)
    #expect(route("path = \"/\"", "static = \"site\"", "fastcgi = \"p\"", "match = [\"*.php\"]").isEmpty)
  }

  @Test func whatMatchesForAPoolIsAFile() {
    #expect(
      route("path = \"/\"", "fastcgi = \"p\"", "match = [\"*.php\"]") == [
        "5:1: route.match: with «fastcgi» needs «static», the directory of the files that match"
      ])
    #expect(
      route("path = \"/\"", "static = \"site\"", "match = [\"*.php\"]") == [
        "5:1: route.match: means nothing without «cgi» or «fastcgi»"
      ])
  }

  @Test func oneScriptHasNothingToMatch() {
    #expect(
      route("path = \"/\"", "cgi = \"hello\"", "match = [\"*\"]") == [
        "5:1: route.match: has no use where «cgi» is one script: all goes to it"
      ])
  }

  @Test func filesAndScriptsOfARouteLieInTheSameDirectory() {
    let found = route("path = \"/\"", "static = \"site\"", "cgi = \"cgi-bin\"", "match = [\"*.pl\"]")
    #expect(
      found == [
        "5:7: route.cgi: with «static» must be the same directory, /srv/site, not /srv/cgi-bin: "
          + "give the scripts a route of their own"
      ])
    let script = route("path = \"/\"", "static = \"site\"", "cgi = \"hello\"", "match = [\"*.pl\"]")
    #expect(script.count == 1 && script[0].hasPrefix("5:7: route.cgi: with «static» must be the same directory"))
    // By what it is, not by its name.
    #expect(route("path = \"/\"", "static = \"link\"", "cgi = \"cgi-bin/\"", "match = [\"*.pl\"]").isEmpty)
  }

  @Test(arguments: ["index = [\"x\"]", "listing = true"]) func whatIsOfFilesNeedsFiles(_ line: String) {
    let key = line.prefix { $0 != " " }
    #expect(
      route("path = \"/\"", "cgi = \"cgi-bin\"", line) == ["5:1: route.\(key): means nothing without «static»"])
  }

  @Test(arguments: ["timeout = \"5s\"", "queue = 5", "queue_timeout = \"5s\"", "concurrency = 5"])
  func whatIsOfProcessesNeedsThem(_ line: String) {
    let key = line.prefix { $0 != " " }
    let words =
      key == "concurrency"
      ? "belongs to the pool: its «workers» or «max_connections» say how many"
      : "belongs to the pool: write it in [pool.NAME]"
    #expect(route("path = \"/\"", "fastcgi = \"p\"", line) == ["5:1: route.\(key): \(words)"])
    #expect(route("path = \"/\"", "static = \"site\"", line) == ["5:1: route.\(key): means nothing without «cgi»"])
    #expect(route("path = \"/\"", "cgi = \"cgi-bin\"", line).isEmpty)
  }

  @Test func variablesNeedAProgram() {
    #expect(
      route("path = \"/\"", "static = \"site\"", "env = {}") == [
        "5:1: route.env: means nothing without «cgi» or «fastcgi»"
      ])
    #expect(route("path = \"/\"", "fastcgi = \"p\"", "env = { A = \"b\" }").isEmpty)
  }

  @Test func twoEqualPathsNameBothLines() {
    let first = "[[route]]\npath = \"/a\"\nstatic = \"site\"\n"
    #expect(
      faults(first + "[[route]]\nstatic = \"site\"\npath = \"/a\"\n") == [
        "6:8: route.path: \"/a\" is the path of the route on line 1 too: each path has one route"
      ])
    // These are two: `/a` is also the place of a redirect to `/a/`, and bytes are compared.
    #expect(faults(first + "[[route]]\nstatic = \"site\"\npath = \"/a/\"\n").isEmpty)
    #expect(faults(first + "[[route]]\nstatic = \"site\"\npath = \"/A\"\n").isEmpty)
    let site = "[[site]]\nhosts = [\"h\"]\n[[site.route]]\npath = \"/a\"\nstatic = \"site\"\n"
    #expect(faults(first + site).isEmpty)
    #expect(
      faults(first + site + "[[site.route]]\npath = \"/a\"\nstatic = \"site\"\n") == [
        "10:8: site.route.path: \"/a\" is the path of the route on line 6 too: each path has one route"
      ])
  }

  @Test func composedAndDecomposedLettersAreTwoPaths() {
    let route = { (path: String) in "[[route]]\npath = \"\(path)\"\nstatic = \"site\"\n" }
    #expect(faults(route("/\u{E9}") + route("/e\u{301}")).isEmpty)
  }

  @Test func aPoolThatIsNamedIsThere() {
    #expect(
      route("path = \"/\"", "fastcgi = \"q\"") == ["4:11: route.fastcgi: there is no [pool.q]; did you mean «p»?"])
    #expect(
      faults("[[route]]\npath = \"/\"\nfastcgi = \"guestbook\"\n[pool.php]\ncommand = [\"php-cgi\"]\n") == [
        "3:11: route.fastcgi: there is no [pool.guestbook]"
      ])
    // One that is wrong itself is there.
    #expect(
      faults("pool.p = 5\n[[route]]\npath = \"/\"\nfastcgi = \"p\"\n") == [
        "1:10: pool.p: must be a table, begun by [pool.p], not the integer 5"
      ])
  }

  @Test func aPoolThatNoRouteUsesIsAWarning() throws {
    let text = someRoute + "[pool.idle]\nconnect = [\"h:1\"]\n" + "[pool.used]\nconnect = [\"h:1\"]\n"
    let site = "[[site]]\nhosts = [\"h\"]\n[[site.route]]\npath = \"/\"\nfastcgi = \"used\"\n"
    guard case .accepted(_, let warnings) = parse(text + site) else { throw Unexpected(description: "refused") }
    #expect(warnings.map(\.description) == ["t.toml:2:1: pool.idle: no route uses this pool"])
  }

  @Test func aPoolIsStartedOrConnectedTo() {
    func pool(_ lines: String...) -> [String] { faults(someRoute + "[pool.x]\n" + lines.joined(separator: "\n")) }
    #expect(
      pool("queue = 5") == [
        "2:1: pool.x: has no workers: it needs «command», or «connect» where someone else runs them"
      ])
    #expect(
      pool("connect = [\"h:1\"]", "command = [\"php-cgi\"]") == [
        "3:1: pool.x.connect: excludes «command»: either the workers are started, or someone else runs them"
      ])
    #expect(
      pool("connect = [\"h:1\"]", "workers = 4") == ["4:1: pool.x.workers: means nothing without «command»"])
    #expect(pool("connect = [\"h:1\"]", "env = {}") == ["4:1: pool.x.env: means nothing without «command»"])
    #expect(
      pool("command = [\"php-cgi\"]", "max_connections = 4") == [
        "4:1: pool.x.max_connections: means nothing without «connect»"
      ])
  }

  @Test func aPoolHasAPlainName() {
    #expect(
      faults(someRoute + "[pool.\"a b\"]\ncommand = [\"php-cgi\"]\n") == [
        "2:7: pool.\"a b\": the name of a pool has 1 to 64 letters, digits, hyphens and underscores"
      ])
    #expect(
      faults(someRoute + "[pool]\nworkers = 4\n") == [
        "3:11: pool.workers: must be a table, begun by [pool.workers], not the integer 4"
      ])
  }

  @Test func anAddressIsListenedOnOnce() {
    #expect(
      faults(someRoute + "server.listen = [\"h:1\", \"unix:x\", \"H:1\", \"unix:/srv/x\"]") == [
        "2:35: server.listen: \"H:1\" stands there twice", "2:42: server.listen: \"unix:/srv/x\" stands there twice",
      ])
  }

  @Test func aHostBelongsToOneSite() {
    let site = { (hosts: String) in "[[site]]\nhosts = [\(hosts)]\nroute = [{ path = \"/\", static = \"site\" }]\n" }
    #expect(
      faults(site("\"a\", \"b\"") + site("\"c\", \"B\"")) == [
        "5:15: site.hosts: \"B\" is a host of the site on line 1 too"
      ])
    #expect(faults(site("\"a\", \"*.a\", \"A\"")) == ["2:22: site.hosts: \"A\" stands there twice"])
  }

  @Test func aSiteHasHostsAndRoutes() {
    for routes in ["", "route = []\n"] {
      #expect(
        faults("[[site]]\nhosts = [\"a\"]\n" + routes) == [
          "1:1: site: has no route: it needs at least one [[site.route]]"
        ])
    }
    #expect(
      faults("[[site]]\nroute = [{ path = \"/\", static = \"site\" }]\n") == [
        "1:1: site: has no «hosts»: it needs a list of one or more names of hosts"
      ])
  }

  @Test func thereIsARoute() {
    let words = "1:1: route: there is none: a [[route]] with a path and «static», «cgi» or «fastcgi» is needed"
    #expect(faults("") == [words])
    #expect(faults("[server]\nloops = 1\n") == [words])
    #expect(faults("route = []\nsite = []\n") == [words])
  }

  @Test func tablesAreTables() {
    #expect(
      faults("server = 5\nroute = 5\npool = []\nsite = { hosts = [] }\n") == [
        "1:10: server: must be a table, begun by [server], not the integer 5",
        "2:9: route: must be a list of tables, each begun by [[route]], not the integer 5",
        "3:8: pool: must be a table of pools, each begun by [pool.NAME], not an empty list",
        "4:8: site: must be a list of tables, each begun by [[site]], not a table",
      ])
    #expect(
      faults("route = [5, { path = \"/\", static = \"site\" }]\n[[server]]\n") == [
        "1:10: route: must be a table, begun by [[route]], not the integer 5",
        "2:1: server: must be a table, begun by [server], not a list",
      ])
  }
}

@Suite("Unknown keys") struct UnknownKeyTests {
  @Test(
    arguments: [
      ("lisen = []", "did you mean «listen»?"), ("Loops = 1", "did you mean «loops»?"),
      ("access-log = 1", "did you mean «access_log»?"), ("accses_log = 1", "did you mean «access_log»?"),
      ("frobnicate = 1", "`tollgate check --reference` lists those that are known"),
    ]) func nameTheNearest(_ line: String, _ words: String)
  {
    let key = line.prefix { $0 != " " }
    #expect(faults(document("[server]", line)) == ["3:1: server.\(key): unknown key; \(words)"])
  }

  @Test func nameAllWhereThereAreFew() {
    #expect(
      faults(document("[pool.NAME]", "command = [\"php-cgi\"]\nfrobnicate = 4\nworker = 4\n")) == [
        "4:1: pool.x.frobnicate: unknown key; \(knownOfPool)",
        "5:1: pool.x.worker: unknown key; did you mean «workers»?",
      ])
  }

  private let knownOfPool =
    "known are «command», «workers», «env», «connect», «max_connections», «timeout», «queue», «queue_timeout»"

  @Test func ofAnotherTableSayWhich() {
    #expect(
      faults(someRoute + "[server]\nconcurrency = 4\nqueue = 5\nhosts = []\nworkers = 5\n") == [
        "3:1: server.concurrency: does not belong here, but in [[route]]",
        "4:1: server.queue: does not belong here, but in [[route]] or [pool.NAME]",
        "5:1: server.hosts: does not belong here, but in [[site]]",
        "6:1: server.workers: does not belong here, but in [pool.NAME]",
      ])
    #expect(faults("loops = 2\n" + someRoute) == ["1:1: loops: does not belong here, but in [server]"])
  }

  @Test func thatComeLaterAreSaidToBe() {
    #expect(
      faults(document("[[route]]", "path = \"/\"\ncgi = \"cgi-bin\"\nmax_time = \"5s\"\nauth = {}\n")) == [
        "6:1: route.max_time: is not supported yet", "7:1: route.auth: is not supported yet",
      ])
  }

  @Test func atTheTopNameTheTable() {
    #expect(
      faults("[[rout]]\npath = \"/\"\n[serve]\n[x]\n" + "[[sites]]\n").filter {
        !$0.hasPrefix("1:1: route: there is none")
      }
        == [
          "1:3: rout: unknown key; did you mean [[route]]?", "3:2: serve: unknown key; did you mean [server]?",
          "4:2: x: unknown key; the tables are [server], [pool.NAME], [[route]] and [[site]]",
          "5:3: sites: unknown key; did you mean [[site]]?",
        ])
  }

  @Test func thatAreMeantAreNotMissedToo() {
    #expect(
      faults("[[route]]\npth = \"/\"\nstatc = \"site\"\nlisting = true\n") == [
        "2:1: route.pth: unknown key; did you mean «path»?", "3:1: route.statc: unknown key; did you mean «static»?",
      ])
  }

  @Test func thatAreStrangeAreQuoted() {
    #expect(
      faults(someRoute + "[server]\n\"a b\\u001B\" = 1\n")
        == [
          "3:1: server.\"a b\\u001B\": unknown key; `tollgate check --reference` lists those that are known"
        ])
  }

  @Test func distancesAreThoseOfDamerau() {
    func distance(_ left: String, _ right: String) -> Int { NearestName.distance(Array(left.utf8), Array(right.utf8)) }
    #expect(distance("", "abc") == 3 && distance("abc", "") == 3 && distance("abc", "abc") == 0)
    #expect(distance("timout", "timeout") == 1 && distance("timoeut", "timeout") == 1)
    #expect(distance("kitten", "sitting") == 3 && distance("ab", "ba") == 1)
    #expect(NearestName.of(String(repeating: "x", count: 100_000), among: ["x"]) == nil)
    #expect(NearestName.of("abc", among: ["xbc", "abd", "abcd"]) == "xbc")
    #expect(NearestName.of("ab", among: ["cd"]) == nil)
  }
}

@Suite("One pass") struct OnePassTests {
  @Test func reportsTwentyFaultsEachOnItsLine() {
    let text = """
      [server]
      listen = ["127.0.0.1", "[::1]:80", "[::1]:80"]
      loops = "two"
      drain = 30
      file_cache = "64Kb"
      admin = "127.0.0.1:1"
      timout = 1
      access_log_format = "jsn"

      [[route]]
      path = "wiki"
      static = "nowhere"
      timout = "3s"

      [[route]]
      path = "/g"
      fastcgi = "pph"
      env = { "A=B" = "x", REQUEST_METHOD = "GET" }
      queue = 4

      [[route]]
      path = "/g"
      cgi = "plain"

      [pool.php]
      command = ["php-nothing"]
      workers = 0

      [pool.y]

      [[site]]
      hosts = ["a.b:80", "*b.org"]
      """
    let places = faults(text).map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
    #expect(
      places == [
        "2:11: server.listen:", "2:36: server.listen:", "3:9: server.loops:", "4:9: server.drain:",
        "5:14: server.file_cache:", "6:1: server.admin:", "7:1: server.timout:", "8:21: server.access_log_format:",
        "11:8: route.path:", "12:10: route.static:", "13:1: route.timout:", "17:11: route.fastcgi:",
        "18:9: route.env.\"A=B\":", "18:22: route.env.REQUEST_METHOD:", "19:1: route.queue:", "22:8: route.path:",
        "23:7: route.cgi:", "26:12: pool.php.command:", "27:11: pool.php.workers:", "29:1: pool.y:", "31:1: site:",
        "32:10: site.hosts:", "32:20: site.hosts:",
      ])
  }

  @Test(arguments: ["x", "\u{301}"]) func aLongStringIsCut(_ scalar: String) {
    func long(_ count: Int) -> String { "e" + String(repeating: scalar, count: count) }
    func said(_ text: String) -> [String] { faults(someRoute + "server.loops = \"\(text)\"\n") }
    let words = "2:16: server.loops: must be an integer from 0 to 256, not the string "
    #expect(said(long(59)) == [words + "\"\(long(59))\""])
    #expect(said(long(100_000)) == [words + "\"\(long(59))…\""])
  }

  @Test func aFaultIsOneLineWithItsFileAndPlace() throws {
    let text = "[[route]]\npath = \"/\"\ncgi = \"cgi-bin\"\ntimout = \"3s\"\n"
    guard case .refused(let found) = parse(text) else { throw Unexpected(description: "accepted") }
    #expect(found.map(\.description) == ["t.toml:4:1: route.timout: unknown key; did you mean «timeout»?"])
  }
}
