// Requests that are refused: with which status, in which words, and that the connection then ends.

import HTTPClient
import HTTPWire
import Testing

extension EndToEndTests {
  @Suite("Refusals") struct RefusalTests {
    /// What is sent, the status that it is refused with, and what the log's line says of it.
    static let table: [(sent: String, status: Int, words: String)] = [
      ("GET / HTTP/1.1\nHost: a\n\n", 400, "a line feed without a carriage return"),
      ("GET / HTTP/1.1\rHost: a\r\n\r\n", 400, "a carriage return without a line feed"),
      ("\n", 400, "a line feed without a carriage return"),
      ("\r\n\r\n\r\n\r\n\r\n", 400, "too many empty lines"),
      ("GET  / HTTP/1.1\r\n\r\n", 400, "more than one space"),
      ("GET /\r\n\r\n", 400, "without a protocol version"),
      ("GET / http/1.1\r\n\r\n", 400, "does not end with HTTP/1.1"),
      ("G@T / HTTP/1.1\r\n\r\n", 400, "does not begin with a method"),
      ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0", 400, "a TLS handshake"),
      ("GET /\u{1} HTTP/1.1\r\n\r\n", 400, "not printable ASCII"),
      ("GET /\u{e9} HTTP/1.1\r\n\r\n", 400, "not printable ASCII"),
      ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "neither a path nor an http URL"),
      ("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "a fragment"),
      ("GET /%0 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "without two hexadecimal digits"),
      ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "without two hexadecimal digits"),
      ("GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "NUL"),
      ("GET /../a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "above the root"),
      ("GET /%2e%2E/a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "above the root"),
      ("GET / HTTP/1.1\r\n\r\n", 400, "Host"),
      ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "Host"),
      ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "Host"),
      ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "white space"),
      ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400, "folded"),
      ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400, "without a colon"),
      ("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400, "does not begin with a name"),
      ("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400, "a control character in a field value"),
      (
        "POST /cgi-bin/cat HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        400, "more than one Content-Length"
      ),
      ("POST /cgi-bin/cat HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde", 400, "not one decimal number"),
      (
        "POST /cgi-bin/cat HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400, "together with Transfer-Encoding"
      ),
      (
        "POST /cgi-bin/cat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        400, "chunked is not alone"
      ),
      ("POST /cgi-bin/cat HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "in an HTTP/1.0 request"),
      (
        "POST /cgi-bin/cat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        400, "a chunk without a size"
      ),
      (
        "POST /cgi-bin/cat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        400, "longer than its size"
      ),
      (
        "POST /cgi-bin/cat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        400, "a line feed without"
      ),
      (
        "POST /cgi-bin/cat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        400, "out of range"
      ),
      (
        "POST /cgi-bin/cat HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\nContent-Length: 1\r\n\r\na",
        417, "an expectation other than"
      ),
      (
        "POST /cgi-bin/cat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501, "other than chunked"
      ),
      (String(repeating: "A", count: 33) + " / HTTP/1.1\r\n\r\n", 501, "request_method = 32"),
      ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "a version other than"),
      ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, "a version other than"),
      ("GET / HTTP/0.9\r\n\r\n", 505, "a version other than"),
    ]

    private func fill(_ site: Site) throws {
      try site.write("index.html", "<p>home</p>\n")
      try site.script("cat", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nexec cat\n")
    }

    /// Sends, reads the answer, and asserts that it says no, that the log's next line says why, and that nothing which
    /// was sent behind it is answered.
    private func expectRefusal(_ server: Server, _ sent: [UInt8], _ status: Int, _ words: String) throws {
      let label = String(decoding: sent.prefix(100), as: UTF8.self).debugDescription
      let linesBefore = server.log.count
      var connection = try server.connect()
      try connection.send(sent + bytes(Server.head("/")))
      let response = try connection.readResponse()
      #expect(response.status == status, "\(label)")
      #expect(response.head.first("connection") == "close", "\(label)")
      #expect(String(decoding: response.body, as: UTF8.self).contains(words), "\(label)")
      #expect(try connection.readUntilClosed() == [], "\(label)")
      let said = eventually(within: 3) {
        server.log.dropFirst(linesBefore).contains { $0.contains("\(status), ") && $0.contains(words) }
      }
      #expect(said, "\(label): \(server.log.dropFirst(linesBefore))")
    }

    @Test func everyFaultHasItsStatusItsWordsAndItsEnd() throws {
      try scenario("refusals", site: fill) { server in
        for row in Self.table { try expectRefusal(server, bytes(row.sent), row.status, row.words) }
        // Nothing of it did harm.
        #expect(try server.request("/").body == bytes("<p>home</p>\n"))
      }
    }

    @Test func whatIsTooLongIsRefusedWithTheLimitsNameAndValue() throws {
      try scenario("limits of a head", site: fill) { server in
        let long = "GET /" + String(repeating: "a", count: 9000) + " HTTP/1.1\r\nHost: a\r\n\r\n"
        try expectRefusal(server, bytes(long), 414, "request_line = 8192")
        let field = "X: " + String(repeating: "b", count: 33_000) + "\r\n"
        try expectRefusal(server, bytes("GET / HTTP/1.1\r\nHost: a\r\n\(field)\r\n"), 431, "request_head = 32768")
        let fields = String(repeating: "X: y\r\n", count: 100)
        try expectRefusal(server, bytes("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"), 431, "request_fields = 100")
        // Just within all three.
        let most = String(repeating: "X: y\r\n", count: 98) + "Y: " + String(repeating: "b", count: 20_000) + "\r\n"
        let target = "/?" + String(repeating: "q", count: 8_100)
        var connection = try server.connect()
        try connection.send("GET \(target) HTTP/1.1\r\nHost: a\r\n\(most)\r\n")
        #expect(try connection.readResponse().body == bytes("<p>home</p>\n"))
      }
    }

    @Test func aFaultBehindGoodRequestsLeavesTheirAnswersWhole() throws {
      try scenario("a fault behind good requests", site: fill) { server in
        var connection = try server.connect()
        try connection.send(Server.head("/") + Server.head("/cgi-bin/cat") + "GET /x HTTP/1.1\n\n" + Server.head("/"))
        #expect(try connection.readResponse().body == bytes("<p>home</p>\n"))
        #expect(try connection.readResponse().status == 200)
        #expect(try connection.readResponse().status == 400)
        #expect(try connection.readUntilClosed() == [])
      }
    }

    @Test func aRefusalIsReadThoughTheClientIsStillSending() throws {
      // Without lingering, what comes behind would be met by a reset, and the answer lost with it.
      try scenario("still sending", site: fill) { server in
        var connection = try server.connect()
        try connection.send("POST /cgi-bin/missing HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
        for piece in 0..<20 { try connection.send(randomBytes(60_000, seed: UInt64(piece))) }
        #expect(try connection.readResponse().status == 404)
        #expect(try connection.readUntilClosed() == [])
      }
    }

    @Test func methodsThatAreNotServedAreNamedWithThoseThatAre() throws {
      try scenario("methods", site: fill) { server in
        for method in ["POST", "PUT", "DELETE", "PATCH", "PROPFIND", "TRACE"] {
          let response = try server.request("/index.html", method: method)
          #expect(response.status == 405, "\(method)")
          #expect(response.head.first("allow")?.contains("GET, HEAD") == true, "\(method)")
        }
        let options = try server.request("*", method: "OPTIONS")
        #expect(options.status == 204)
        #expect(options.head.first("allow") != nil)
        #expect(try server.request("/index.html").body == bytes("<p>home</p>\n"))
      }
    }
  }
}
