// Bodies of requests: framed by length or in chunks, small, spooled, asked for by 100-continue, and followed by more.

import HTTPClient
import HTTPWire
import Testing

extension EndToEndTests {
  @Suite("Bodies") struct BodyTests {
    private func fill(_ site: Site) throws {
      try site.write("small.txt", "behind\n")
      let head = "#!/bin/sh\nprintf 'Content-Type: application/octet-stream\\n"
      // The length first, as the script was told it, then every byte that it could read.
      try site.script("echo", head + "X-Length: %s\\n\\n' \"${CONTENT_LENGTH-unset}\"\nexec cat\n")
      // Reads nothing of its body.
      try site.script("deaf", head + "\\ndeaf'\n")
      try site.write("cgi-bin/plain.txt", "not executable\n")
    }

    private static func chunked(_ body: [UInt8], sizes: [Int]) -> [UInt8] {
      var framed: [UInt8] = []
      var position = 0
      var turn = 0
      while position < body.count {
        let end = min(body.count, position + sizes[turn % sizes.count])
        framed += bytes(String(end - position, radix: 16) + (turn % 3 == 1 ? ";name=value" : "") + "\r\n")
        framed += body[position..<end] + [13, 10]
        position = end
        turn += 1
      }
      return framed + bytes("0\r\nX-Trailer: seen\r\n\r\n")
    }

    private static let chunkedHead = Server.head(
      "/cgi-bin/echo", ["Transfer-Encoding: chunked"], method: "POST")

    @Test func aBodyByLengthReachesTheScriptByteForByte() throws {
      try scenario("by length", site: fill) { server in
        for count in [1, 2, 1000, 65_535, 65_536, 65_537, 1 << 20, 10 << 20] {
          let body = randomBytes(count, seed: UInt64(count))
          let response = try server.request("/cgi-bin/echo", method: "POST", body: body)
          #expect(response.status == 200, "\(count) bytes")
          #expect(response.head.first("x-length") == "\(count)")
          #expect(response.body == body, "\(count) bytes")
        }
      }
    }

    @Test func aChunkedBodyReachesTheScriptWithItsLength() throws {
      try scenario("chunked", site: fill) { server in
        for (count, sizes) in [
          (1, [1]), (1000, [1, 7, 300]), (65_536, [65_536]), (65_537, [4096]), (1 << 20, [1, 8191, 20_000]),
          (10 << 20, [100_000, 33_333]),
        ] {
          let body = randomBytes(count, seed: UInt64(count))
          var connection = try server.connect()
          try connection.send(bytes(Self.chunkedHead) + Self.chunked(body, sizes: sizes))
          let response = try connection.readResponse()
          #expect(response.status == 200, "\(count) bytes")
          // RFC 3875, section 4.1.2: what is known when the body is whole, the script is told.
          #expect(response.head.first("x-length") == "\(count)")
          #expect(response.body == body, "\(count) bytes in \(sizes)")
        }
      }
    }

    @Test func withoutABodyTheScriptReadsNothing() throws {
      try scenario("no body", site: fill) { server in
        var connection = try server.connect()
        for method in ["GET", "POST", "PUT", "DELETE"] {
          let length = method == "POST" ? ["Content-Length: 0"] : []
          try connection.send(Server.head("/cgi-bin/echo", length, method: method) + Server.head("/small.txt"))
          #expect(try connection.readResponse().body == [], "\(method)")
          #expect(try connection.readResponse().body == bytes("behind\n"), "\(method)")
        }
        try connection.send(Self.chunkedHead + "0\r\n\r\n" + Server.head("/small.txt"))
        #expect(try connection.readResponse().body == [])
        #expect(try connection.readResponse().body == bytes("behind\n"))
      }
    }

    @Test func whatFollowsABodyIsTheNextRequest() throws {
      try scenario("behind a body", site: fill) { server in
        var connection = try server.connect()
        var sent: [UInt8] = []
        var wanted: [[UInt8]] = []
        for (turn, count) in [10, 70_000, 3, 300_000].enumerated() {
          let body = randomBytes(count, seed: UInt64(turn))
          let length = ["Content-Length: \(count)"]
          sent += bytes(Server.head("/cgi-bin/echo", length, method: "POST")) + body + bytes(Server.head("/small.txt"))
          wanted += [body, bytes("behind\n")]
          sent += bytes(Self.chunkedHead) + Self.chunked(body, sizes: [1000]) + bytes(Server.head("/small.txt"))
          wanted += [body, bytes("behind\n")]
        }
        try connection.send(sent)
        for (number, body) in wanted.enumerated() {
          #expect(try connection.readResponse().body == body, "answer \(number)")
        }
      }
    }

