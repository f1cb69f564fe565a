// Directories: their index, their listing, their slash; and what a path must not reach.

import Glibc
import HTTPClient
import HTTPWire
import Testing

extension EndToEndTests {
  @Suite("Directories and paths") struct DirectoryTests {
    @Test func aDirectoryIsItsIndexOrItsListing() throws {
      func fill(_ site: Site) throws {
        try site.write("index.html", "<p>the home</p>")
        try site.write("with/index.html", "<p>the index</p>")
        try site.write("with/other.txt", "other")
        try site.write("without/one.txt", "one")
        try site.makeDirectory("without/sub")
        try site.write("without/.hidden", "hidden")
        try site.makeDirectory("empty")
      }
      try scenario("directories", site: fill) { server in
        #expect(try server.request("/").body == bytes("<p>the home</p>"))
        #expect(try server.request("/with/").body == bytes("<p>the index</p>"))
        #expect(try server.request("/with/?query").body == bytes("<p>the index</p>"))
        let listing = try server.request("/without/")
        #expect(listing.status == 200)
        #expect(listing.head.first("content-type") == "text/html; charset=utf-8")
        let page = String(decoding: listing.body, as: UTF8.self)
        #expect(links(in: page).sorted() == ["../", "./one.txt", "./sub/"])
        #expect(!page.contains("hidden"))
        let head = try server.request("/without/", method: "HEAD")
        #expect(head.head.first("content-length") == "\(listing.body.count)")
        #expect(links(in: String(decoding: try server.request("/empty/").body, as: UTF8.self)) == ["../"])
      }
    }

    @Test func aDirectoryWithoutItsSlashIsRedirectedWithItsQuery() throws {
      func fill(_ site: Site) throws {
        try site.write("sub/index.html", "index")
        try site.makeDirectory("a b<c")
      }
      try scenario("redirects", site: fill) { server in
        for (asked, location) in [
          ("/sub", "/sub/"), ("/sub?a=1&b=%20", "/sub/?a=1&b=%20"), ("/sub?", "/sub/?"), ("//sub", "/sub/"),
          ("/x/..//sub", "/sub/"), ("/a%20b%3Cc", "/a%20b%3Cc/"), ("/cgi-bin", "/cgi-bin/"),
          ("/cgi-bin?q", "/cgi-bin/?q"),
        ] {
          let response = try server.request(asked)
          #expect(response.status == 301, "\(asked)")
          #expect(response.head.first("location") == location, "\(asked)")
        }
        // Taken for a host, `//evil.example/` would lead away.
        #expect(try server.request("//evil.example/..//sub").head.first("location") == "/sub/")
        #expect(try server.request("/sub/").body == bytes("index"))
        // A file is no directory.
        #expect(try server.request("/sub/index.html/").status == 404)
      }
    }

    @Test func everyNameInAListingLeadsToItsFile() throws {
      let names = [
        "plain.txt", "a b", "<script>alert(1)<", "&amp;", "\"quoted\"", "'single'", "per%20cent", "#hash", "que?ry",
        "semi;colon", "co:lon", "pl+us", "umläut-日本", "back\\slash", "new\nline", "~tilde", "a=b&c=d", "%",
        "javascript:x",
      ]
      let invalid: [UInt8] = [0x62, 0x61, 0x64, 0xFF, 0xFE]
      func fill(_ site: Site) throws {
        for name in names { try site.write("list/\(name)", "content of \(name)") }
        #expect(makeFile(named: invalid, in: site.absolute("list"), "content of no UTF-8"))
      }
      try scenario("names", site: fill) { server in
        let page = String(decoding: try server.request("/list/").body, as: UTF8.self)
        #expect(!page.contains("<script>") && !page.contains("\"\"quoted"))
        let links = links(in: page).filter { $0 != "../" }
        #expect(links.count == names.count + 1)
        var contents: Set<String> = []
        for link in links {
          #expect(link.hasPrefix("./") && link.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") })
          let response = try server.request("/list/" + link.dropFirst(2))
          #expect(response.status == 200, "\(link)")
          contents.insert(String(decoding: response.body, as: UTF8.self))
        }
        #expect(contents == Set(names.map { "content of \($0)" } + ["content of no UTF-8"]))
      }
    }

