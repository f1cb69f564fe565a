import HTTPWire
import Kernel
import StaticFiles
import Testing

@testable import Gateway

@Suite struct RouteTableTests {
  private func match(_ path: String, in routes: [String]) throws -> String { try match(array(path), in: routes) }

  private func match(_ path: [UInt8], in routes: [String]) throws -> String {
    let root = try FileRoot(path: "/", listing: false)
    let table = RouteTable(routes.map { Route(path: $0, files: root) })
    switch table.match(path, in: table.common) {
    case .route(let number): return table.routes[number].settings.path
    case .lacksSlash: return "lacks slash"
    case .none: return "none"
    }
  }

  @Test(arguments: [
    ("/", "/"), ("/x", "/"), ("/wiki/", "/wiki/"), ("/wiki/page", "/wiki/"), ("/wiki", "lacks slash"),
    ("/wikipedia", "/"), ("/wikipedia/", "/"), ("/Wiki/", "/"), ("/wiki/de/", "/wiki/de/"),
    ("/wiki/de/x/y", "/wiki/de/"), ("/wiki/de", "lacks slash"), ("/wiki/deutsch", "/wiki/"), ("/x/wiki/", "/"),
  ])
  func theLongestPathWinsByWholeSegments(_ path: String, _ route: String) throws {
    let routes = ["/", "/wiki/", "/wiki/de/"]
    #expect(try match(path, in: routes) == route)
    // Whatever the order in which they were written down.
    #expect(try match(path, in: routes.reversed()) == route)
  }

  @Test(arguments: [
    ("/guestbook", "/guestbook"), ("/guestbook/", "/guestbook"), ("/guestbook/x/y", "/guestbook"),
    ("/guestbooks", "/"), ("/guestbooks/x", "/"), ("/guestboo", "/"), ("/x/guestbook", "/"),
    ("/guestbook/admin", "/guestbook/admin"), ("/guestbook/administrator", "/guestbook"),
  ])
  func aPathWithoutASlashIsForItselfAndWhatIsBelowIt(_ path: String, _ route: String) throws {
    let routes = ["/", "/guestbook", "/guestbook/admin"]
    #expect(try match(path, in: routes) == route)
    #expect(try match(path, in: routes.reversed()) == route)
  }

  @Test(arguments: [("/wiki", "/wiki"), ("/wiki/", "/wiki/"), ("/wiki/x", "/wiki/"), ("/wikipedia", "none")])
  func aPathIsSentToItsSlashOnlyWhereThatAloneIsARoute(_ path: String, _ route: String) throws {
    #expect(try match(path, in: ["/wiki", "/wiki/"]) == route)
    #expect(try match(path, in: ["/wiki/", "/wiki"]) == route)
  }

  @Test func aShorterRouteDoesNotKeepAPathFromBeingSentToItsSlash() throws {
    #expect(try match("/a/b", in: ["/", "/a", "/a/b/"]) == "lacks slash")
    #expect(try match("/a/b/", in: ["/", "/a", "/a/b/"]) == "/a/b/")
  }

  @Test func withoutARouteForAllSomePathsHaveNone() throws {
    #expect(try match("/a/x", in: ["/a/"]) == "/a/")
    #expect(try match("/a", in: ["/a/"]) == "lacks slash")
    #expect(try match("/", in: ["/a/"]) == "none" && match("/ab", in: ["/a/"]) == "none")
    #expect(try match("/a/", in: []) == "none" && match("", in: ["/a/"]) == "none")
  }

  @Test func bytesAreComparedAndNotCharacters() throws {
    // Both are «é» to a reader, and equal as strings of Swift's.
    let (composed, decomposed) = ("/\u{E9}/", "/e\u{301}/")
    #expect(composed == decomposed)
    #expect(try match(composed + "x", in: [composed]) == composed)
    #expect(try match(decomposed + "x", in: [composed]) == "none")
    #expect(try match([0x2F, 0xFF, 0x2F], in: ["/\u{FFFD}/", "/"]) == "/")
  }
}

@Suite struct PathTextTests {
  private func encoded(_ bytes: [UInt8]) -> String {
    var out = array("<")
    PathText.appendEncoded(bytes, to: &out)
    return text(out.dropFirst())
  }

