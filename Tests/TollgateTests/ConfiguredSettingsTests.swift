// Every key of a configuration reaches the setting that it names; what the configuration does not say is what the
// gateway takes by itself.

import CGI
import Configuration
import Gateway
import Glibc
import Kernel
import StaticFiles
import Testing

@testable import tollgate

/// A directory with what the configurations of these tests name.
private final class Folder {
  let path: String

  init() throws {
    var template = Array("/tmp/tollgate-settings-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    path = try canonicalPath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    for name in ["files", "scripts", "spool"] { try #require(mkdir("\(path)/\(name)", 0o755) == 0) }
    try write("scripts/one", "#!/bin/sh\n")
    chmod("\(path)/scripts/one", 0o755)
    try #require(symlink("files", "\(path)/link") == 0)
  }

  deinit {
    for name in ["link", "scripts/one", "t.toml"] { unlink("\(path)/\(name)") }
    for name in ["files", "scripts", "spool", ""] { rmdir("\(path)/\(name)") }
  }

  func write(_ name: String, _ text: String) throws {
    let descriptor = try openAppending("\(path)/\(name)")
    try replaceContent(descriptor.raw, Array(text.utf8))
  }

  func settings(_ text: String) throws -> Settings {
    try write("t.toml", text)
    return try ConfiguredSettings.make(ConfigurationFile.load("\(path)/t.toml").file, name: "t.toml")
  }
}

@Suite("The settings of a configuration") struct ConfiguredSettingsTests {
  private let folder: Folder

  init() throws { folder = try Folder() }

  @Test func whatIsNotSaidIsWhatTheGatewayTakesByItself() throws {
    let settings = try folder.settings(
      """
      [[route]]
      path = "/"
      static = "files"
      [[route]]
      path = "/cgi-bin/"
      cgi = "scripts"
      [[route]]
      path = "/pool"
      fastcgi = "p"
      [pool.p]
      command = ["sh"]
      """)
    #expect(settings.listen == [try SocketAddress(parsing: "127.0.0.1:8080")] && settings.loops == 0)
    #expect("\(settings.limits)" == "\(Limits())")
    let files = try #require(settings.routes[0].files)
    let usual = try FileRoot(path: "\(folder.path)/files", listing: false)
    #expect(files.index == usual.index && files.listing == usual.listing && files.path == usual.path)
    let route = Route(path: "/")
    #expect(settings.routes[0].maxBodyBytes == route.maxBodyBytes && settings.routes[0].bill == route.bill)
    let program = try #require(settings.routes[1].scripts)
    let own = ProgramSettings(directory: "\(folder.path)/scripts", root: usual, documentRoot: "")
    #expect(program.directory == own.directory && program.documentRoot == own.documentRoot)
    #expect(program.timeout == own.timeout && program.concurrency == own.concurrency)
    #expect(program.queue == own.queue && program.queueTimeout == own.queueTimeout)
    let source = PoolSettings.Source.command(
      program: try canonicalPath("/bin/sh") == "/usr/bin/dash" ? "/usr/bin/sh" : "/bin/sh", arguments: [],
      directory: folder.path, environment: [], workers: 4)
    #expect(settings.pools == [PoolSettings(name: "p", source: source)])
  }

  @Test func everyKeyOfTheServerReachesItsSetting() throws {
    let settings = try folder.settings(
      """
      [server]
      listen = ["127.0.0.1:81", "unix:s.sock"]
      loops = 3
      file_cache = "1KiB"
      connections = 17
      request_line = "300B"
      request_head = "2KiB"
      request_fields = 18
      head_timeout = "101ms"
      idle_timeout = "102ms"
      send_timeout = "103ms"
      body_memory = "3KiB"
      spool = "spool"
      spool_total = "4KiB"
      body_rate = "5KiB"
      [[route]]
      path = "/"
      static = "files"
      """)
    #expect(settings.listen.map(\.text) == ["127.0.0.1:81", "unix:\(folder.path)/s.sock"] && settings.loops == 3)
    var limits = Limits()
    limits.fileCacheBytes = 1024
    limits.connections = 17
    limits.head.requestLineBytes = 300
    limits.head.headBytes = 2048
    limits.head.fieldCount = 18
    limits.headTimeout = 101_000_000
    limits.idleTimeout = 102_000_000
    limits.sendTimeout = 103_000_000
    limits.bodyMemoryBytes = 3072
    limits.spoolDirectory = "\(folder.path)/spool"
    limits.spoolTotalBytes = 4096
    limits.bodyBytesPerSecond = 5120
    #expect("\(settings.limits)" == "\(limits)")
  }