    /// Makes a file whose name is no UTF-8, which a String cannot hold.
    private func makeFile(named name: [UInt8], in directory: String, _ text: String) -> Bool {
      let path = (Array(directory.utf8) + [UInt8(ascii: "/")] + name + [0]).map { CChar(bitPattern: $0) }
      let raw = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
      defer { close(raw) }
      let content = bytes(text)
      return raw >= 0 && write(raw, content, content.count) == content.count
    }

    @Test func whatIsHiddenOrOutsideIsNotThere() throws {
      let secret = bytes("the secret outside")
      let outside = try Site()
      defer { outside.remove() }
      try outside.write("secret.txt", secret)
      func fill(_ site: Site) throws {
        try site.write("a/inside.txt", "inside")
        try site.write(".htpasswd", "hidden")
        try site.write(".git/config", "hidden")
        try site.write("a/.hidden/file", "hidden")
        try site.write(".well-known/security.txt", "contact")
        try site.link("in.txt", to: "a/inside.txt")
        try site.link("in-dir", to: "a")
        try site.link("out.txt", to: "\(outside.path)/secret.txt")
        try site.link("out-dir", to: outside.path)
        try site.link("up.txt", to: "../../../../../../../etc/passwd")
        try site.link("loop", to: "loop")
        try site.link("nowhere", to: "missing")
        try site.link("a/proc", to: "/proc/self/environ")
      }
      try scenario("outside", site: fill) { server in
        #expect(try server.request("/in.txt").body == bytes("inside"))
        #expect(try server.request("/in-dir/inside.txt").body == bytes("inside"))
        #expect(try server.request("/a/../a/./inside.txt").body == bytes("inside"))
        #expect(try server.request("/%61/%2e%2e/a/inside%2Etxt").body == bytes("inside"))
        #expect(try server.request("/.well-known/security.txt").body == bytes("contact"))
        for path in [
          "/.htpasswd", "/.git/config", "/.git/", "/.git", "/a/.hidden/file", "/%2ehtpasswd", "/a/../.htpasswd",
          "/out.txt", "/out-dir/secret.txt", "/out-dir/", "/up.txt", "/loop", "/nowhere", "/a/proc", "/missing",
          "/a/inside.txt/", "/a/inside.txt/x", "/a%2finside.txt", "/a%2Finside.txt", "/..%2f..%2fetc/passwd",
          "/a/..%2finside.txt", "/a\\inside.txt", "/%5c..%5cetc", "/" + String(repeating: "n", count: 300),
        ] {
          let response = try server.request(path)
          #expect(response.status == 404, "\(path)")
          let body = String(decoding: response.body, as: UTF8.self)
          #expect(!body.contains("secret outside") && !body.contains("hidden"), "\(path)")
        }
        for path in ["/../etc/passwd", "/a/../../etc/passwd", "/%2e%2e/etc/passwd", "/a/%2e%2e/%2E./x", "/a%00.txt"] {
          #expect(try server.request(path).status == 400, "\(path)")
        }
        #expect(server.waitForLog(containing: "«/out.txt»: a symbolic link leaves"))
      }
    }

    @Test func whatIsNoFileIsRefusedAndNotWaitedFor() throws {
      let isRoot = geteuid() == 0
      func fill(_ site: Site) throws {
        #expect(mkfifo(site.absolute("fifo"), 0o644) == 0)
        if isRoot { #expect(mknod(site.absolute("zero"), S_IFCHR | 0o644, 1 << 8 | 5) == 0) }
        try site.write("closed", "closed")
        chmod(site.absolute("closed"), 0)
        try site.write("plain.txt", "plain")
      }
      try scenario("no files", arguments: ["--loops", "1"], site: fill) { server in
        var kept = try server.connect()
        for _ in 0..<3 {
          #expect(try server.request("/fifo").status == 403)
          if isRoot { #expect(try server.request("/zero").status == 403) }
          // Root may read everything.
          if !isRoot { #expect(try server.request("/closed").status == 403) }
          try kept.send(Server.head("/plain.txt"))
          #expect(try kept.readResponse().body == bytes("plain"))
        }
        #expect(links(in: String(decoding: try server.request("/").body, as: UTF8.self)).contains("./fifo") == false)
      }
    }

    /// The targets of a page's links, as they stand there: percent-encoded, without entities.
    private func links(in page: String) -> [String] {
      var found: [String] = []
      var rest = page[...]
      while let start = rest.firstRange(of: "href=\"") {
        rest = rest[start.upperBound...]
        found.append(String(rest.prefix { $0 != "\"" }))
      }
      return found
    }
  }
}
