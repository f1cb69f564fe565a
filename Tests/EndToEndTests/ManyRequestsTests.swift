// 50,000 answers and more, each looked at.

import Testing

extension EndToEndTests {
  @Suite("Many requests") struct ManyRequestsTests {
    private static let files = 100

    private static func content(_ number: Int) -> String {
      "file \(number) " + String(repeating: "abcdefghij", count: number * 37 % 500) + " end"
    }

    private func fill(_ site: Site) throws {
      for number in 0..<Self.files { try site.write("small/\(number).txt", Self.content(number)) }
      try site.write("check.lua", Self.script(site.path))
    }

    /// Asks for the files in turn and compares each body with what the file holds. Each connection of wrk gets its
    /// answers in the order in which it asked, but the script is not told of which connection an answer is, so the
    /// files begin with their number: the answer must be that file, whole, and over the run every file must come.
    private static func script(_ site: String) -> String {
      """
      local contents, next, threads = {}, 0, {}
      function setup(thread) table.insert(threads, thread) end
      function init(args)
        for number = 0, \(files - 1) do
          local file = assert(io.open("\(site)/small/" .. number .. ".txt", "rb"))
          contents[number] = file:read("*a")
          file:close()
        end
        right, wrong, kinds, seen, first = 0, 0, 0, {}, ""
      end
      function request()
        next = (next + 1) % \(files)
        return wrk.format("GET", "/small/" .. next .. ".txt")
      end
      function response(status, headers, body)
        local number = tonumber(body:match("^file (%d+) "))
        if status == 200 and number and body == contents[number] and tonumber(headers["Content-Length"]) == #body then
          right = right + 1
          if not seen[number] then
            seen[number] = true
            kinds = kinds + 1
          end
        else
          wrong = wrong + 1
          first = status .. " " .. body:sub(1, 100)
        end
      end
      function done(summary, latency, requests)
        local right, wrong, first = 0, 0, ""
        for _, thread in ipairs(threads) do
          right = right + thread:get("right")
          wrong = wrong + thread:get("wrong")
          first = first .. thread:get("first")
          print("kinds=" .. thread:get("kinds"))
        end
        local errors = summary.errors
        print("right=" .. right .. " wrong=" .. wrong .. " " .. first)
        print("connect=" .. errors.connect .. " read=" .. errors.read .. " write=" .. errors.write ..
          " status=" .. errors.status .. " timeout=" .. errors.timeout)
      end
      """
    }

    @Test func fiftyThousandAnswersAreAllRight() throws {
      try scenario("50,000 answers", site: fill) { server in
        var right = 0
        // wrk counts seconds, not requests: again until there are enough.
        for _ in 0..<5 where right < 50_000 {
          let outcome = try run(
            "wrk", ["-t2", "-c32", "-d3s", "-s", server.site.absolute("check.lua"), server.url("/")], seconds: 12)
          let text = outcome.text
          #expect(outcome.status == 0, "\(outcome.errors)")
          #expect(text.contains(" wrong=0 "), "\(text)")
          #expect(text.contains("connect=0 read=0 write=0 status=0 timeout=0"), "\(text)")
          #expect(text.split(separator: "\n").filter { $0 == "kinds=\(Self.files)" }.count == 2, "\(text)")
          let found = text.firstRange(of: "right=").map { text[$0.upperBound...].prefix { $0.isNumber } }
          right += try #require(found.flatMap { Int($0) })
        }
        #expect(right >= 50_000)
      }
    }
  }
}
