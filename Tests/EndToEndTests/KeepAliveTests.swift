// Connections that carry more than one request, and those that do not (RFC 9112, section 9).

import HTTPClient
import HTTPWire
import Testing

extension EndToEndTests {
  @Suite("Keep-alive and pipelining") struct KeepAliveTests {
    private let small = bytes("small and plain\n")
    /// Too large to be kept in memory: sent by sendfile.
    private let large = randomBytes(300_000, seed: 11)

    private func fill(_ site: Site) throws {
      try site.write("small.txt", small)
      try site.write("large.bin", large)
      try site.script("echo", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nprintf '%s' \"$QUERY_STRING\"\n")
    }

    @Test func oneConnectionCarriesFilesErrorsAndScriptsInTheirOrder() throws {
      try scenario("keep-alive", site: fill) { server in
        var connection = try server.connect()
        for round in 0..<20 {
          try connection.send(Server.head("/small.txt"))
          var response = try connection.readResponse()
          #expect(response.status == 200)
          #expect(response.body == small)
          #expect(response.head.first("connection") == nil)
          try connection.send(Server.head("/missing"))
          response = try connection.readResponse()
          #expect(response.status == 404)
          try connection.send(Server.head("/large.bin"))
          response = try connection.readResponse()
          #expect(response.body == large)
          try connection.send(Server.head("/cgi-bin/echo?round\(round)"))
          response = try connection.readResponse()
          #expect(response.body == bytes("round\(round)"))
        }
      }
    }

    @Test func manyRequestsInOneSegmentAreAnsweredInTheirOrder() throws {
      try scenario("pipelining", site: fill) { server in
        var connection = try server.connect()
        var requests = ""
        for number in 0..<120 {
          requests += Server.head(
            number % 40 == 7 ? "/cgi-bin/echo?\(number)" : number % 10 == 3 ? "/large.bin" : "/small.txt?\(number)")
        }
        try connection.send(requests + Server.head("/missing", ["Connection: close"]))
        for number in 0..<120 {
          let response = try connection.readResponse()
          #expect(response.status == 200, "request \(number)")
          let right = number % 40 == 7 ? bytes("\(number)") : number % 10 == 3 ? large : small
          #expect(response.body == right, "request \(number)")
        }
        let last = try connection.readResponse()
        #expect(last.status == 404)
        #expect(last.head.first("connection") == "close")
        #expect(try connection.isClosedByPeer())
      }
    }