  @Test func everyKeyOfRoutesAndSitesReachesItsSetting() throws {
    let settings = try folder.settings(
      """
      [[route]]
      path = "/a/"
      static = "link"
      index = ["a", "b"]
      listing = true
      deny = ["*.c"]
      max_body = "6B"
      bill = "head"
      [[site]]
      hosts = ["x.org", "*.x.org"]
      [[site.route]]
      path = "/b"
      cgi = "scripts/one"
      env = { A = "1", B = "2" }
      timeout = "7s"
      concurrency = 8
      queue = 9
      queue_timeout = "10s"
      bill = "full"
      [[site.route]]
      path = "/c/"
      static = "scripts"
      cgi = "scripts"
      match = ["*.sh", "o?e"]
      """)
    let files = settings.routes[0]
    let root = try #require(files.files)
    // Where the link leads to: programs are told the same place as is served from.
    #expect(files.path == "/a/" && root.path == "\(folder.path)/files" && root.listing)
    #expect(root.index == [Array("a".utf8), Array("b".utf8)] && files.deny == [Glob("*.c")])
    #expect(files.maxBodyBytes == 6 && files.bill == .head && files.runs == nil)
    #expect(settings.sites.map(\.hosts) == [["x.org", "*.x.org"]])
    let one = settings.sites[0].routes[0]
    let program = try #require(one.scripts)
    #expect(program.directory == "\(folder.path)/scripts" && program.script == "one" && one.files == nil)
    #expect(one.environment.map { "\($0.name)=\($0.value)" } == ["A=1", "B=2"] && one.bill == .full)
    #expect(program.timeout == 7 * second && program.concurrency == 8)
    #expect(program.queue == 9 && program.queueTimeout == 10 * second)
    let both = settings.sites[0].routes[1]
    #expect(both.match == [Glob("*.sh"), Glob("o?e")] && both.files?.path == both.scripts?.directory)
  }

  @Test func everyKeyOfPoolsReachesItsSetting() throws {
    let settings = try folder.settings(
      """
      [[route]]
      path = "/"
      fastcgi = "far"
      [[route]]
      path = "/own"
      fastcgi = "own"
      [pool.own]
      command = ["scripts/one", "-x", ""]
      workers = 11
      env = { A = "1" }
      timeout = "12s"
      queue = 13
      queue_timeout = "14s"
      [pool.far]
      connect = ["[::1]:9000"]
      max_connections = 15
      """)
    var own = PoolSettings(
      name: "own",
      source: .command(
        program: "\(folder.path)/scripts/one", arguments: ["-x", ""], directory: folder.path,
        environment: [RequestContext.Variable(name: Array("A".utf8), value: Array("1".utf8))], workers: 11))
    own.timeout = 12 * second
    own.queue = 13
    own.queueTimeout = 14 * second
    let far = PoolSettings(name: "far", source: .connect(try SocketAddress(parsing: "[::1]:9000"), connections: 15))
    #expect(settings.pools == [own, far])
    let pools = settings.routes.map { route in if case .pool(let index) = route.runs { index } else { -1 } }
    #expect(pools == [1, 0])
  }

  @Test func twoNamesOfOneAddressAreAFault() throws {
    let listen = "\n[server]\nlisten = [\"127.0.0.1:8080\", \"[::1]:80\", \"[0:0::1]:080\", \"127.0.0.1:08080\"]\n"
    try folder.write("t.toml", listen + "[[route]]\npath = \"/\"\nstatic = \"files\"\n")
    do throws(UnusableConfiguration) {
      _ = try ConfiguredSettings.make(ConfigurationFile.load("\(folder.path)/t.toml").file, name: "t.toml")
      Issue.record("it was taken")
    } catch {
      #expect(
        error.lines == [
          "t.toml:2:1: server.listen: [::1]:80 and [0:0::1]:080 are the same address",
          "t.toml:2:1: server.listen: 127.0.0.1:8080 and 127.0.0.1:08080 are the same address", "2 faults in t.toml",
        ])
    }
  }

  @Test func whatHasGoneSinceItWasReadIsAFaultWithItsLine() throws {
    try folder.write(
      "t.toml",
      """
      [[route]]
      path = "/"
      static = "files"

      [[route]]
      path = "/run"
      cgi = "scripts/one"
      """)
    let file = try ConfigurationFile.load("\(folder.path)/t.toml").file
    rmdir("\(folder.path)/files")
    unlink("\(folder.path)/scripts/one")
    do throws(UnusableConfiguration) {
      _ = try ConfiguredSettings.make(file, name: "t.toml")
      Issue.record("it was taken")
    } catch {
      #expect(error.code == Sysexits.configuration)
      #expect(
        error.lines == [
          "t.toml:1:1: route.static: the directory \(folder.path)/files cannot be opened: No such file or directory",
          "t.toml:5:1: route.cgi: the script \(folder.path)/scripts/one cannot be found: No such file or directory",
          "2 faults in t.toml",
        ])
    }
  }
}
