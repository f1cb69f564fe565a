// What comes out: defaults, paths, and that what is written again means the same; and the reference.

import Foundation
import Testing

@testable import Configuration

/// Every key, with a value that is not its default wherever there is another.
let wholeConfiguration = """
  [server]
  listen = ["0.0.0.0:80", "[::]:80", "unix:run/x.sock"]
  loops = 2
  log = "/var/log/tollgate.log"
  access_log = "access.log"
  access_log_format = "json"
  pid_file = "/run/tollgate.pid"
  drain = "1m"
  file_cache = "0B"
  connections = 100
  request_line = "1000B"
  request_head = "16KiB"
  request_fields = 50
  head_timeout = "1500ms"
  idle_timeout = "2h"
  send_timeout = "90s"
  body_memory = "1MiB"
  spool = "site"
  spool_total = "1TiB"
  body_rate = "1KiB"

  [[route]]
  path = "/"
  static = "site"
  index = ["index.html", "index.htm"]
  listing = true
  deny = ["*.bak", "*~", "\\u00FC\\u0007\\"\\\\"]
  max_body = "1KiB"

  [[route]]
  path = "/cgi-bin/"
  cgi = "cgi-bin"
  match = ["*.cgi"]
  env = { LANG = "C.UTF-8", "a.b" = "é\\n" }
  timeout = "5m"
  concurrency = 4
  queue = 0
  queue_timeout = "250ms"
  bill = "full"

  [[route]]
  path = "/hello"
  cgi = "./hello"
  bill = "head"

  [[route]]
  path = "/wiki/"
  static = "site"
  fastcgi = "php"
  match = ["*.php"]
  index = []

  [pool.php]
  command = ["php-cgi", "-d", "x=\\"é\\"", ""]
  workers = 2
  env = { PHP_FCGI_MAX_REQUESTS = "0" }
  timeout = "24h"
  queue = 1
  queue_timeout = "1h"

  [pool.far]
  connect = ["[::1]:9000"]
  max_connections = 3

  [pool.app]
  command = ["fastcgi/app"]

  [[site]]
  hosts = ["Example.org", "*.example.org"]

  [[site.route]]
  path = "/"
  fastcgi = "far"
  env = { B = "" }

  [[site.route]]
  path = "/app"
  fastcgi = "app"

  [[site]]
  hosts = ["other.org"]
  route = [{ path = "/", static = "/srv/site" }]
  """

extension ConfigurationFile {
  /// Without its lines and its place, which are other ones in another text.
  var withoutPlaces: ConfigurationFile {
    var copy = self
    copy.directory = "/"
    copy.server.line = 1
    for index in copy.routes.indices { copy.routes[index].line = 0 }
    for index in copy.pools.indices { copy.pools[index].line = 0 }
    for site in copy.sites.indices {
      copy.sites[site].line = 0
      for index in copy.sites[site].routes.indices { copy.sites[site].routes[index].line = 0 }
    }
    return copy
  }
}

@Suite("Values") struct ValueTests {
  @Test func whatIsNotSaidHasItsDefault() throws {
    let file = try accept(someRoute + "[pool.p]\ncommand = [\"php-cgi\"]\n")
    #expect(file.server == ServerSection())
    #expect(file.server.listen == ["127.0.0.1:8080"] && file.server.loops == 0 && file.server.drainNanoseconds == nil)
    #expect(file.server.requestLineBytes == 8192 && file.server.requestHeadBytes == 32768)
    #expect(file.server.spoolTotalBytes == 4 << 30 && file.server.bodyRateBytes == 240)
    let route = file.routes[0]
    #expect(route.index == ["index.html"] && !route.listing && route.deny.isEmpty && route.bill == .off)
    #expect(route.timeoutNanoseconds == 60_000_000_000 && route.queueTimeoutNanoseconds == 10_000_000_000)
    #expect(route.concurrency == 16 && route.queue == 256 && route.maxBodyBytes == 1 << 30)
    #expect(file.pools[0].workers == 4 && file.pools[0].maxConnections == 8 && file.pools[0].queue == 256)
  }

