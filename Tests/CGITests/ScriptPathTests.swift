import Testing

@testable import CGI

@Suite struct ScriptPathTests {
  /// Looks up prefixes in a table; records which were asked for.
  private func locate(_ path: String, _ start: Int, _ files: [String: FileKind]) -> (ScriptLocation, [String]) {
    let bytes = Array(path.utf8)
    var asked: [String] = []
    let location = ScriptPath.locate(bytes, from: start) { length in
      let prefix = String(decoding: bytes[..<length], as: UTF8.self)
      asked.append(prefix)
      return files[prefix] ?? .missing
    }
    return (location, asked)
  }

  private let files: [String: FileKind] = [
    "/cgi-bin/a": .file, "/cgi-bin/d": .directory, "/cgi-bin/d/b": .file, "/cgi-bin/secret": .forbidden,
    "/cgi-bin/a/b": .file,
  ]

  @Test func theFirstFileFromTheLeftIsTheScript() {
    #expect(locate("/cgi-bin/a", 9, files) == (.script(end: 10, pathInfo: nil), ["/cgi-bin/a"]))
    #expect(locate("/cgi-bin/a/", 9, files) == (.script(end: 10, pathInfo: 10..<11), ["/cgi-bin/a"]))
    #expect(locate("/cgi-bin/a/b/c", 9, files) == (.script(end: 10, pathInfo: 10..<14), ["/cgi-bin/a"]))
    let nested = locate("/cgi-bin/d/b/x", 9, files)
    #expect(nested == (.script(end: 12, pathInfo: 12..<14), ["/cgi-bin/d", "/cgi-bin/d/b"]))
    #expect(locate("/cgi-bin/a", 8, files).0 == .script(end: 10, pathInfo: nil))
  }

  @Test func aPathWithoutAScriptSaysWhy() {
    #expect(locate("/cgi-bin/", 9, files) == (.directory, []))
    #expect(locate("/cgi-bin/d", 9, files).0 == .directory)
    #expect(locate("/cgi-bin/d/", 9, files).0 == .directory)
    #expect(locate("/cgi-bin/none/a", 9, files) == (.notFound, ["/cgi-bin/none"]))
    #expect(locate("/cgi-bin/d/none", 9, files).0 == .notFound)
    #expect(locate("/cgi-bin/secret/x", 9, files) == (.forbidden, ["/cgi-bin/secret"]))
  }
}
