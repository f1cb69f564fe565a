// Every key: values that are right, of every wrong type, and out of range.

import Testing

@testable import Configuration

/// Values of a key, as TOML.
struct KeyCase: Sendable, CustomStringConvertible {
  let section: String
  let key: String
  let good: [String]
  let bad: [String]
  /// Further keys that it needs beside it.
  let beside: String

  init(_ section: String, _ key: String, good: [String], bad: [String], beside: String = "") {
    self.section = section
    self.key = key
    self.good = good
    self.bad = bad
    self.beside = beside
  }

  var description: String { "\(section) \(key)" }
}

private let longName = String(repeating: "n", count: 64)
private let times = (
  good: ["\"1ms\"", "\"500ms\"", "\"30s\"", "\"2m\"", "\"24h\""],
  bad: [
    "\"25h\"", "\"0s\"", "\"5\"", "\"s\"", "\"-1s\"", "\"1 s\"", "\"1.5s\"", "\"99999999999999999999s\"",
    "\"3\u{301}s\"",
  ]
)
private let files = (
  good: ["\"/var/log/x\"", "\"x.log\"", "\"site/y\"", "\"secret/x\""],
  bad: ["\"\"", "\"/nowhere/x\"", "\"site\"", "\"plain/x\""]
)
private let cgi = "path = \"/\"\ncgi = \"cgi-bin\"\n"
private let onFiles = "path = \"/\"\nstatic = \"site\"\n"
private let command = "command = [\"php-cgi\"]\n"
private let connect = "connect = [\"unix:x\"]\n"

private let serverCases: [KeyCase] = [
  KeyCase(
    "[server]", "listen",
    good: [
      "[\"127.0.0.1:8080\"]", "[\"[::1]:0\", \"localhost:65535\", \"unix:/run/x\", \"unix:x\"]",
      "[\"[1:2:3:4:5:6:7:8]:1\"]",
      "[\"[::ffff:1.2.3.4]:1\"]", "[\"a-b.c_d:80\"]",
    ],
    bad: [
      "[]", "[5]", "[\"\"]", "[\"127.0.0.1\"]", "[\"::1:80\"]", "[\":80\"]", "[\"h:65536\"]", "[\"h:+1\"]", "[\"h:\"]",
      "[\"[::1:80\"]", "[\"[1::2::3]:1\"]", "[\"[1:2:3:4:5:6:7]:1\"]", "[\"[1:2:3:4:5:6:7:8:9]:1\"]",
      "[\"[12345::]:1\"]",
      "[\"[::1.2.3.256]:1\"]", "[\"unix:\"]", "[\"unix:/\(longName)\(longName)\"]", "[\"a b:80\"]", "[\"-a:80\"]",
      "[\"a..b:80\"]", "[\"a\\u0000:80\"]", "[[\"a:80\"]]",
      "[\"nobody.example:80\"]",
    ]),
  KeyCase("[server]", "loops", good: ["0", "256"], bad: ["-1", "257", "1.0"]),
  KeyCase("[server]", "log", good: files.good + ["\"stderr\""], bad: files.bad),
  KeyCase("[server]", "access_log", good: files.good + ["\"-\"", "\"off\""], bad: files.bad),
  KeyCase("[server]", "access_log_format", good: ["\"combined\"", "\"json\""], bad: ["\"\"", "\"JSON\"", "\"xml\""]),
  KeyCase("[server]", "pid_file", good: files.good, bad: files.bad),
  KeyCase("[server]", "drain", good: times.good + ["\"0s\""], bad: times.bad.filter { $0 != "\"0s\"" }),
  KeyCase(
    "[server]", "file_cache", good: ["\"0B\"", "\"64MiB\"", "\"1TiB\""],
    bad: ["\"2TiB\"", "\"64MB\"", "\"MiB\"", "\"1\""]),
  KeyCase("[server]", "connections", good: ["1", "1_000_000"], bad: ["0", "1000001"]),
  KeyCase("[server]", "request_line", good: ["\"256B\"", "\"64KiB\""], bad: ["\"255B\"", "\"65KiB\""]),
  KeyCase("[server]", "request_head", good: ["\"1KiB\"", "\"64KiB\""], bad: ["\"1023B\"", "\"1MiB\""]),
  KeyCase("[server]", "request_fields", good: ["1", "1000"], bad: ["0", "1001"]),
  KeyCase("[server]", "head_timeout", good: ["\"100ms\"", "\"24h\""], bad: ["\"99ms\"", "\"25h\""]),
  KeyCase("[server]", "idle_timeout", good: ["\"100ms\"", "\"24h\""], bad: ["\"99ms\"", "\"25h\""]),
  KeyCase("[server]", "send_timeout", good: ["\"100ms\"", "\"24h\""], bad: ["\"99ms\"", "\"25h\""]),
  KeyCase("[server]", "body_memory", good: ["\"0B\"", "\"1GiB\""], bad: ["\"1025MiB\""]),
  KeyCase(
    "[server]", "spool", good: ["\"/var/tmp\"", "\"site\""],
    bad: ["\"nowhere\"", "\"plain\"", "\"secret\"", "\"cgi-bin\"", "\"\""]),
  KeyCase("[server]", "spool_total", good: ["\"0B\"", "\"1TiB\""], bad: ["\"1025GiB\""]),
  KeyCase("[server]", "body_rate", good: ["\"0B\"", "\"1GiB\""], bad: ["\"2GiB\""]),
]

