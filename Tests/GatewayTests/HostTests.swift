import Testing

@testable import Gateway

/// «Top-level routes serve the hosts that no site names. An exact name beats the longest wildcard; `*` is one label or
/// more; the port is ignored.»
@Suite struct HostTests {
  private let hosts = [
    ["example.org", "*.example.org"], ["*.deep.example.org"], ["www.example.org", "Example.COM."], ["[2001:DB8::1]"],
    ["example.org", "*.net"], ["192.0.2.1"],
  ]

  private func site(_ host: String) -> Int? {
    let bytes = array("GET / HTTP/1.1\r\nHost: " + host + "\r\n")
    return HostTable(hosts).site(of: 22..<22 + host.utf8.count, in: bytes.span)
  }

  @Test(arguments: [
    ("www.example.org", 2), ("example.org", 0), ("a.example.org", 0), ("a.deep.example.org", 1),
    ("a.b.deep.example.org", 1), ("deep.example.org", 0), ("www.deep.example.org", 1), ("x.www.example.org", 0),
  ])
  func anExactNameBeatsTheLongestWildcard(_ host: String, _ expected: Int) {
    #expect(site(host) == expected)
  }

  @Test(
    arguments: [
      ("a.net", 4), ("a.b.c.net", 4), ("net", nil), (".net", nil), ("..net", nil), ("xnet", nil), ("a.network", nil),
      ("aexample.org", nil), ("*.net", 4),
    ] as [(String, Int?)])
  func aStarIsOneLabelOrMore(_ host: String, _ expected: Int?) {
    #expect(site(host) == expected)
  }

  @Test(arguments: [
    "example.com", "example.com:80", "example.com:", "EXAMPLE.com", "example.com.", "Example.Com.:8080",
  ])
  func portCaseAndOneDotAtTheEndAreIgnored(_ host: String) {
    #expect(site(host) == 2)
  }

  @Test(
    arguments: [
      ("example.com..", nil), ("com", nil), ("", nil), (":80", nil), ("other.test", nil), ("192.0.2.1:80", 5),
      ("192.0.2.10", nil), ("[2001:db8::1]", 3), ("[2001:Db8::1]:443", 3), ("[2001:db8::2]", nil), ("2001:db8::1", nil),
      ("example%2eorg", nil), ("user@example.org", nil),
    ] as [(String, Int?)])
  func aHostThatNoSiteNamesHasNone(_ host: String, _ expected: Int?) {
    #expect(site(host) == expected)
  }

  @Test func withoutSitesEveryRouteIsForAllHosts() {
    let table = RouteTable([Route(path: "/", runs: .pool(0))])
    #expect(!table.hasSites)
    #expect(table.routes(of: 0..<1, in: array("a").span) == 0..<1)
  }

  @Test func theNumbersOfRoutesRunOverAllSitesAndTheirNamesSayTheSite() {
    let table = RouteTable(
      ["/", "/long/"].map { Route(path: $0, runs: .pool(0)) },
      sites: [
        SiteSettings(hosts: ["a.test", "b.test"], routes: ["/", "/x"].map { Route(path: $0, runs: .pool(0)) }),
        SiteSettings(hosts: ["*.c.test"], routes: [Route(path: "/y/", runs: .pool(0))]),
      ])
    #expect(table.names.map { text($0) } == ["/long/", "/", "a.test/x", "a.test/", "*.c.test/y/"])
    #expect(table.routes.map(\.number) == Array(0..<5))
    #expect(table.common == 0..<2)
    for (host, range) in [("b.test", 2..<4), ("z.c.test", 4..<5), ("c.test", 0..<2)] {
      #expect(table.routes(of: 0..<host.utf8.count, in: array(host).span) == range)
    }
    #expect(table.routes(of: nil, in: array("").span) == 0..<2)
    // What other routes serve in a directory is left out of its listing, but not what other sites' routes do.
    #expect(table.names(below: array("/"), in: 2..<4) == [array("x")])
  }
}
