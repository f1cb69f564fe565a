import Glibc
import Kernel
import Testing

@testable import StaticFiles

@Suite struct FileRootTests {
  let outer: Site
  let site: Site

  init() throws {
    outer = try Site()
    site = try Site()
    try outer.write("secret", "secret")
    try site.write("page.html", "page")
    try site.write("dir/index.html", "index")
    try site.write("bare/file", "file")
    try site.write("index-is-directory/index.html/x", "x")
    try site.write(".git/config", "hidden")
    try site.write("a/.htpasswd", "hidden")
    try site.write("a/.b/c", "hidden")
    try site.write(".well-known/acme", "known")
    try site.write(".well-known/.hidden", "hidden")
    try site.write(".well-knownX", "hidden")
    try site.write("a/.well-known/x", "hidden")
    try site.write("dots../v1.2.3.txt", "dots")
    try site.write("empty", "")
    try site.link("inside", to: "dir/index.html")
    try site.link("to-dir", to: "dir")
    try site.link("outside", to: "../\(outer.path.split(separator: "/").last!)/secret")
    try site.link("absolute", to: outer["secret"])
    try site.link("loop", to: "loop")
    try site.link("dangling", to: "nothing")
    try #require(mkfifo(site["fifo"], 0o644) == 0)
  }

  @Test(arguments: [
    ("page.html", "file page"), ("bare/file", "file file"), ("empty", "file "), ("dots../v1.2.3.txt", "file dots"),
    ("dir/", "file index"), ("inside", "file index"), ("to-dir/", "file index"), ("", "listing"), ("bare/", "listing"),
    ("index-is-directory/", "listing"), ("dir", "directory without slash"), ("to-dir", "directory without slash"),
    ("nothing", "not found"), ("nothing/", "not found"), ("page.html/", "not found"), ("page.html/x", "not found"),
    ("dangling", "not found"), ("loop", "not found"),
    (".git/config", "not found"), (".git/", "not found"), (".git", "not found"), ("a/.htpasswd", "not found"),
    ("a/.b/c", "not found"), (".well-known/acme", "file known"), (".well-known/", "listing"),
    (".well-known", "directory without slash"), (".well-known/.hidden", "not found"), (".well-knownX", "not found"),
    ("a/.well-known/x", "not found"),
    ("outside", "outside"), ("absolute", "outside"), ("fifo", "forbidden"),
  ])
  func aPathMeansWhatStandsThere(_ path: String, _ meaning: String) throws {
    #expect(try site.root().look(path) == meaning)
  }

  @Test func aDirectoryWithoutIndexIsForbiddenWhereListingsAreOff() throws {
    let root = try site.root(listing: false)
    #expect(root.look("bare/") == "forbidden")
    #expect(root.look("dir/") == "file index")
    #expect(root.look("nothing/") == "not found")
    #expect(root.look("bare") == "directory without slash")
  }

  @Test func theFirstOfTheIndexNamesThatIsThereStandsForTheDirectory() throws {
    try site.write("two/second.html", "second")
    let root = try site.root(index: ["first.html", "second.html"])
    #expect(root.look("two/") == "file second")
    try site.write("two/first.html", "first")
    #expect(root.look("two/") == "file first")
    #expect(root.look("dir/") == "listing")
    #expect(try site.root(index: []).look("dir/") == "listing")
  }

  @Test func theSameDirectoryCanHaveOtherNamesForItsIndex() throws {
    try site.write("two/second.html", "second")
    try site.write("two/first.html", "first")
    let root = try site.root(index: ["first.html", "second.html"])
    let other = root.withIndex([Array("second.html".utf8)])
    #expect(root.look("two/") == "file first" && other.look("two/") == "file second")
    #expect(other.path == root.path && other.listing == root.listing)
    #expect(other.look("two/first.html") == "file first" && root.withIndex([]).look("two/") == "listing")
  }

  @Test(arguments: [("page.html", "page.html"), ("dir/", "dir/index.html"), ("to-dir/index.html", "to-dir/index.html")])
  func aFileSaysWhereItStandsBelowTheRoot(_ asked: String, _ path: String) throws {
    guard case .file(let file) = try site.root().find(Array(asked.utf8), keepUpTo: 0, mayWait: true) else {
      Issue.record("not found")
      return
    }
    #expect(String(decoding: file.path, as: UTF8.self) == path)
  }