    @Test func twoRequestsSplitAtEveryByteAreReadTheSame() throws {
      try scenario("split", site: fill) { server in
        let requests =
          bytes("POST /cgi-bin/echo?a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
          + bytes(Server.head("/small.txt", ["X-Field:  spaced \t"]))
        for cut in 1..<requests.count {
          var connection = try server.connect()
          try connection.send(Array(requests[..<cut]))
          try connection.send(Array(requests[cut...]))
          let first = try connection.readResponse()
          #expect(first.status == 200 && first.body == bytes("a"), "cut at \(cut)")
          let second = try connection.readResponse()
          #expect(second.status == 200 && second.body == small, "cut at \(cut)")
        }
        // And every byte by itself.
        var connection = try server.connect()
        for byte in requests { try connection.send([byte]) }
        #expect(try connection.readResponse().body == bytes("a"))
        #expect(try connection.readResponse().body == small)
      }
    }

    @Test func headHasTheFieldsOfGetAndNoBody() throws {
      try scenario("HEAD", site: fill) { server in
        var connection = try server.connect()
        for (path, length) in [("/small.txt", small.count), ("/large.bin", large.count)] {
          try connection.send(Server.head(path) + Server.head(path, method: "HEAD"))
          let whole = try connection.readResponse()
          let head = try connection.readResponse(toHead: true)
          #expect(whole.bodyLength == length)
          #expect(head.status == 200)
          for name in ["content-length", "content-type", "etag", "last-modified", "accept-ranges"] {
            #expect(head.head.first(name) != nil, "\(name) of \(path)")
            #expect(head.head.first(name) == whole.head.first(name), "\(name) of \(path)")
          }
        }
        // Had a body followed one of these heads, the next answer could not be read.
        try connection.send(Server.head("/missing", method: "HEAD") + Server.head("/cgi-bin/echo?x", method: "HEAD"))
        #expect(try connection.readResponse(toHead: true).status == 404)
        #expect(try connection.readResponse(toHead: true).status == 200)
        try connection.send(Server.head("/small.txt"))
        #expect(try connection.readResponse().body == small)
      }
    }

    @Test func connectionCloseIsHonouredAndAnnounced() throws {
      try scenario("close", site: fill) { server in
        for path in ["/small.txt", "/large.bin", "/cgi-bin/echo?q", "/missing"] {
          var connection = try server.connect()
          // What follows is not to be answered.
          try connection.send(Server.head(path, ["Connection: close"]) + Server.head("/small.txt"))
          let response = try connection.readResponse()
          #expect(response.head.first("connection") == "close", "\(path)")
          #expect(try connection.isClosedByPeer(), "\(path)")
        }
      }
    }

    @Test func anOldClientIsAnsweredAndLeftUnlessItAsksToStay() throws {
      try scenario("HTTP/1.0", site: fill) { server in
        for path in ["/small.txt", "/large.bin", "/cgi-bin/echo?old"] {
          var connection = try server.connect()
          try connection.send("GET \(path) HTTP/1.0\r\n\r\n")
          let response = try connection.readResponse()
          #expect(response.status == 200)
          #expect(response.head.first("transfer-encoding") == nil, "RFC 9112, section 6.1")
          #expect(try connection.isClosedByPeer(), "\(path)")
          let right = path.hasSuffix("old") ? bytes("old") : path.hasSuffix("txt") ? small : large
          #expect(response.body == right)
        }
        var connection = try server.connect()
        for _ in 0..<3 {
          try connection.send("GET /small.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
          let response = try connection.readResponse()
          #expect(response.head.first("connection")?.lowercased() == "keep-alive")
          #expect(response.body == small)
        }
        // Where a script does not say how long its answer is, only the connection's end can say it.
        try connection.send("GET /cgi-bin/echo?kept HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        let response = try connection.readResponse()
        #expect(response.body == bytes("kept"))
        if response.head.first("content-length") == nil {
          #expect(response.head.first("connection") == "close")
          #expect(try connection.isClosedByPeer())
        }
      }
    }

    @Test func aWholeURLAsTargetIsServedAsItsPath() throws {
      try scenario("absolute form", site: fill) { server in
        var connection = try server.connect()
        for target in ["http://test/small.txt", "HTTP://other:80/small.txt?q", "http://test/x/../small.txt"] {
          try connection.send(Server.head(target))
          #expect(try connection.readResponse().body == small, "\(target)")
        }
      }
    }

    @Test func manyPipelinedAnswersWaitForASlowReader() throws {
      try scenario("a slow reader of many answers", arguments: ["--loops", "1"], site: fill) { server in
        var connection = try server.connect()
        // 60 MB of answers, asked for before any is read: neither the sockets nor the server can hold them.
        for _ in 0..<200 { try connection.send(Server.head("/large.bin") + Server.head("/small.txt")) }
        #expect(try server.request("/small.txt").body == small)
        for number in 0..<40 {
          #expect(try connection.readResponse().body == large, "answer \(number)")
          #expect(try connection.readResponse().body == small, "answer \(number)")
        }
        // And then it goes, with answers on their way.
      }
    }

    @Test func aClientThatStopsSendingGetsWhatItAskedFor() throws {
      try scenario("half-closed", site: fill) { server in
        var connection = try server.connect()
        try connection.send(Server.head("/small.txt") + Server.head("/large.bin"))
        connection.finishSending()
        #expect(try connection.readResponse().body == small)
        #expect(try connection.readResponse().body == large)
        #expect(try connection.isClosedByPeer())
      }
    }
  }
}
