// The sample site as `make run` assembles it, and its scripts run as a gateway would: the meta-variables in the
// environment, the body on standard input, an answer on standard output.
import Foundation
import Testing

/// The site, assembled once for all of these tests.
private let site = Result { try assembledSite() }

private struct Unassembled: Error {}

private func assembledSite(_ name: String = "sample-site-tests") throws -> URL {
  let folder = SourceTree.root.appendingPathComponent(".build/\(name)")
  let process = Process()
  process.executableURL = SourceTree.root.appendingPathComponent("tools/site.sh")
  process.arguments = ["--without-pools", folder.path]
  try process.run()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else { throw Unassembled() }
  return folder
}

/// What a script printed (RFC 3875, section 6).
private struct Answer {
  let status: String
  let headers: [String: String]
  let body: Data

  var text: String { String(decoding: body, as: UTF8.self) }

  /// The value behind a name at the start of a line.
  func number(_ name: String) -> Int? {
    let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
    return line?.split(separator: " ").last.flatMap { Int($0) }
  }
}

private func run(_ script: String, _ variables: [String: String], body: String = "") throws -> Answer {
  let folder = try site.get().appendingPathComponent("cgi-bin")
  let process = Process()
  process.executableURL = folder.appendingPathComponent(script)
  process.currentDirectoryURL = folder
  process.environment = ["PATH": "/usr/bin:/bin", "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET"]
    .merging(variables) { $1 }
  let (input, output, errors) = (Pipe(), Pipe(), Pipe())
  (process.standardInput, process.standardOutput, process.standardError) = (input, output, errors)
  try process.run()
  // Written by hand: a script that refuses may have ended before it has read its body.
  try? input.fileHandleForWriting.write(contentsOf: Data(body.utf8))
  try input.fileHandleForWriting.close()
  let printed = output.fileHandleForReading.readDataToEndOfFile()
  let complaints = errors.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  #expect(process.terminationStatus == 0, "\(script)")
  #expect(complaints.isEmpty, "\(String(decoding: complaints, as: UTF8.self))")
  return try answer(printed)
}

private func answer(_ printed: Data) throws -> Answer {
  // CGI.pm ends its lines with CRLF, the others with LF.
  let ends = [Data("\r\n\r\n".utf8), Data("\n\n".utf8)].compactMap { printed.firstRange(of: $0) }
  let end = try #require(ends.min { $0.lowerBound < $1.lowerBound }, "no end of the head")
  var headers: [String: String] = [:]
  for line in String(decoding: printed[..<end.lowerBound], as: UTF8.self).split(whereSeparator: \.isNewline) {
    let parts = line.split(separator: ":", maxSplits: 1)
    try #require(parts.count == 2, "\(line)")
    headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
  }
  try #require(headers["content-type"]?.contains("charset=utf-8") == true)
  let status = String((headers["status"] ?? "200").prefix(3))
  return Answer(status: status, headers: headers, body: printed[end.upperBound...])
}

@Suite("The sample site")
struct SampleSiteTests {
  /// What the configuration gives to the pools' workers, and no file stands for.
  private static let pooled: Set = ["/app/c", "/app/swift", "/app/perl", "/php/table.php", "/guestbook"]

  @Test("The page links to every script and pool, and to nothing that is not there or elsewhere")
  func everyLinkLeadsSomewhere() throws {
    let folder = try site.get()
    let page = try String(contentsOf: folder.appendingPathComponent("site/index.html"), encoding: .utf8)
    let parts = page.components(separatedBy: CharacterSet(charactersIn: "\""))
    let links = zip(parts, parts.dropFirst()).filter { $0.0.hasSuffix("href=") || $0.0.hasSuffix("src=") }.map(\.1)
    let targets = Set(links.map { String($0.prefix { $0 != "?" }) }.map { $0.replacing("/some/path", with: "") })
    #expect(targets.isSuperset(of: Self.pooled))
    for target in targets.subtracting(Self.pooled) {
      let file = folder.appendingPathComponent(target.hasPrefix("/cgi-bin/") ? target : "site" + target)
      #expect(target.hasPrefix("/") && FileManager.default.fileExists(atPath: file.path), "\(target)")
    }
    let scripts = try FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent("cgi-bin").path)
    #expect(scripts.count >= 16)
    for script in scripts { #expect(targets.contains("/cgi-bin/\(script)"), "\(script) is not on the page") }
  }