  @Test func aHiddenSegmentIsKnownByItsDotBelowTheRouteOnly() {
    func hides(_ path: String, at start: Int, below: Int) -> Bool {
      FileRoot.hides(Array(path.utf8), segmentAt: start, below: below)
    }
    #expect(hides("/a/.git/x", at: 3, below: 3) && !hides("/a/git", at: 3, below: 3) && !hides("/a/", at: 3, below: 3))
    #expect(!hides("/a/.well-known/x", at: 3, below: 3) && !hides("/a/.well-known", at: 3, below: 3))
    #expect(hides("/a/.well-known/x", at: 3, below: 1) && hides("/.well-knownX", at: 1, below: 1))
  }

  @Test func aNameThatIsTooLongIsNotFound() throws {
    let root = try site.root()
    #expect(root.look(String(repeating: "n", count: 255)) == "not found")
    #expect(root.look(String(repeating: "n", count: 256)) == "not found")
    #expect(root.look(String(repeating: "n", count: 300) + "/") == "not found")
    #expect(root.look(String(repeating: "dir/../", count: 1_000)) == "not found")
  }

  @Test func aSocketIsForbidden() throws {
    let listener = try Listener(SocketAddress(parsing: "unix:\(site["socket"])"))
    #expect(try site.root().look("socket") == "forbidden")
    #expect(listener.address.isUnix)
  }

  @Test(.enabled(if: geteuid() == 0, "only root may make a device"))
  func aDeviceIsForbidden() throws {
    // The null device.
    try #require(mknod(site["device"], S_IFCHR | 0o666, 1 << 8 | 3) == 0)
    #expect(try site.root().look("device") == "forbidden")
  }

  @Test(.enabled(if: geteuid() != 0, "root may read everything"))
  func whatMayNotBeReadIsForbidden() throws {
    try site.write("private", "private", mode: 0o000)
    try site.write("closed/index.html", "closed")
    try #require(chmod(site["closed"], 0o000) == 0)
    let root = try site.root()
    #expect(root.look("private") == "forbidden")
    #expect(root.look("closed/") == "forbidden")
    try #require(chmod(site["closed"], 0o755) == 0)
  }

  @Test func aSmallFileIsReadAndOfALargeOneTheDescriptorIsKept() throws {
    try site.write("large", String(repeating: "l", count: 100))
    let root = try site.root()
    let whole = try file(root.find(array("large"), keepUpTo: 100, mayWait: true))
    #expect(whole.content?.count == 100 && whole.raw == -1 && whole.size == 100)
    let opened = try file(root.find(array("large"), keepUpTo: 99, mayWait: true))
    #expect(opened.content == nil && opened.raw >= 0 && opened.size == 100)
    #expect(try readAt(opened.raw, offset: 0, count: 1000).count == 100)
    #expect(fcntl(opened.raw, F_GETFD) & FD_CLOEXEC != 0)
  }

  @Test func withoutWaitingItIsTheSameOrToBeAskedAgain() throws {
    let root = try site.root()
    for path in ["page.html", "dir/", "bare/", "dir", "outside", ".git/config", "fifo", "empty"] {
      let truth = root.look(path)
      let quick = word(root.find(array(path), keepUpTo: 1000, mayWait: false))
      #expect(quick == truth || quick == "would wait", "\(path)")
    }
  }

  @Test func whatARunnerAsksAboutIsTold() throws {
    try site.write("script", "#!/bin/sh\n", mode: 0o755)
    let root = try site.root()
    func inspected(_ path: String) -> String {
      switch root.inspect(array(path), mayWait: true) {
      case .file(let status, let executable): "file of \(status.size), \(executable ? "" : "not ")executable"
      case .directory: "directory"
      case .other(let found): word(found)
      }
    }
    #expect(inspected("script") == "file of 10, executable")
    #expect(inspected("page.html") == "file of 4, not executable")
    #expect(inspected("dir") == "directory" && inspected("") == "directory")
    #expect(inspected("fifo") == "forbidden" && inspected("outside") == "outside" && inspected("no") == "not found")
  }

  @Test func theBeginningOfAFileIsGivenOrNothing() throws {
    let root = try site.root()
    let opened = try file(root.find(array("page.html"), keepUpTo: 0, mayWait: true))
    let status = opened.status
    #expect(text(root.beginning(of: array("page.html"), status: status, atMost: 2, mayWait: true)) == "pa")
    #expect(text(root.beginning(of: array("page.html"), status: status, atMost: 256, mayWait: true)) == "page")
    // Without waiting it is the same, or nothing.
    if let begun = root.beginning(of: array("page.html"), status: status, atMost: 2, mayWait: false) {
      #expect(text(begun) == "pa")
    }
    #expect(root.beginning(of: array("outside"), status: status, atMost: 2, mayWait: true) == nil)
  }