private let routeCases: [KeyCase] = [
  KeyCase(
    "[[route]]", "path", good: ["\"/\"", "\"/a\"", "\"/a/b c/é/\"", "\"/a...b/.c\""],
    bad: [
      "\"\"", "\"a\"", "\"/a//b\"", "\"//\"", "\"/./a\"", "\"/a/..\"", "\"/a%20b\"", "\"/a\\u0000\"", "\"/./\u{301}\"",
    ],
    beside: "static = \"site\"\n"),
  KeyCase(
    "[[route]]", "static", good: ["\"site\"", "\"./site/\"", "\"../srv/site\"", "\"/srv/ünï\""],
    bad: ["\"nowhere\"", "\"plain\"", "\"socket\"", "\"secret\"", "\"\""], beside: "path = \"/\"\n"),
  KeyCase(
    "[[route]]", "index", good: ["[]", "[\"index.php\", \"ü\"]"], bad: ["[\"a/b\"]", "[\"..\"]", "[\"\"]", "[1]"],
    beside: onFiles),
  KeyCase("[[route]]", "listing", good: ["true", "false"], bad: ["\"true\""], beside: onFiles),
  KeyCase(
    "[[route]]", "deny", good: ["[]", "[\"*.bak\", \"?\", \"data\"]"], bad: ["[\"a/b\"]", "[\"\"]"], beside: onFiles),
  KeyCase(
    "[[route]]", "cgi", good: ["\"cgi-bin\"", "\"hello\"", "\"/usr/bin/php-cgi\""],
    bad: ["\"nowhere\"", "\"plain\"", "\"socket\"", "\"secret\"", "\"\""], beside: "path = \"/\"\n"),
  KeyCase("[[route]]", "fastcgi", good: ["\"p\""], bad: ["\"q\"", "\"\"", "[\"p\"]"], beside: "path = \"/\"\n"),
  KeyCase("[[route]]", "match", good: ["[\"*.cgi\"]"], bad: ["[]", "[\"a/b\"]", "[true]"], beside: cgi),
  KeyCase(
    "[[route]]", "env", good: ["{}", "{ LANG = \"C\", HTTP_X = \"\", \"a.b\" = \"é\" }"],
    bad: [
      "{ A = 1 }", "{ \"\" = \"x\" }", "{ \"A=B\" = \"x\" }", "{ \"A\\u0000\" = \"x\" }", "{ A = \"\\u0000\" }",
      "{ QUERY_STRING = \"x\" }", "{ SERVER_SOFTWARE = \"x\" }",
    ], beside: cgi),
  KeyCase("[[route]]", "timeout", good: times.good, bad: times.bad, beside: cgi),
  KeyCase("[[route]]", "concurrency", good: ["1", "10000"], bad: ["0", "10001"], beside: cgi),
  KeyCase("[[route]]", "queue", good: ["0", "100000"], bad: ["-1", "100001"], beside: cgi),
  KeyCase("[[route]]", "queue_timeout", good: times.good, bad: times.bad, beside: cgi),
  KeyCase("[[route]]", "max_body", good: ["\"0B\"", "\"1TiB\""], bad: ["\"2TiB\"", "\"-1B\""], beside: cgi),
  KeyCase("[[route]]", "bill", good: ["\"off\"", "\"head\"", "\"full\""], bad: ["\"ful\"", "\"\""], beside: cgi),
]

