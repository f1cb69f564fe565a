import HTTPClient
import Kernel
import Testing

/// Accepts one connection, waits for the end of a request head, sends the pieces with pauses between, and closes.
private struct OneAnswer {
  let address: String
  private let ended = Condition(false)

  init(_ pieces: [String]) throws {
    let listener = try Listener(SocketAddress(parsing: "127.0.0.1:0"))
    address = listener.address.text
    let ended = self.ended
    Threads.start(name: "one-answer") { [listener = consume listener] in
      serve(listener, pieces)
      ended.change { ended in ended = true }
    }
  }

  func finish() { ended.wait { $0 ? () : nil } }
}

private func serve(_ listener: borrowing Listener, _ pieces: [String]) {
  for _ in 0..<5_000 {
    switch accept(on: listener.descriptor.raw) {
    case .connection(let descriptor, _):
      var buffer = [UInt8](repeating: 0, count: 4096)
      var count = 0
      while !String(decoding: buffer[..<count], as: UTF8.self).contains("\r\n\r\n") {
        switch receive(descriptor.raw, into: &buffer, at: count) {
        case .bytes(0), .failed: return
        case .bytes(let more): count += more
        case .wouldBlock: Clock.sleep(milliseconds: 1)
        }
      }
      for piece in pieces {
        guard (try? writeFully(descriptor.raw, Array(piece.utf8))) != nil else { return }
        Clock.sleep(milliseconds: 2)
      }
      return
    case .none: Clock.sleep(milliseconds: 1)
    case .failed: return
    }
  }
}

@Suite struct HTTPClientTests {
  private func get(_ pieces: [String], bodyCapBytes: Int = 65_536) throws -> Exchange {
    let server = try OneAnswer(pieces)
    let url = "http://\(server.address)/x?y"
    let result = Result { () throws(ClientError) in
      try HTTPClient.get(url: url, timeoutMilliseconds: 5_000, bodyCapBytes: bodyCapBytes)
    }
    server.finish()
    return try result.get()
  }

  @Test func aBodyByLengthIsReadToItsEnd() throws {
    let exchange = try get(["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n", "\r\n01234", "56789"])
    #expect(exchange.response.status == 200)
    #expect(exchange.response.body == Array("0123456789".utf8))
    #expect(exchange.response.wireBytes == 49)
    #expect(exchange.timings.receive > 0 && exchange.timings.wait > 0)
  }

  @Test func aChunkedBodyIsDecodedAtEverySplit() throws {
    let wire =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n5;a=b\r\npedia\r\n0\r\nX: y\r\n\r\n"
    for split in stride(from: 45, to: wire.utf8.count, by: 5) {
      let exchange = try get([String(wire.prefix(split)), String(wire.dropFirst(split))])
      #expect(exchange.response.body == Array("Wikipedia".utf8), "split at \(split)")
      #expect(exchange.response.wireBytes == Int64(wire.utf8.count))
    }
  }

  @Test func aBodyWithoutFramingEndsWithTheConnection() throws {
    let exchange = try get(["HTTP/1.0 200 OK\r\n\r\nabc", "def"])
    #expect(exchange.response.body == Array("abcdef".utf8))
  }

  @Test func interimHeadsArePassedOver() throws {
    let exchange = try get(["HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"])
    #expect(exchange.response.status == 204)
    #expect(exchange.response.interimStatuses == [103])
    #expect(exchange.response.bodyLength == 0)
  }

  @Test func aBodyBeyondTheCapIsCountedAndNotKept() throws {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"
    let exchange = try get([head, String(repeating: "x", count: 300_000)], bodyCapBytes: 7)
    #expect(exchange.response.body.count == 7)
    #expect(exchange.response.bodyLength == 300_000)
    #expect(!exchange.response.isBodyComplete)
  }

  @Test(arguments: [
    ["SSH-2.0-OpenSSH\r\n\r\n"], ["HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
  ])
  func whatIsNotHTTPIsAProtocolError(_ pieces: [String]) throws {
    let error = #expect(throws: ClientError.self) { try self.get(pieces) }
    guard case .protocolError = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(arguments: [
    [], ["HTTP/1.1 200"], ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"],
  ])
  func anAnswerCutShortIsALostConnection(_ pieces: [String]) throws {
    let error = #expect(throws: ClientError.self) { try self.get(pieces) }
    guard case .connectionLost = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func silenceIsATimeout() throws {
    let listener = try Listener(SocketAddress(parsing: "127.0.0.1:0"))
    let url = "http://\(listener.address.text)/"
    let error = #expect(throws: ClientError.self) { try HTTPClient.get(url: url, timeoutMilliseconds: 50) }
    #expect(error == .timedOut("no answer, or not all of it, within 50 ms"))
  }

  @Test func aRefusedConnectionNamesTheAddress() throws {
    let address = try Listener(SocketAddress(parsing: "127.0.0.1:0")).address.text
    let error = #expect(throws: ClientError.self) { try HTTPClient.get(url: "http://\(address)/") }
    #expect(error == .cannotConnect("cannot connect to \(address): Connection refused"))
  }

  @Test func answersInARowAreToldApart() throws {
    let two = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneHTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\ntwo"
    let server = try OneAnswer([two])
    var connection = try RawConnection(to: server.address, timeoutMilliseconds: 5_000)
    try connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(try connection.readResponse().body == Array("one".utf8))
    let second = try connection.readResponse()
    #expect(second.status == 404 && second.body == Array("two".utf8))
    #expect(try connection.isClosedByPeer())
    server.finish()
  }

  @Test func urlsAreTakenApart() throws {
    let plain = try HTTPURL("http://example.org")
    #expect(plain.host == "example.org" && plain.port == 80 && plain.target == "/" && plain.authority == "example.org")
    let full = try HTTPURL("HTTP://[::1]:8080/a%20b?c=d:e@f#g")
    #expect(full.host == "::1" && full.port == 8080 && full.target == "/a%20b?c=d:e@f")
    #expect(full.authority == "[::1]:8080")
    #expect(try HTTPURL("http://h?q").target == "/?q")
    #expect(try HTTPURL("http://h:/").port == 80)
    #expect(try HTTPURL("localhost:8080/x").port == 8080)
  }

  @Test(arguments: [
    "", "http://", "http:///path", "http://h:0/", "http://h:65536/", "http://h:8o/", "http://::1/", "http://[::1/",
    "http://h/a b", "http://h/\r\nX: y", "http://h/ü", "https://h/", "ftp://h/", "http://user@h/",
  ])
  func urlsThatCannotBeAskedForAreRefused(_ text: String) {
    #expect(throws: ClientError.self) { _ = try HTTPURL(text) }
  }
}