    @Test func aScriptThatReadsNothingOfALongBodyDisturbsNothing() throws {
      try scenario("a deaf script", site: fill) { server in
        var connection = try server.connect()
        for count in [10, 100_000, 2 << 20] {
          let length = ["Content-Length: \(count)"]
          try connection.send(
            bytes(Server.head("/cgi-bin/deaf", length, method: "POST")) + randomBytes(count, seed: 3))
          #expect(try connection.readResponse().body == bytes("deaf"))
          try connection.send(Server.head("/small.txt"))
          #expect(try connection.readResponse().body == bytes("behind\n"))
        }
      }
    }

    @Test func leaveToSendIsGivenOnlyWhereTheBodyIsWanted() throws {
      try scenario("100-continue", site: fill) { server in
        let expect = ["Expect: 100-continue", "Content-Length: 5"]
        var connection = try server.connect()
        try connection.send(Server.head("/cgi-bin/echo", expect, method: "POST"))
        #expect(try connection.read(count: 25) == bytes("HTTP/1.1 100 Continue\r\n\r\n"))
        try connection.send("hello")
        var response = try connection.readResponse()
        #expect(response.status == 200 && response.body == bytes("hello"))
        #expect(response.interimStatuses == [])

        // Chunked, and on the same connection.
        try connection.send(
          Server.head("/cgi-bin/echo", ["Expect: 100-continue", "Transfer-Encoding: chunked"], method: "POST"))
        #expect(try connection.read(count: 25) == bytes("HTTP/1.1 100 Continue\r\n\r\n"))
        try connection.send("5\r\nhello\r\n0\r\n\r\n")
        response = try connection.readResponse()
        #expect(response.body == bytes("hello"))

        // A client that sends at once has no need of leave, and HTTP/1.0 knows none.
        try connection.send(Server.head("/cgi-bin/echo", expect, method: "POST") + "hello")
        response = try connection.readResponse()
        #expect(response.interimStatuses == [] && response.body == bytes("hello"))
        var old = try server.connect()
        try old.send("POST /cgi-bin/echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        try old.send("hello")
        response = try old.readResponse()
        #expect(response.interimStatuses == [] && response.body == bytes("hello"))
      }
    }

    @Test func aBodyThatIsNotWantedIsNotAskedFor() throws {
      try scenario("no leave", site: fill) { server in
        let refused: [(path: String, length: Int, status: Int)] = [
          ("/cgi-bin/missing", 5, 404), ("/cgi-bin/plain.txt", 5, 403), ("/small.txt", 5, 405),
          ("/cgi-bin/echo", (1 << 30) + 1, 413),
        ]
        for row in refused {
          var connection = try server.connect()
          let fields = ["Expect: 100-continue", "Content-Length: \(row.length)"]
          try connection.send(Server.head(row.path, fields, method: "POST"))
          let response = try connection.readResponse()
          #expect(response.status == row.status, "\(row.path)")
          #expect(response.interimStatuses == [], "\(row.path)")
          // What the client now sends could be taken for a request: the connection ends.
          #expect(response.head.first("connection") == "close", "\(row.path)")
          #expect(try connection.readUntilClosed() == [], "\(row.path)")
        }
        #expect(server.waitForLog(containing: "max_body = 1073741824"))
      }
    }

    @Test func aClientThatLeavesWithinItsBodyStartsNoScript() throws {
      func fillMarked(_ site: Site) throws {
        try fill(site)
        try site.script("mark", "#!/bin/sh\n: >\"\(site.path)/ran\"\nprintf 'Content-Type: text/plain\\n\\n'\n")
      }
      try scenario("left within a body", site: fillMarked) { server in
        for sent in [3, 100_000] {
          var connection = try server.connect()
          try connection.send(Server.head("/cgi-bin/mark", ["Content-Length: 1000000"], method: "POST"))
          try connection.send(randomBytes(sent, seed: 9))
          connection.finishSending()
          #expect(try connection.readUntilClosed() == [])
        }
        #expect(server.site.read("ran") == nil)
        #expect(try server.request("/cgi-bin/mark", method: "POST", body: bytes("x")).status == 200)
        #expect(server.site.read("ran") == [])
      }
    }

    @Test func aSlowBodyArrivesPieceByPiece() throws {
      try scenario("in pieces", site: fill) { server in
        let body = randomBytes(200_000, seed: 21)
        var connection = try server.connect()
        try connection.send(bytes(Server.head("/cgi-bin/echo", ["Content-Length: 200000"], method: "POST")))
        for start in stride(from: 0, to: body.count, by: 977) {
          try connection.send(Array(body[start..<min(start + 977, body.count)]))
        }
        #expect(try connection.readResponse().body == body)
      }
    }
  }
}