private let poolAndSiteCases: [KeyCase] = [
  KeyCase(
    "[pool.NAME]", "command",
    good: [
      "[\"php-cgi\"]", "[\"fastcgi/app\", \"\", \"é\"]", "[\"/usr/bin/php-cgi\"]", "[\"./hello\"]", "[\"plain\"]",
    ],
    bad: [
      "[]", "[\"\"]", "[\"missing\"]", "[\"./plain\"]", "[\"site/\"]", "[\"./nowhere\"]", "[\"./secret\"]",
      "[\"./socket\"]",
      "[\"php-cgi\", 5]", "[\"php-cgi\", \"\\u0000\"]",
    ]),
  KeyCase("[pool.NAME]", "workers", good: ["1", "1024"], bad: ["0", "1025"], beside: command),
  KeyCase("[pool.NAME]", "env", good: ["{ A = \"b\" }"], bad: ["{ A = 1 }", "{ PATH_INFO = \"x\" }"], beside: command),
  KeyCase(
    "[pool.NAME]", "connect", good: ["[\"unix:/run/x\"]", "[\"h:9000\"]"],
    bad: ["[]", "[\"h:0\"]", "[\"h\"]", "[\"h:1\", \"h:2\"]"]),
  KeyCase("[pool.NAME]", "max_connections", good: ["1", "1024"], bad: ["0", "1025"], beside: connect),
  KeyCase("[pool.NAME]", "timeout", good: times.good, bad: times.bad, beside: command),
  KeyCase("[pool.NAME]", "queue", good: ["0", "100000"], bad: ["-1", "100001"], beside: connect),
  KeyCase("[pool.NAME]", "queue_timeout", good: times.good, bad: times.bad, beside: connect),
  KeyCase(
    "[[site]]", "hosts", good: ["[\"example.org\", \"*.Example.org\", \"127.0.0.1\", \"[::1]\", \"localhost\"]"],
    bad: [
      "[]", "[\"\"]", "[\"a:80\"]", "[\"*\"]", "[\"*a.org\"]", "[\"a.*.org\"]", "[\"*.*.org\"]", "[\"*.\"]",
      "[\"a..b\"]",
      "[\"a.org.\"]", "[\"[::1\"]", "[\"ä.org\"]", "[\"\(longName).org\"]", "[1]",
    ]),
]

private let cases = serverCases + routeCases + poolAndSiteCases

@Suite("Each key") struct KeyTests {
  @Test func hasValuesHere() {
    let described = KeyDescription.all.map { "\($0.section) \($0.name)" }
    #expect(cases.map(\.description).sorted() == described.sorted())
  }

  @Test(arguments: cases) func takesWhatIsRight(_ key: KeyCase) {
    for value in key.good {
      let text = document(key.section, key.beside + "\(key.key) = \(value)")
      #expect(faults(text).isEmpty, "\(key.key) = \(value)")
    }
  }

  @Test(arguments: cases) func refusesWhatIsOutOfRangeAndSaysWhere(_ key: KeyCase) {
    for value in key.bad {
      expectOneFault(key, value)
    }
  }

  @Test(arguments: cases) func refusesEveryOtherTypeAndSaysWhatIsWanted(_ key: KeyCase) throws {
    let description = try #require(KeyDescription.all.first { $0.section == key.section && $0.name == key.key })
    let values: [(toml: String, type: String)] = [
      ("5", "integer"), ("1.5", "number"), ("true", "flag"), ("1979-05-27", "date"), ("[[]]", "list"),
      ("{ x = {} }", "table"),
      ("\"\\u0001\"", "string"),
    ]
    let taken: Set<String> =
      switch description.type {
      case let type where type.hasPrefix("an integer"): ["integer"]
      case "true or false": ["flag"]
      case let type where type.hasPrefix("a list"): ["list"]
      case let type where type.hasPrefix("a table"): ["table"]
      default: ["string"]
      }
    for (value, type) in values where !taken.contains(type) {
      let fault = try #require(expectOneFault(key, value))
      #expect(fault.contains("must be \(description.type), not "), "\(fault)")
    }
  }

  /// Expects one fault, on the line and in the name of the key, and gives it.
  @discardableResult
  private func expectOneFault(_ key: KeyCase, _ value: String) -> String? {
    let text = document(key.section, key.beside + "\(key.key) = \(value)")
    let found = faults(text)
    let line = text.split(separator: "\n", omittingEmptySubsequences: false).firstIndex {
      $0 == "\(key.key) = \(value)"
    }!
    let name = key.section.filter { !"[]".contains($0) }.split(separator: ".")[0]
    #expect(found.count == 1, "\(key.key) = \(value): \(found)")
    #expect(found.allSatisfy { $0.hasPrefix("\(line + 1):") }, "\(key.key) = \(value): \(found)")
    let dotted = name == "pool" ? "pool.x.\(key.key)" : "\(name).\(key.key)"
    #expect(found.allSatisfy { $0.contains(": \(dotted)") }, "\(key.key) = \(value): \(found)")
    return found.first
  }
}
