// What a worker is sent: the question what it can do, and each request in one piece. A worker by hand notes what each
// recv(2) brought.

import HTTPClient
import HTTPWire
import Testing

extension EndToEndTests {
  @Suite("What workers are sent") struct FastCGIProbeTests {
    private func configuration(_ values: String) -> String {
      poolConfiguration([#"command = ["./raw", "--values", "\#(values)", "--record", "record"]"#, "workers = 1"])
    }

    @Test(arguments: ["right", "padded", "bytewise", "twice", "silent", "nonsense", "closes"])
    func itIsAskedOnceWithPaddingAndServesWhateverItAnswers(_ values: String) throws {
      try scenario("values \(values)", configuration: configuration(values), site: withRawWorker) { server in
        // Before it is known what the worker says, or that it says nothing.
        let first = try server.ask("first")
        #expect(first.status == 200 && first.text.hasSuffix(" 1 first 0"), "\(first.text)")
        for count in 2...4 { #expect(try server.ask("next").text.hasSuffix(" \(count) next 0")) }
        let notes = server.site.notes("record")
        #expect(notes.first == "accept 1" && notes.count > 3, "\(notes)")
        guard notes.count > 3 else { return }
        // libfcgi answers when another byte has come behind the question: that is the padding.
        #expect(notes[1].contains("GET_VALUES:") && !notes[1].contains("+0") && !notes[1].hasSuffix("..."), "\(notes)")
        let padding = notes[2].split(separator: " ").last.flatMap { Int($0) }
        #expect(notes[2].hasPrefix("values padding ") && padding ?? 0 > 0, "\(notes)")
        #expect(notes.count { $0.hasPrefix("values") } == 1, "\(notes)")
        // The connection goes on where the answer was whole and alone; else the request comes on a new one.
        let isKept = ["right", "padded"].contains(values)
        #expect(notes.count { $0.hasPrefix("accept") } == (isKept ? 1 : 2), "\(notes)")
        #expect(notes.filter { $0.hasPrefix("request") }.prefix(2) == ["request first", "request next"])
        let lines = server.logLines(naming: "FCGI_GET_VALUES")
        #expect(lines.count == (values == "nonsense" ? 1 : 0), "\(lines)")
      }
    }

    @Test func aShortRequestComesInOnePiece() throws {
      try scenario("one piece", configuration: configuration("right"), site: withRawWorker) { server in
        // The worker stands in recv(2) when each of them comes: two writes would wake it twice, once at least.
        for _ in 0..<20 {
          let get = try server.ask("get")
          let post = try server.ask("post", method: "POST", body: randomBytes(4000, seed: 1))
          #expect(get.status == 200 && post.status == 200)
        }
        let received = server.site.notes("record").filter { $0.hasPrefix("recv") && !$0.contains("GET_VALUES") }
        #expect(received.count == 40, "\(received)")
        for (number, note) in received.enumerated() {
          let records = note.split(separator: " ").dropFirst(2).map { $0.split(separator: ":")[0] }
          #expect(records.starts(with: ["BEGIN", "PARAMS"]), "\(note)")
          #expect(!note.contains("..."), "\(note)")
          #expect(note.contains(" PARAMS:0+0 "), "\(note)")
          #expect(note.contains(" STDIN:4000+") == (number % 2 == 1), "\(note)")
          #expect(note.hasSuffix(" STDIN:0+0"), "\(note)")
        }
      }
    }
  }
}
