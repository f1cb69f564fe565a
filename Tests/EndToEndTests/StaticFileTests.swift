// Files: what is said of them, what is sent of them, and that a file which changes is seen to.

import Glibc
import HTTPClient
import HTTPWire
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Static files") struct StaticFileTests {
    /// 2026-11-15 12:30:45 UTC, a Sunday.
    private static let modified = 1_794_745_845
    private static let modifiedText = "Sun, 15 Nov 2026 12:30:45 GMT"
    private static let small = bytes("0123456789abcdefghij")
    private static let large = randomBytes(500_000, seed: 4)

    private func fill(_ site: Site) throws {
      try site.write("small.txt", Self.small)
      try site.write("large.bin", Self.large)
      try site.write("empty.css", "")
      for name in ["small.txt", "large.bin", "empty.css"] { site.setModified(name, Self.modified) }
    }

    @Test func theTypeIsThatOfTheName() throws {
      let types = [
        "a.html": "text/html; charset=utf-8", "a.CSS": "text/css; charset=utf-8",
        "a.js": "text/javascript; charset=utf-8", "a.txt": "text/plain; charset=utf-8",
        "a.json": "application/json", "a.svg": "image/svg+xml", "a.png": "image/png",
        "a.tar.gz": "application/gzip", "a.wasm": "application/wasm", "noending": "application/octet-stream",
        "a.unheard": "application/octet-stream",
      ]
      func fillTypes(_ site: Site) throws { for name in types.keys { try site.write(name, name) } }
      try scenario("types", site: fillTypes) { server in
        for (name, type) in types {
          let response = try server.request("/\(name)")
          #expect(response.head.first("content-type") == type, "\(name)")
          #expect(response.body == bytes(name))
        }
      }
    }

    @Test func sizesAroundTheCachesBoundAreSentWhole() throws {
      let sizes = [0, 1, 4095, 65_535, 65_536, 65_537, 131_072, 3_000_000]
      func fill(_ site: Site) throws {
        for size in sizes { try site.write("f\(size)", randomBytes(size, seed: UInt64(size))) }
      }
      try scenario("sizes", site: fill) { server in
        var connection = try server.connect()
        for size in sizes + sizes {
          try connection.send(Server.head("/f\(size)"))
          let response = try connection.readResponse()
          #expect(response.status == 200)
          #expect(response.head.first("content-length") == "\(size)")
          #expect(response.body == randomBytes(size, seed: UInt64(size)), "\(size) bytes")
        }
      }
    }

    @Test func anUnchangedFileIsNotSentAgain() throws {
      try scenario("304", site: fill) { server in
        for path in ["/small.txt", "/large.bin", "/empty.css"] {
          let whole = try server.request(path)
          #expect(whole.head.first("last-modified") == Self.modifiedText)
          let tag = try #require(whole.head.first("etag"))
          #expect(tag.hasPrefix("\"") && tag.hasSuffix("\"") && tag.count > 4)
          let unchanged: [[String]] = [
            ["If-None-Match: \(tag)"], ["If-None-Match: W/\(tag)"], ["If-None-Match: \"other\", \(tag)"],
            ["If-None-Match: *"], ["If-Modified-Since: \(Self.modifiedText)"],
            ["If-Modified-Since: Mon, 16 Nov 2026 00:00:00 GMT"],
            // The tag is stronger, and the date is not looked at (RFC 9110, section 13.1.3).
            ["If-None-Match: \(tag)", "If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT"],
          ]
          for fields in unchanged {
            let response = try server.request(path, fields: fields)
            #expect(response.status == 304, "\(path) \(fields)")
            #expect(response.head.first("etag") == tag)
            #expect(response.bodyLength == 0)
          }
          let changed: [[String]] = [
            ["If-None-Match: \"other\""], ["If-Modified-Since: Sun, 15 Nov 2026 12:30:44 GMT"],
            ["If-Modified-Since: yesterday"],
            ["If-None-Match: \"other\"", "If-Modified-Since: \(Self.modifiedText)"],
          ]
          for fields in changed {
            let response = try server.request(path, fields: fields)
            #expect(response.status == 200, "\(path) \(fields)")
            #expect(response.body == whole.body, "\(path) \(fields)")
          }
          #expect(try server.request(path, fields: ["If-Match: \"other\""]).status == 412)
          #expect(try server.request(path, fields: ["If-Match: \(tag)"]).status == 200)
          let before = ["If-Unmodified-Since: Sat, 14 Nov 2026 00:00:00 GMT"]
          #expect(try server.request(path, fields: before).status == 412)
        }
      }
    }

    @Test func aNotModifiedAnswerKeepsTheConnectionReadable() throws {
      try scenario("304 on one connection", site: fill) { server in
        var connection = try server.connect()
        let conditional = Server.head("/large.bin", ["If-Modified-Since: \(Self.modifiedText)"])
        try connection.send(conditional + Server.head("/small.txt") + conditional + Server.head("/large.bin"))
        #expect(try connection.readResponse().status == 304)
        #expect(try connection.readResponse().body == Self.small)
        #expect(try connection.readResponse().status == 304)
        #expect(try connection.readResponse().body == Self.large)
      }
    }

    @Test func oneRangeIsSentAndNothingElse() throws {
      try scenario("ranges", site: fill) { server in
        var connection = try server.connect()
        for (path, content) in [("/small.txt", Self.small), ("/large.bin", Self.large)] {
          let last = content.count - 1
          let ranges: [(String, ClosedRange<Int>)] = [
            ("0-0", 0...0), ("0-9", 0...9), ("5-12", 5...12), ("\(last)-\(last)", last...last), ("7-", 7...last),
            ("-1", last...last), ("-5", (last - 4)...last), ("-\(content.count + 50)", 0...last),
            ("3-99999999999", 3...last), ("0-", 0...last),
          ]
          for (text, range) in ranges {
            try connection.send(Server.head(path, ["Range: bytes=\(text)"]))
            let response = try connection.readResponse()
            #expect(response.status == 206, "\(path) \(text)")
            let said = "bytes \(range.lowerBound)-\(range.upperBound)/\(content.count)"
            #expect(response.head.first("content-range") == said)
            #expect(response.body == Array(content[range]), "\(path) \(text)")
          }
          for text in ["\(content.count)-", "99999999-", "-0"] {
            try connection.send(Server.head(path, ["Range: bytes=\(text)"]))
            let response = try connection.readResponse()
            #expect(response.status == 416, "\(path) \(text)")
            #expect(response.head.first("content-range") == "bytes */\(content.count)")
          }
          // No range of bytes, or none that can be read: the whole (RFC 9110, section 14.2).
          for value in ["lines=1-2", "bytes=5-2", "bytes=a-b", "bytes=", "bytes=1"] {
            try connection.send(Server.head(path, ["Range: \(value)"]))
            let response = try connection.readResponse()
            #expect(response.status == 200 && response.body == content, "\(path) \(value)")
          }
        }
      }
    }

    @Test func aRangeIsSentOnlyOfTheFileThatTheClientHas() throws {
      try scenario("If-Range", site: fill) { server in
        let tag = try #require(try server.request("/large.bin").head.first("etag"))
        let part = Array(Self.large[100...199])
        for (condition, status) in [
          (tag, 206), (Self.modifiedText, 206), ("\"other\"", 200), ("W/\(tag)", 200),
          ("Sun, 15 Nov 2026 12:30:44 GMT", 200),
        ] {
          let response = try server.request("/large.bin", fields: ["Range: bytes=100-199", "If-Range: \(condition)"])
          #expect(response.status == status, "\(condition)")
          #expect(response.body == (status == 206 ? part : Self.large), "\(condition)")
        }
      }
    }

    @Test func aFileThatChangesIsSeenToChange() throws {
      try scenario("changes", site: fill) { server in
        let replacements = [bytes("short"), randomBytes(200_000, seed: 77), bytes("last of all")]
        for path in ["/small.txt", "/large.bin"] {
          for content in replacements {
            let before = try server.request(path)
            // In place of the old one by name, as editors and installers do.
            try server.site.write("next", content)
            #expect(rename(server.site.absolute("next"), server.site.absolute(String(path.dropFirst()))) == 0)
            #expect(try eventually(within: 8) { try server.request(path).body == content }, "\(path)")
            let after = try server.request(path)
            #expect(after.head.first("etag") != before.head.first("etag"))
          }
          #expect(unlink(server.site.absolute(String(path.dropFirst()))) == 0)
          #expect(try eventually(within: 8) { try server.request(path).status == 404 })
          try server.site.write(String(path.dropFirst()), "back")
          #expect(try eventually(within: 8) { try server.request(path).body == bytes("back") })
        }
      }
    }

    @Test func aFileThatIsWrittenInPlaceIsSeenToChangeAtTheSameLength() throws {
      try scenario("in place", site: fill) { server in
        for (name, content) in [("small.txt", Self.small), ("large.bin", Self.large)] {
          let before = try server.request("/\(name)")
          #expect(before.body == content)
          let other = content.map { $0 ^ 0x15 }
          let file = open(server.site.absolute(name), O_WRONLY | O_CLOEXEC)
          #expect(pwrite(file, other, other.count, 0) == other.count)
          close(file)
          #expect(try eventually(within: 8) { try server.request("/\(name)").body == other }, "\(name)")
        }
      }
    }

    @Test func anEmptyFileHasNoRange() throws {
      try scenario("empty", site: fill) { server in
        var connection = try server.connect()
        // Its last byte is the whole of it: satisfiable, but no Content-Range could say so (RFC 9110, section 14.1.2).
        for (range, status) in [("0-", 416), ("0-0", 416), ("-1", 200), ("5-2", 200)] {
          try connection.send(Server.head("/empty.css", ["Range: bytes=\(range)"]) + Server.head("/small.txt"))
          let response = try connection.readResponse()
          #expect(response.status == status, "\(range)")
          #expect(try connection.readResponse().body == Self.small)
        }
      }
    }

    @Test func aFileThatShrinksWhileItIsSentEndsThatConnectionAlone() throws {
      let size = 30_000_000
      func fillLarge(_ site: Site) throws {
        try fill(site)
        try site.write("shrinks", [UInt8](repeating: 7, count: size))
      }
      try scenario("truncated", arguments: ["--loops", "1"], site: fillLarge) { server in
        var reader = try server.connect()
        var other = try server.connect()
        try reader.send(Server.head("/shrinks"))
        _ = try reader.read(count: 1000)
        try other.send(Server.head("/large.bin"))
        #expect(try other.readResponse().body == Self.large)
        #expect(truncate(server.site.absolute("shrinks"), 1_000_000) == 0)
        // The promised length cannot be kept, and only an early end can say so.
        let rest = try reader.readUntilClosed()
        #expect(rest.count < size)
        try other.send(Server.head("/large.bin"))
        #expect(try other.readResponse().body == Self.large)
        #expect(server.waitForLog(containing: "became shorter while it was sent"))
      }
    }
  }
}