  @Test func everyKeyReachesItsValue() throws {
    let file = try accept(wholeConfiguration)
    let server = file.server
    #expect(server.listen == ["0.0.0.0:80", "[::]:80", "unix:/srv/run/x.sock"])
    #expect(server.log == "/var/log/tollgate.log" && server.accessLog == "/srv/access.log")
    #expect(server.accessLogFormat == .json && server.pidFile == "/run/tollgate.pid" && server.loops == 2)
    #expect(server.drainNanoseconds == 60_000_000_000 && server.fileCacheBytes == 0 && server.connections == 100)
    #expect(server.requestLineBytes == 1000 && server.requestHeadBytes == 16_384 && server.requestFields == 50)
    #expect(server.headTimeoutNanoseconds == 1_500_000_000 && server.idleTimeoutNanoseconds == 7_200_000_000_000)
    #expect(server.sendTimeoutNanoseconds == 90_000_000_000 && server.bodyMemoryBytes == 1 << 20)
    #expect(server.spoolDirectory == "/srv/site" && server.spoolTotalBytes == 1 << 40 && server.bodyRateBytes == 1024)
    #expect(file.routes.map(\.path) == ["/", "/cgi-bin/", "/hello", "/wiki/"])
    #expect(file.routes.map(\.line) == [22, 30, 41, 46])
    let files = file.routes[0]
    #expect(files.staticDirectory == "/srv/site" && files.index == ["index.html", "index.htm"] && files.listing)
    #expect(files.deny == ["*.bak", "*~", "ü\u{7}\"\\"] && files.maxBodyBytes == 1024)
    let scripts = file.routes[1]
    #expect(scripts.cgi == .directory("/srv/cgi-bin") && scripts.match == ["*.cgi"] && scripts.bill == .full)
    #expect(
      scripts.environment.sorted { $0.name < $1.name } == [
        EnvironmentVariable(name: "LANG", value: "C.UTF-8"), EnvironmentVariable(name: "a.b", value: "é\n"),
      ])
    #expect(scripts.timeoutNanoseconds == 300_000_000_000 && scripts.concurrency == 4 && scripts.queue == 0)
    #expect(scripts.queueTimeoutNanoseconds == 250_000_000)
    #expect(file.routes[2].cgi == .script("/srv/hello") && file.routes[2].bill == .head)
    #expect(file.routes[3].fastcgi == "php" && file.routes[3].index.isEmpty)
    #expect(file.sites.map(\.hosts) == [["example.org", "*.example.org"], ["other.org"]])
    #expect(file.sites[0].routes.map(\.fastcgi) == ["far", "app"] && file.sites[0].routes.map(\.line) == [71, 76])
  }

  @Test func poolsComeInTheOrderOfTheirLinesWithTheirPrograms() throws {
    let file = try accept(wholeConfiguration)
    #expect(file.pools.map(\.name) == ["php", "far", "app"] && file.pools.map(\.line) == [53, 61, 65])
    let php = try #require(file.pool("php"))
    #expect(php.command == ["php-cgi", "-d", "x=\"é\"", ""] && php.program == "/usr/bin/php-cgi" && php.workers == 2)
    #expect(php.environment == [EnvironmentVariable(name: "PHP_FCGI_MAX_REQUESTS", value: "0")])
    #expect(php.timeoutNanoseconds == 86_400_000_000_000 && php.queueTimeoutNanoseconds == 3_600_000_000_000)
    let far = try #require(file.pool("far"))
    #expect(far.connect == ["[::1]:9000"] && far.maxConnections == 3 && far.command.isEmpty && far.program.isEmpty)
    let app = try #require(file.pool("app"))
    #expect(app.command == ["/srv/fastcgi/app"] && app.program == "/srv/fastcgi/app")
    #expect(file.pool("none") == nil)
  }

  @Test func aProgramIsTheFirstInPathThatCanBeRun() throws {
    // /usr/local/bin/plain comes first, and cannot.
    let file = try accept(someRoute + "[pool.p]\ncommand = [\"plain\"]\n")
    #expect(file.pools[0].program == "/usr/bin/plain" && file.pools[0].command == ["plain"])
  }

  @Test(
    arguments: [
      ("site", "/srv/site"), ("./site/", "/srv/site"), ("../srv/./site", "/srv/./site"), ("../../..", "/"),
      ("a//b/../c", "/srv/a/b/../c"), ("/a//b/", "/a/b"), ("/", "/"), (".", "/srv"), ("..", "/"), ("", "/srv"),
      ("/../a", "/../a"), ("/\u{301}/x/", "/\u{301}/x"), ("...", "/srv/..."),
    ]) func pathsAreRelativeToTheConfiguration(_ path: String, _ absolute: String)
  {
    let reader = Reader(file: "t.toml", directory: "/srv", system: system)
    #expect(Array(reader.absolute(path).utf8) == Array(absolute.utf8))
  }

  @Test func aConfigurationAtTheRootIsOneToo() {
    let reader = Reader(file: "t.toml", directory: "/", system: system)
    #expect(reader.absolute("site") == "/site" && reader.absolute("../x") == "/x" && reader.absolute(".") == "/")
  }

  @Test func quantitiesAreWrittenAsTheyAreRead() {
    for nanoseconds: Int64 in [
      0, 1_000_000, 999_000_000, 1_000_000_000, 60_000_000_000, 61_000_000_000,
      120_000_000_000, 3_600_000_000_000, 5_400_000_000_000, 86_400_000_000_000,
    ] {
      #expect(Quantity.nanoseconds(Quantity.time(nanoseconds)) == nanoseconds)
    }
    for bytes in [0, 1, 1023, 1024, 1025, 65_536, 1 << 20, 3 << 30, 1 << 40, (1 << 40) + 1, 1 << 50] {
      #expect(Quantity.bytes(Quantity.size(bytes)) == bytes)
    }
    #expect(Quantity.time(60_000_000_000) == "60s" && Quantity.time(120_000_000_000) == "2m")
    #expect(Quantity.size(65_536) == "64KiB" && Quantity.size(0) == "0B" && Quantity.time(0) == "0s")
    #expect(Quantity.bytes("5") == nil && Quantity.bytes("5", unitless: 1) == 5 && Quantity.bytes("") == nil)
    #expect(Quantity.nanoseconds("5", unitless: 1_000_000_000) == 5_000_000_000 && Quantity.nanoseconds("s") == nil)
    #expect(Quantity.nanoseconds("8760h") == 31_536_000_000_000_000 && Quantity.nanoseconds("8761h") == nil)
    #expect(Quantity.bytes("9223372036854775807TiB") == nil && Quantity.bytes("+5B") == nil)
  }
}