  @Test func everyByteIsPlainOrEncodedSoThatItReadsBackAsItself() throws {
    let all = Array(UInt8(0)...255)
    let plain = Set(array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/!$()*+,;=:@"))
    for byte in all {
      let digits = String(byte, radix: 16, uppercase: true)
      let escape = "%" + (digits.count == 1 ? "0" : "") + digits
      #expect(encoded([byte]) == (plain.contains(byte) ? String(UnicodeScalar(byte)) : escape))
    }
  }

  @Test(arguments: [
    ("/a b/", "/a%20b/"), ("/100%/?#", "/100%25/%3F%23"), ("/ä", "/%C3%A4"), ("\"'<>&", "%22%27%3C%3E%26"), ("", ""),
    ("/\r\nSet-Cookie: x", "/%0D%0ASet-Cookie:%20x"),
  ])
  func aPathIsEncodedSoThatItStandsInAFieldAndAnAttribute(_ path: String, _ written: String) {
    #expect(encoded(array(path)) == written)
  }
}

@Suite struct PageTests {
  @Test func anErrorPageNamesTheLimitThatWasHit() {
    let page = text(ErrorPage.page(503, "All places are taken.", limit: NamedLimit("queue", "256")))
    #expect(page.contains("<code>queue = 256</code>") && page.contains("<p>All places are taken.</p>"))
    #expect(page.contains("<title>503 Service Unavailable</title>"))
    #expect(!text(ErrorPage.page(404, "Nothing.", limit: nil)).contains("<code>"))
  }

  @Test func theWordsOfAnErrorPageAreText() {
    let page = text(ErrorPage.page(400, "<b>&", limit: nil))
    #expect(page.contains("<p>&lt;b&gt;&amp;</p>"))
  }

  @Test func aLimitOfTheWireIsNamedByItsKeyAndValue() throws {
    let limit = NamedLimit(LimitHit(key: "max_body", value: 17))
    #expect(limit.key == "max_body" && limit.value == "17")
    let refusal = Refusal.bodyTooLarge(99)
    #expect(refusal.status == 413)
    #expect(try NamedLimit(#require(refusal.limit)).value == "99")
  }

  @Test func aListingShowsNamesAsTextAndLinksThemEncoded() throws {
    let site = try Site()
    try site.write("dir/<img src=x onerror=alert(1)>&\"'.txt", "12345")
    try site.write("dir/a:b", "")
    try site.write("dir/sub/x", "")
    try site.write("dir/.hidden", "")
    let page = text(Listing.page(of: try site.root(), array("dir/"), title: array("/<dir>/"), limit: 10) { _ in false })
    #expect(page.contains("<h1>/&lt;dir&gt;/</h1>") && !page.contains("<img"))
    #expect(page.contains("href=\"./%3Cimg%20src=x%20onerror=alert(1)%3E%26%22%27.txt\""))
    #expect(page.contains(">&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#39;.txt</a>"))
    // Behind `./`, what stands before a colon is no scheme.
    #expect(page.contains("href=\"./a:b\"") && page.contains("<a href=\"./sub/\">sub/</a>"))
    #expect(page.contains("<a href=\"../\">") && !page.contains(".hidden") && !page.contains("Only the first"))
  }

  @Test func aListingLeavesOutWhatOtherRoutesServe() throws {
    let site = try Site()
    try site.write("cgi-bin/x", "")
    try site.write("cgi-bin.txt", "")
    let paths = ["/", "/cgi-bin/", "/guestbook", "/a/b/", "/a/c"]
    let table = RouteTable(paths.map { Route(path: $0, runs: .pool(0)) })
    let others = table.names(below: array("/"), in: table.common)
    #expect(others == [array("cgi-bin"), array("guestbook")])
    #expect(table.names(below: array("/a/"), in: table.common) == [array("b"), array("c")])
    let page = text(Listing.page(of: try site.root(), [], title: array("/"), limit: 9) { others.contains($0) })
    #expect(page.contains("cgi-bin.txt") && !page.contains("cgi-bin/"))
  }

  @Test func aListingThatIsCutSaysSoAndTheUppermostHasNoWayUp() throws {
    let site = try Site()
    for number in 0..<5 { try site.write("\(number)", "") }
    let page = text(Listing.page(of: try site.root(), [], title: array("/"), limit: 3) { _ in false })
    #expect(page.contains("Only the first 3 entries are shown.") && !page.contains("../"))
    #expect(page.components(separatedBy: "<a href").count - 1 == 3)
    let gone = text(Listing.page(of: try site.root(), array("no/"), title: array("/no/"), limit: 3) { _ in false })
    #expect(gone.contains("could not be read"))
  }
}

extension String {
  fileprivate func components(separatedBy separator: String) -> [Substring] {
    var parts: [Substring] = []
    var rest = self[...]
    while let range = rest.firstRange(of: separator) {
      parts.append(rest[..<range.lowerBound])
      rest = rest[range.upperBound...]
    }
    return parts + [rest]
  }
}