  @Test("What the site keeps outlives a new assembly, and one that was broken off at its end")
  func dataOutlivesAnAssembly() throws {
    let name = "sample-data-tests"
    let folder = SourceTree.root.appendingPathComponent(".build/\(name)")
    let brokenOff = SourceTree.root.appendingPathComponent(".build/\(name).new")
    defer { for place in [folder, brokenOff] { try? FileManager.default.removeItem(at: place) } }
    for place in [folder, brokenOff] {
      let data = place.appendingPathComponent("data")
      try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
      try Data(place.path.utf8).write(to: data.appendingPathComponent("kept"))
      _ = try assembledSite(name)
      let kept = folder.appendingPathComponent("data/kept")
      #expect(try String(contentsOf: kept, encoding: .utf8) == place.path)
      #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent("site/index.html").path))
      #expect(!FileManager.default.fileExists(atPath: brokenOff.path))
      // The second time there is nothing but what was broken off.
      try FileManager.default.removeItem(at: folder)
    }
  }

  @Test("The page forbids all but its own files, and needs nothing else")
  func pageIsStrict() throws {
    let folder = try site.get().appendingPathComponent("site")
    let page = try String(contentsOf: folder.appendingPathComponent("index.html"), encoding: .utf8)
    let policy = """
      default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
      form-action 'self'
      """
    #expect(page.contains("<meta http-equiv=\"Content-Security-Policy\" content=\"\(policy)\">"))
    for forbidden in ["<style", " style=", " onclick=", "javascript:", "<script>", "<iframe", "https://"] {
      #expect(!page.contains(forbidden), "\(forbidden)")
    }
    // What only a script can do is not there without one.
    #expect(page.contains("<button id=\"ask-all\" type=\"button\" hidden>") && page.contains("<noscript>"))
  }

  @Test("The times table is the same in every language", arguments: ["table", "table.sh", "table.pl", "table.py"])
  func tablesAreTheSame(script: String) throws {
    let file = try Data(contentsOf: site.get().appendingPathComponent("site/table.html"))
    let answer = try run(script, [:])
    #expect(answer.body == file && answer.headers["content-type"] == "text/html; charset=utf-8")
    let rows = (1...12).map { row in "<tr><th>\(row)" + (1...12).map { "<td>\(row * $0)" }.joined() + "\n" }
    #expect(answer.text.contains("<table>\n" + rows.joined() + "</table>\n"))
  }

  @Test(
    "The greeting is there in five languages",
    arguments: [
      ("hello", "C"), ("hello.sh", "the shell"), ("hello.awk", "awk"), ("hello.pl", "Perl"), ("hello.py", "Python"),
    ])
  func greetingsAreThere(script: String, language: String) throws {
    let answer = try run(script, [:])
    #expect(answer.status == "200" && answer.text.hasPrefix("Hello from \(language)."))
  }

  @Test("The table shows each meta-variable in its group, escaped")
  func tableShowsMetaVariables() throws {
    let page = try run("env.awk", ["HTTP_X_TEST": "<a href=\"b\">&", "QUERY_STRING": "a=1&b", "ZZ": "last"]).text
    let named = try #require(page.firstRange(of: "<td>CGI/1.1</td>"))
    let header = try #require(page.firstRange(of: "<td>&lt;a href=&quot;b&quot;&gt;&amp;</td>"))
    let rest = try #require(page.firstRange(of: "<td>last</td>"))
    #expect(page.contains("<th scope=\"row\">QUERY_STRING</th><td>a=1&amp;b</td>"))
    #expect(named.upperBound <= header.lowerBound && header.upperBound <= rest.lowerBound)
  }

  @Test("Both forms take GET and POST, and escape what came", arguments: ["form.pl", "form-cgi.pl"])
  func formsEscape(script: String) throws {
    let sent = "name=%3Cb%3E%22&message=a%26b+%C3%A9"
    let shown = "<strong>&lt;b&gt;&quot;</strong> says <q>a&amp;b é</q>"
    let got = try run(script, ["QUERY_STRING": sent])
    #expect(got.text.contains("By GET came: " + shown) && !got.text.contains("<b>"))
    let type = "application/x-www-form-urlencoded"
    let posted = try run(
      script, ["REQUEST_METHOD": "POST", "CONTENT_TYPE": type, "CONTENT_LENGTH": "\(sent.utf8.count)"], body: sent)
    #expect(posted.text.contains("By POST came: " + shown))
    #expect(try !run(script, [:]).text.contains("came:"))
  }