  @Test func aListingHasDirectoriesFirstByNameAndNothingHidden() throws {
    let list = try Site()
    for name in ["b.txt", "a.txt", "B.txt", ".hidden", "ä.txt"] { try list.write(name, name) }
    for name in ["z", "y", ".git"] { try list.makeDirectory(name) }
    try list.link("to-z", to: "z")
    try list.link("dangling", to: "nothing")
    try #require(mkfifo(list["fifo"], 0o644) == 0)
    let (entries, cut) = try list.root().list([], limit: 100)
    let names = entries.map { String(decoding: $0.name, as: UTF8.self) }
    #expect(names == ["to-z", "y", "z", "B.txt", "a.txt", "b.txt", "ä.txt"])
    #expect(!cut)
    #expect(entries.first { $0.name == array("a.txt") }?.status.size == 5)
    #expect(try list.root().list([], limit: 4).cut)
    #expect(throws: Errno.improperLink) { try site.root().list(array("../"), limit: 1) }
    #expect(throws: Errno.notDirectory) { try list.root().list(array("a.txt"), limit: 1) }
  }
}

@Suite struct MediaTypeTests {
  @Test(arguments: [
    ("index.html", "text/html; charset=utf-8"), ("INDEX.HTML", "text/html; charset=utf-8"),
    ("a.tar.gz", "application/gzip"), ("style.css", "text/css; charset=utf-8"), ("x.wasm", "application/wasm"),
    ("app.js", "text/javascript; charset=utf-8"), ("logo.SvG", "image/svg+xml"), ("data.json", "application/json"),
    ("manifest.webmanifest", "application/manifest+json"), ("README", "application/octet-stream"),
    ("a.unknown", "application/octet-stream"), ("a.", "application/octet-stream"), ("", "application/octet-stream"),
    (".html", "text/html; charset=utf-8"), ("html", "application/octet-stream"),
    ("a.html.", "application/octet-stream"), ("a.html ", "application/octet-stream"),
    ("a.endingthatisverylong", "application/octet-stream"),
  ])
  func theEndingOfTheNameTellsTheType(_ name: String, _ type: String) {
    #expect(MediaType.of(name: array(name)[...]) == type)
  }

  @Test func onlyTheSliceThatIsGivenIsLookedAt() {
    #expect(MediaType.of(name: array("folder.d/name.txt")[9...]) == "text/plain; charset=utf-8")
    #expect(MediaType.of(name: array("folder.html/name")[12...]) == MediaType.unknown)
  }
}

@Suite struct ServedFileTests {
  private func tag(_ site: Site, _ name: String = "f") throws -> String {
    let found = try file(site.root().find(array(name), keepUpTo: 0, mayWait: true))
    return String(decoding: found.entityTag, as: UTF8.self)
  }

  @Test func theEntityTagIsStrongAndChangesWithSizeTimeAndFile() throws {
    let site = try Site()
    try site.write("f", "one")
    try site.setChanged("f", seconds: 1_000, nanoseconds: 5)
    let first = try tag(site)
    #expect(try tag(site) == first)
    #expect(first.hasPrefix("\"") && first.hasSuffix("\"") && first.count > 2)
    // Every byte is an etagc (RFC 9110, section 8.8.3).
    #expect(first.utf8.dropFirst().dropLast().allSatisfy { $0 == 0x21 || (0x23...0x7E).contains($0) })
    var tags: Set<String> = [first]
    try site.write("f", "longer")
    try site.setChanged("f", seconds: 1_000, nanoseconds: 5)
    #expect(try tags.insert(tag(site)).inserted, "another size")
    try site.setChanged("f", seconds: 1_000, nanoseconds: 6)
    #expect(try tags.insert(tag(site)).inserted, "a nanosecond later")
    try site.setChanged("f", seconds: 1_001, nanoseconds: 6)
    #expect(try tags.insert(tag(site)).inserted, "a second later")
    try site.write("g", "LONGER")
    try site.setChanged("g", seconds: 1_001, nanoseconds: 6)
    try #require(rename(site["g"], site["f"]) == 0)
    #expect(try tags.insert(tag(site)).inserted, "another file in its place")
  }

  @Test func theFieldsSayTypeTimeTagAndThatRangesAreServed() throws {
    let site = try Site()
    try site.write("p.html", "page")
    try site.setChanged("p.html", seconds: 784_111_777)
    let found = try file(site.root().find(array("p.html"), keepUpTo: 10, mayWait: true))
    #expect(found.lastModified == 784_111_777)
    #expect(
      text(found.fields)
        == "Content-Type: text/html; charset=utf-8\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        + "ETag: \(text(found.entityTag)!)\r\nAccept-Ranges: bytes\r\n")
  }
}
