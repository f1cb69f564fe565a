// What becomes of a program's head and body on their way to the client (RFC 3875, section 6).

import HTTPClient
import Testing

extension EndToEndTests {
  @Suite("Responses of programs") struct CGIResponseTests {
    private func fill(_ site: Site) throws {
      func answer(_ name: String, _ output: String) throws {
        try site.write(".answers/\(name)", output)
        try site.script(name, "#!/bin/sh\nexec cat \(site.absolute(".answers/\(name)"))\n")
      }
      try answer("reason", "Status: 418 I'm a teapot\nContent-Type: text/plain\n\nshort and stout\n")
      try answer("noreason", "Status: 404\nContent-Type: text/plain\n\nnot here\n")
      try answer("crlf", "Content-Type: text/plain\r\nX-Any: \t thing \r\n\r\nbody\r\n")
      try answer("absolute", "Location: http://example.org/elsewhere?x\n\n")
      try answer("withbody", "Location: http://example.org/\nContent-Type: text/plain\n\nthere\n")
      try answer("permanent", "Status: 301 Moved\nLocation: http://example.org/\nContent-Type: text/plain\n\nthere\n")
      try answer("local", "Location: /cgi-bin/query/info?from=local\n\n")
      try answer("tofile", "Location: /file.txt\n\n")
      try answer("loop", "Location: /cgi-bin/loop\n\n")
      try answer("cookies", "Set-Cookie: a=1\nContent-Type: text/plain\nSet-Cookie: b=2; Path=/\n\ncookies\n")
      try answer("nocontent", "Status: 204 No Content\n\n")
      try answer("notmodified", "Status: 304 Not Modified\nETag: \"x\"\n\n")
      try answer("sized", "Content-Type: text/plain\nContent-Length: 5\n\nsized")
      try answer(
        "hop",
        "Content-Type: text/plain\nConnection: close\nTransfer-Encoding: chunked\n"
          + "Server: mine\nKeep-Alive: x\n\nbody\n")
      try site.script("query", plainShell + "printf '%s %s %s' \"$QUERY_STRING\" \"$PATH_INFO\" \"$REQUEST_METHOD\"\n")
      try site.script("cat", plainShell + "cat\n")
      try site.write("file.txt", "a file\n")
    }

    @Test func aDocumentHasTheStatusReasonAndFieldsOfItsProgram() throws {
      try scenario("documents", site: fill) { server in
        let reason = try server.request("/cgi-bin/reason")
        #expect(reason.status == 418 && reason.head.reason == "I'm a teapot" && reason.text == "short and stout\n")
        #expect(reason.head.first("status") == nil)
        let none = try server.request("/cgi-bin/noreason")
        #expect(none.status == 404 && none.head.reason == "Not Found" && none.text == "not here\n")
        let crlf = try server.request("/cgi-bin/crlf")
        #expect(crlf.status == 200 && crlf.head.first("x-any") == "thing" && crlf.text == "body\r\n")
        #expect(crlf.head.first("content-type") == "text/plain")
        let cookies = try server.request("/cgi-bin/cookies")
        #expect(cookies.head.fields.filter { $0.name == "set-cookie" }.map(\.value) == ["a=1", "b=2; Path=/"])
        let hop = try server.request("/cgi-bin/hop")
        #expect(hop.text == "body\n")
        #expect(hop.head.first("connection") == nil && hop.head.first("keep-alive") == nil)
        #expect(hop.head.fields.filter { $0.name == "server" }.map(\.value) == ["Tollgate"])
        #expect(hop.head.fields.filter { $0.name == "date" }.count == 1)
      }
    }

    @Test func redirectsSendTheClientElsewhere() throws {
      try scenario("redirects", site: fill) { server in
        let absolute = try server.request("/cgi-bin/absolute")
        #expect(absolute.status == 302 && absolute.head.reason == "Found" && absolute.body.isEmpty)
        #expect(absolute.head.first("location") == "http://example.org/elsewhere?x")
        let withBody = try server.request("/cgi-bin/withbody")
        #expect(withBody.status == 302 && withBody.text == "there\n")
        let permanent = try server.request("/cgi-bin/permanent")
        #expect(permanent.status == 301 && permanent.head.first("location") == "http://example.org/")
      }
    }