  @Test("Both forms refuse what they cannot take", arguments: ["form.pl", "form-cgi.pl"])
  func formsRefuse(script: String) throws {
    let put = try run(script, ["REQUEST_METHOD": "PUT"])
    #expect(put.status == "405" && put.headers["allow"] == "GET, HEAD, POST")
    #expect(try run(script, ["QUERY_STRING": "name=%FF"]).status == "400")
    let post = ["REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded"]
    #expect(try run(script, post.merging(["CONTENT_LENGTH": "65537"]) { $1 }).status == "413")
  }

  @Test("The plain form refuses malformed bodies")
  func plainFormRefusesMalformedBodies() throws {
    let post = ["REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded"]
    #expect(try run("form.pl", ["QUERY_STRING": "name=%4"]).status == "400")
    #expect(try run("form.pl", post.merging(["CONTENT_LENGTH": "9"]) { $1 }, body: "a=b").status == "400")
    #expect(try run("form.pl", post.merging(["CONTENT_LENGTH": "-1"]) { $1 }).status == "400")
    #expect(try run("form.pl", ["REQUEST_METHOD": "POST", "CONTENT_TYPE": "text/plain"]).status == "415")
  }

  @Test("The size is exact", arguments: [0, 1, 64, 65_536, 65_537, 1_000_000])
  func sizeIsExact(bytes: Int) throws {
    let answer = try run("size", ["QUERY_STRING": "bytes=\(bytes)"])
    #expect(answer.body.count == bytes && answer.headers["content-length"] == "\(bytes)")
  }

  @Test(
    "The time burnt is at least what was asked for, and the account is the kernel's", arguments: ["burn", "burn.py"])
  func timeIsBurnt(script: String) throws {
    let answer = try run(script, ["QUERY_STRING": "ms=30"])
    #expect(answer.number("requested_ms") == 30)
    #expect(try #require(answer.number("cpu_us")) >= 29_900)
    #expect(try #require(answer.number("peak_rss_kib")) > 0)
  }

  @Test("A line comes each second, and each leaves the script when it is due")
  func linesStream() throws {
    let folder = try site.get().appendingPathComponent("cgi-bin")
    let process = Process()
    process.executableURL = folder.appendingPathComponent("stream.sh")
    process.environment = ["PATH": "/usr/bin:/bin", "QUERY_STRING": "lines=3"]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    var early = Data()
    while !String(decoding: early, as: UTF8.self).contains("line 1 of 3") {
      let more = output.fileHandleForReading.availableData
      try #require(!more.isEmpty, "the output ended before its first line")
      early += more
    }
    // The first line was here while the script still had others to print.
    #expect(process.isRunning && !String(decoding: early, as: UTF8.self).contains("line 3"))
    let all = try answer(early + output.fileHandleForReading.readDataToEndOfFile()).text.split(separator: "\n")
    process.waitUntilExit()
    #expect(all.map { $0.prefix(11) } == ["line 1 of 3", "line 2 of 3", "line 3 of 3"])
  }

  @Test(
    "A query that is not exactly a number in bounds is refused",
    arguments: [
      ("size", "bytes"), ("burn", "ms"), ("burn.py", "ms"), ("stream.sh", "lines"),
    ])
  func badQueriesAreRefused(script: String, name: String) throws {
    let bad = [
      "\(name)=", name, "\(name)=-1", "\(name)=1x", "\(name)=1%30", "\(name)=99999999999999999999", "x\(name)=1",
      "\(name)=$(id)", "\(name)=1&\(name)=2", "\(name)=`id`", "\(name)=1;id", "\(name)=1\n",
    ]
    for query in bad {
      let answer = try run(script, ["QUERY_STRING": query])
      #expect(answer.status == "400" && answer.text.hasPrefix("usage: \(script)?"), "\(query)")
    }
  }
}
