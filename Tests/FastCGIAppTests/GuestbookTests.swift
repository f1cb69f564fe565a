// The guestbook: what strangers write comes back as they wrote it, and does nothing.
import Foundation
import Testing

/// A guestbook of its own for a test.
private final class Guestbook {
  let workers: [WorkerProcess]
  private let folder: URL

  init(workers count: Int = 1) throws {
    folder = try temporaryFolder()
    let program = try Programs.examples.get().appendingPathComponent("guestbook").path
    let database = folder.appendingPathComponent("guestbook.sqlite").path
    workers = try (0..<count).map { _ in try WorkerProcess(program, [database]) }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func get(_ worker: Int = 0) throws -> Reply {
    try workers[worker].connect().request("", ["SCRIPT_NAME": "/guestbook"])
  }

  func post(
    _ form: String, worker: Int = 0, type: String = "application/x-www-form-urlencoded",
    _ variables: [String: String] = [:]
  ) throws -> Reply {
    let all = ["SCRIPT_NAME": "/guestbook", "CONTENT_TYPE": type].merging(variables) { $1 }
    return try workers[worker].connect().request("", method: "POST", all, body: Array(form.utf8))
  }
}

/// How many entries a page shows.
private func entries(_ reply: Reply) -> Int { reply.text.components(separatedBy: "<article>").count - 1 }

@Suite("The guestbook")
struct GuestbookTests {
  @Test("An entry is written, and shown to whoever asks next")
  func writesAndShows() throws {
    let book = try Guestbook()
    let empty = try book.get()
    #expect(empty.status == "200" && entries(empty) == 0 && empty.text.contains("<form method=\"post\">"))
    let written = try book.post("name=Ada&message=First%0D%0Aand+second%20line")
    #expect(written["Status"] == "303 See Other" && written["Location"] == "/guestbook")
    #expect(written.worker?.pid == book.workers[0].pid && written.worker?.count == 2)
    _ = try book.post("message=Later&name=J%C3%BCrgen")
    let page = try book.get()
    #expect(entries(page) == 2 && page.text.contains("<p dir=\"auto\">First\nand second line</p>"))
    let newest = try #require(page.text.firstRange(of: "<bdi>Jürgen</bdi>"))
    #expect(try newest.upperBound < #require(page.text.firstRange(of: "<bdi>Ada</bdi>")).lowerBound)
  }

  @Test("What was written does nothing, and the page may do nothing")
  func escapes() throws {
    let book = try Guestbook()
    _ = try book.post("name=%3Cscript%3E%22%27%26&message=%3C%2Fp%3E%3Cimg+src%3Dx+onerror%3Dalert(1)%3E")
    _ = try book.post("name=x');+DROP+TABLE+entry;--&message=%25%27")
    let page = try book.get()
    #expect(entries(page) == 2)
    #expect(page.text.contains("<bdi>&lt;script&gt;&quot;&#39;&amp;</bdi>"))
    #expect(page.text.contains("&lt;/p&gt;&lt;img src=x onerror=alert(1)&gt;"))
    #expect(!page.text.contains("<img") && !page.text.contains("<script"))
    let policy = try #require(page["Content-Security-Policy"])
    #expect(policy.hasPrefix("default-src 'none'; style-src 'nonce-") && policy.contains("form-action 'self'"))
    #expect(!policy.contains("unsafe") && !policy.contains("script-src"))
    let nonce = try #require(policy.split(separator: "'").first { $0.hasPrefix("nonce-") }).dropFirst(6)
    #expect(page.text.contains("<style nonce=\"\(nonce)\">"))
    #expect(try book.get()["Content-Security-Policy"] != policy, "a nonce is for one page")
  }

  @Test(
    "What is no entry is refused, and not written",
    arguments: [
      "name=%FF&message=x", "name=x&message=%C3%28", "name=%ED%A0%80&message=x", "name=%4&message=x",
      "name=%zz&message=x", "name=x", "name=+&message=x", "name=a%00b&message=x", "name=a%0Ab&message=x",
      "name=x&message=%1B[31m", "",
    ])
  func refuses(form: String) throws {
    let book = try Guestbook()
    let refused = try book.post(form)
    #expect(refused.status == "400" && refused.text.contains("href=\"/guestbook\""))
    #expect(refused["Content-Security-Policy"]?.hasPrefix("default-src 'none'") == true && refused.worker != nil)
    #expect(try entries(book.get()) == 0)
  }