    /// RFC 3875, section 6.2.2: the answer is that of the other path, as if it had been asked for by GET.
    @Test func aLocalRedirectIsAnsweredByThePathThatItNames() throws {
      try scenario("local redirects", site: fill) { server in
        let local = try server.request("/cgi-bin/local")
        #expect(local.status == 200 && local.text == "from=local /info GET")
        let file = try server.request("/cgi-bin/tofile")
        #expect(file.status == 200 && file.text == "a file\n")
        let loop = try server.request("/cgi-bin/loop")
        #expect(loop.status == 500 || loop.status == 502 || loop.status == 508)
        let posted = try server.request("/cgi-bin/local", method: "POST", body: bytes("a body"))
        #expect(posted.status == 200 && posted.text == "from=local /info GET")
      }
    }

    /// The request that a redirect makes comes before all that was read ahead, however much that is.
    @Test func aLocalRedirectBeforeManyPipelinedRequestsIsAnsweredInItsTurn() throws {
      try scenario("redirects and pipelining", arguments: ["--loops", "1"], site: fill) { server in
        try server.site.script("far", "#!/bin/sh\nprintf 'Location: /file.txt?%07900d\\n\\n' 1\n")
        try server.site.script("farther", "#!/bin/sh\nprintf 'Location: /file.txt?%09000d\\n\\n' 1\n")
        #expect(try server.request("/cgi-bin/farther").status == 502)
        var connection = try server.connect()
        let padding = "X-Padding: " + String(repeating: "y", count: 4000)
        for _ in 0..<100 {
          try connection.send(Server.head("/cgi-bin/far") + Server.head("/file.txt", [padding]))
        }
        for number in 0..<200 { #expect(try connection.readResponse().text == "a file\n", "answer \(number)") }
      }
    }

    @Test func answersWithoutABodyHaveNone() throws {
      try scenario("no body", site: fill) { server in
        var connection = try server.connect()
        for (target, method, status) in [
          ("/cgi-bin/nocontent", "GET", 204), ("/cgi-bin/notmodified", "GET", 304),
          ("/cgi-bin/sized", "HEAD", 200), ("/cgi-bin/reason", "HEAD", 418),
        ] {
          try connection.send(Server.head(target, method: method))
          let response = try connection.readResponse(toHead: method == "HEAD")
          #expect(response.status == status && response.body.isEmpty, "\(target)")
          if status == 204 {
            #expect(response.head.first("content-length") == nil && response.head.first("transfer-encoding") == nil)
          }
          // A body that should not be there would be read as the next answer.
          try connection.send(Server.head("/file.txt"))
          #expect(try connection.readResponse().text == "a file\n", "after \(target)")
        }
        let sized = try server.request("/cgi-bin/sized", method: "HEAD")
        #expect(sized.head.first("content-length") == "5")
      }
    }

    @Test func anOldClientGetsNoChunks() throws {
      try scenario("HTTP/1.0 answers", site: fill) { server in
        var connection = try server.connect()
        try connection.send("GET /cgi-bin/query?old HTTP/1.0\r\n\r\n")
        let all = String(decoding: try connection.readUntilClosed(), as: UTF8.self)
        #expect(all.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(!all.lowercased().contains("transfer-encoding"))
        #expect(all.hasSuffix("\r\n\r\nold  GET"))
        // Where the length is known, even such a client may keep its connection.
        connection = try server.connect()
        for _ in 0..<2 {
          try connection.send("GET /cgi-bin/sized HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
          let sized = try connection.readResponse()
          #expect(sized.text == "sized" && sized.head.first("connection") == "keep-alive")
        }
      }
    }

    @Test func requestsSentAheadAreAnsweredInTheirOrder() throws {
      try scenario("pipelined programs", site: fill) { server in
        var connection = try server.connect()
        let body = randomBytes(150_000, seed: 4)
        try connection.send(
          bytes(
            Server.head("/cgi-bin/query?1") + Server.head("/file.txt")
              + Server.head("/cgi-bin/cat", ["Content-Length: \(body.count)"], method: "POST"))
            + body + bytes(Server.head("/cgi-bin/query?2")) + bytes(Server.head("/cgi-bin/sized", method: "HEAD"))
            + bytes(Server.head("/cgi-bin/query?3")))
        #expect(try connection.readResponse().text == "1  GET")
        #expect(try connection.readResponse().text == "a file\n")
        #expect(try connection.readResponse().body == body)
        #expect(try connection.readResponse().text == "2  GET")
        #expect(try connection.readResponse(toHead: true).status == 200)
        #expect(try connection.readResponse().text == "3  GET")
      }
    }
  }
}