@Suite("Written again") struct WritingTests {
  @Test func theSameValuesComeOut() throws {
    for text in [wholeConfiguration, someRoute] {
      let file = try accept(text)
      let again = try accept(file.dump())
      #expect(again.withoutPlaces == file.withoutPlaces)
      #expect(again.dump() == file.dump())
    }
  }

  @Test func everyKeyThatHasAMeaningIsWritten() throws {
    let dump = try accept(wholeConfiguration).dump()
    for key in KeyDescription.all { #expect(dump.contains("\n\(key.name) = "), "\(key.section) \(key.name)") }
  }

  /// Values that are changed at random within what each key takes.
  @Test func randomValuesComeOutTheSame() throws {
    var random = Random(seed: 3)
    for _ in 0..<300 {
      let file = randomFile(&random)
      let again = try accept(file.dump())
      // The text says more, where they differ, than the values would.
      #expect(again.withoutPlaces == file.withoutPlaces, "\(file.dump())\n\(again.dump())")
    }
  }

  private func randomFile(_ random: inout Random) -> ConfigurationFile {
    var file = ConfigurationFile()
    // Where `accept` says that the text lies.
    file.directory = "/srv"
    file.server.listen = ["127.0.0.1:\(random.below(65_536))", "unix:/\(word(&random).filter { $0 != "/" })x"]
    file.server.drainNanoseconds = random.below(2) == 0 ? nil : time(&random)
    file.server.idleTimeoutNanoseconds = 100_000_000 + time(&random)
    file.server.fileCacheBytes = 1 << random.below(40)
    file.server.spoolTotalBytes = random.below(1 << 40)
    file.server.accessLogFormat = AccessLogSetting.allCases.randomElement(using: &random)!
    for number in 0..<random.below(4) {
      var pool = PoolSection()
      pool.name = "p-\(number)"
      if random.below(2) == 0 {
        pool.command = ["php-cgi"] + (0..<random.below(3)).map { _ in word(&random) }
        pool.program = "/usr/bin/php-cgi"
        pool.environment = [EnvironmentVariable(name: "A\(number)", value: word(&random))]
      } else {
        pool.connect = ["h:\(1 + random.below(65_535))"]
      }
      pool.queueTimeoutNanoseconds = 1_000_000 + time(&random)
      file.pools.append(pool)
    }
    for number in 0...random.below(5) { file.routes.append(route("/\(number)/", file.pools, &random)) }
    for number in 0..<random.below(3) {
      var site = SiteSection()
      site.hosts = ["host\(number).org", "*.host\(number).org"]
      site.routes = [route("/", file.pools, &random)]
      file.sites.append(site)
    }
    return file
  }

  private func route(_ path: String, _ pools: [PoolSection], _ random: inout Random) -> RouteSection {
    var route = RouteSection()
    route.path = path + (random.below(2) == 0 ? "" : "é \u{1F600}\"\\\u{7F}")
    route.deny = (0..<random.below(3)).map { _ in "x" + word(&random).filter { $0 != "/" } }
    route.bill = BillSetting.allCases.randomElement(using: &random)!
    route.maxBodyBytes = random.below(1 << 40)
    switch random.below(4) {
    case 0:
      route.cgi = random.below(2) == 0 ? .directory("/srv/cgi-bin") : .script("/srv/hello")
      route.concurrency = 1 + random.below(10_000)
      route.timeoutNanoseconds = 1_000_000 + time(&random)
      route.environment = [EnvironmentVariable(name: "b " + word(&random).filter { $0 != "=" }, value: word(&random))]
    case 1 where !pools.isEmpty:
      route.fastcgi = pools.randomElement(using: &random)!.name
    case 2 where !pools.isEmpty:
      route.fastcgi = pools.randomElement(using: &random)!.name
      route.staticDirectory = "/srv/site"
      route.match = ["*.php", "?" + word(&random).filter { $0 != "/" }]
    default:
      route.staticDirectory = "/srv/ünï"
      route.listing = random.below(2) == 0
      route.index = random.below(2) == 0 ? [] : ["i" + word(&random).filter { $0 != "/" }]
    }
    return route
  }

  private func time(_ random: inout Random) -> Int64 {
    Int64(random.below(2) == 0 ? random.below(80_000) * 1000 : random.below(80_000_000)) * 1_000_000
  }

  /// A few characters, the troublesome among them.
  private func word(_ random: inout Random) -> String {
    let characters: [Character] = [
      "a", "Z", "0", " ", "\"", "\\", "'", "\n", "\t", "\u{1}", "\u{7F}", "\u{85}", "é", "#", "=", "\u{1F600}", "$",
      "{", "]", "/", "\r",
    ]
    return String((0..<random.below(8)).map { _ in characters.randomElement(using: &random)! })
  }
}

@Suite("The reference") struct ReferenceTests {
  @Test func isWhatStandsInTheDocumentation() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
    let page = try String(contentsOf: root.appendingPathComponent("docs/configuration.md"), encoding: .utf8)
    #expect(
      page == ConfigurationReference.markdown(),
      "print it again: tollgate check --reference > docs/configuration.md")
  }

  @Test func hasARowForEveryKey() {
    let rows = ConfigurationReference.markdown().split(separator: "\n").filter { $0.hasPrefix("| `") }
    #expect(rows.count == KeyDescription.all.count && rows.count == 43)
    for (row, key) in zip(rows, KeyDescription.all) {
      #expect(row.hasPrefix("| `\(key.name)` | \(key.type) | ") && row.hasSuffix(" | \(key.sentence) |"))
      #expect(row.split(separator: "|").count == 5, "a bar in a cell: \(row)")
      #expect(key.sentence.hasSuffix("."))
    }
  }

  @Test func namesEachKeyOnce() {
    let names = KeyDescription.all.map { "\($0.section) \($0.name)" }
    #expect(Set(names).count == names.count)
    for (keys, planned) in [
      (ServerSection.keys.map(\.name), ServerSection.plannedKeys),
      (RouteSection.keys.map(\.name), RouteSection.plannedKeys),
      (PoolSection.keys.map(\.name), PoolSection.plannedKeys), (SiteSection.keys.map(\.name), SiteSection.plannedKeys),
    ] {
      #expect(Set(keys).isDisjoint(with: planned))
    }
  }

  @Test func showsAConfigurationThatIsRight() throws {
    let page = ConfigurationReference.markdown()
    let start = try #require(page.range(of: "```toml\n")).upperBound
    let end = try #require(page.range(of: "\n```\n")).lowerBound
    let example = page[start..<end].replacingOccurrences(of: "/usr/share/dokuwiki", with: "site")
    #expect(try accept(example).routes.map(\.path) == ["/", "/cgi-bin/", "/wiki/"])
  }
}