  @Test("A longer name, message or form than is allowed is refused, with the limit in words")
  func tooLong() throws {
    let book = try Guestbook()
    func letters(_ count: Int) -> String { String(repeating: "x", count: count) }
    let name = try book.post("name=\(letters(61))&message=x")
    #expect(name.status == "400" && name.text.contains("longer than 60 characters"))
    let message = try book.post("name=x&message=\(letters(501))")
    #expect(message.status == "400" && message.text.contains("longer than 500 characters"))
    let prefix = "name=x&message="
    let largest = try book.post(prefix + letters(16_384 - prefix.count))
    #expect(largest.status == "400")
    let form = try book.post(prefix + letters(16_385 - prefix.count))
    #expect(form.status == "413" && form.text.contains("more than 16384 bytes"))
    #expect(try entries(book.get()) == 0)
  }

  @Test("The longest name and message are taken")
  func longest() throws {
    let book = try Guestbook()
    // In percent-encoding, each of four bytes: the longest that a browser sends.
    let scalar = "%F0%9F%8C%B7"
    let form = "name=\(String(repeating: scalar, count: 60))&message=\(String(repeating: scalar, count: 500))"
    #expect(try book.post(form).status == "303")
    #expect(try book.get().text.contains(String(repeating: "🌷", count: 500)))
  }

  @Test("Other methods, other types, other paths and other sites' forms are refused")
  func otherRequests() throws {
    let book = try Guestbook()
    #expect(try book.post("{}", type: "application/json").status == "415")
    #expect(try book.post("name=x&message=y", ["HTTP_SEC_FETCH_SITE": "cross-site"]).status == "403")
    // Over plain HTTP a browser says where a form is from by Origin alone.
    func from(_ origin: String) throws -> String {
      try book.post("name=x&message=y", ["HTTP_HOST": "book.example:8080", "HTTP_ORIGIN": origin]).status
    }
    for other in ["http://other.example:8080", "http://book.example", "null"] { #expect(try from(other) == "403") }
    #expect(try entries(book.get()) == 0)
    for own in ["http://book.example:8080", "https://Book.example:8080"] { #expect(try from(own) == "303") }
    let client = try book.workers[0].connect()
    let put = try client.request("", method: "PUT")
    #expect(put.status == "405" && put["Allow"] == "GET, HEAD, POST")
    #expect(try client.request("/elsewhere").status == "404")
    let head = try client.request("", method: "HEAD")
    #expect(head.status == "200" && head.body.isEmpty)
  }

  @Test("Four workers that start at once share one book, and show the last fifty")
  func workersShare() throws {
    let book = try Guestbook(workers: 4)
    for number in 0..<60 {
      #expect(try book.post("name=n\(number)&message=m", worker: number % 4).status == "303")
    }
    for worker in 0..<4 {
      let page = try book.get(worker)
      #expect(entries(page) == 50 && page.text.contains("<bdi>n59</bdi>") && !page.text.contains("<bdi>n9</bdi>"))
      #expect(page.worker?.pid == book.workers[worker].pid && page.worker?.count == 16)
    }
    for worker in book.workers {
      worker.signal(SIGTERM)
      #expect(worker.ending() == 0 && worker.errors.isEmpty)
    }
  }

  @Test("Entries that four workers write at the same time are all there")
  func writersTogether() async throws {
    let book = try Guestbook(workers: 4)
    let paths = book.workers.map(\.path)
    let statuses = try await withThrowingTaskGroup(of: [String].self) { group in
      for path in paths {
        group.addTask {
          try (0..<12).map { number in
            let variables = ["CONTENT_TYPE": "application/x-www-form-urlencoded"]
            let form = Array("name=w&message=\(number)".utf8)
            return try Client(path: path).request("", method: "POST", variables, body: form).status
          }
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(statuses == [String](repeating: "303", count: 48))
    #expect(try entries(book.get()) == 48)
  }

  @Test("A database that cannot be opened is said, with the exit code of sysexits.h")
  func badDatabase() throws {
    let program = try Programs.examples.get().appendingPathComponent("guestbook").path
    let missing = try run(program, ["/nonexistent/guestbook.sqlite"])
    #expect(missing.status == 74 && missing.errors.contains("/nonexistent/guestbook.sqlite"))
    #expect(try run(program, []).status == 64)
  }
}
