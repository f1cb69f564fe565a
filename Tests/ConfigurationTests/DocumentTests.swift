// What comes out of TOML, and that nothing that goes in ends the program.

import Testing

@testable import Configuration

@Suite("A document of TOML") struct DocumentTests {
  private func read(_ text: String) throws -> [TOMLEntry] { try TOMLDocument.read(Array(text.utf8)) }

  @Test func everyKeyAndValueHasItsPlace() throws {
    let entries = try read("a = 1\n[b]\n  c.d = \"x\"\n[[e]]\nf = [true, 1.5,\n  1979-05-27]\n[[e]]\n")
    #expect(
      entries == [
        TOMLEntry(
          key: "a", place: Place(line: 1, column: 1),
          value: TOMLValue(content: .integer(1), place: Place(line: 1, column: 5))),
        TOMLEntry(
          key: "b", place: Place(line: 2, column: 2),
          value: TOMLValue(
            content: .table([
              TOMLEntry(
                key: "c", place: Place(line: 3, column: 3),
                value: TOMLValue(
                  content: .table([
                    TOMLEntry(
                      key: "d", place: Place(line: 3, column: 5),
                      value: TOMLValue(content: .string("x"), place: Place(line: 3, column: 9)))
                  ]), place: Place(line: 3, column: 3)))
            ]), place: Place(line: 2, column: 1))),
        TOMLEntry(
          key: "e", place: Place(line: 4, column: 3),
          value: TOMLValue(
            content: .array([
              TOMLValue(
                content: .table([
                  TOMLEntry(
                    key: "f", place: Place(line: 5, column: 1),
                    value: TOMLValue(
                      content: .array([
                        TOMLValue(content: .boolean(true), place: Place(line: 5, column: 6)),
                        TOMLValue(content: .float(1.5), place: Place(line: 5, column: 12)),
                        TOMLValue(content: .date, place: Place(line: 6, column: 3)),
                      ]), place: Place(line: 5, column: 5)))
                ]), place: Place(line: 4, column: 1)),
              TOMLValue(content: .table([]), place: Place(line: 7, column: 1)),
            ]), place: Place(line: 4, column: 1))),
      ])
  }

  @Test func stringsKeepEveryCharacter() throws {
    let entries = try read("a = \"\\u0000b\\n\\\"é\u{1F600}\"\n'k\\' = '''\nx'''\nb = \"\"\"ü\\\n  ÿ\u{A0}\"\"\"\n")
    #expect(entries.map(\.key) == ["a", "b", "k\\"])
    #expect(
      entries.map(\.value.content) == [.string("\0b\n\"é\u{1F600}"), .string("üÿ\u{A0}"), .string("x")])
  }

  @Test func columnsCountCharactersAndNotBytes() throws {
    let entries = try read("\u{FEFF}a = { \"é\u{1F600}\" = 1 }")
    guard case .table(let inner) = entries[0].value.content else { throw Unexpected(description: "no table") }
    #expect(inner[0].key == "é\u{1F600}" && inner[0].place == Place(line: 1, column: 7))
    #expect(inner[0].value.place == Place(line: 1, column: 14))
  }

  @Test func anEmptyDocumentIsOne() throws {
    #expect(try read("").isEmpty && read("# nothing\n\n").isEmpty)
  }

  @Test(
    arguments: [
      ("a = \n", 1, 5), ("\n\na = \"x\n", 3, 7), ("a = 1\na = 2\n", 2, 5), ("[a]\n[a]\n", 2, 1), ("a = 08", 1, 7),
      ("a = [1, 2\nb = 3", 2, 1), ("a = \"\\q\"", 1, 7), ("[.", 1, 2), ("key", 1, 4),
      ("a = 99999999999999999999", 1, 25),
      ("x = 1\né = 1", 2, 1), ("a = [\u{A0}1]", 1, 6), ("route = 5\n[[route]]", 2, 1), ("\u{7F}", 1, 1),
    ] as [(String, Int, Int)])
  func aFaultOfSyntaxHasItsPlace(_ text: String, _ line: Int, _ column: Int) {
    #expect {
      _ = try read(text)
    } throws: { error in
      guard let fault = error as? TOMLSyntaxFault, !fault.words.isEmpty else { return false }
      // Where a text ends too early, its place is that of the last character or the one behind it.
      return fault.place.line == line && abs(fault.place.column - column) <= 1
    }
  }

  @Test func bytesThatAreNoUTF8AreAFault() {
    for bytes: [UInt8] in [[0xFF], Array("a = \"".utf8) + [0xC3, 0x22], Array("# ".utf8) + [0x80, 0x0A]] {
      #expect(throws: TOMLSyntaxFault.self) { _ = try TOMLDocument.read(bytes) }
    }
  }

  @Test func whatLiesTooDeepIsAFaultAndNotTheEndOfTheStack() throws {
    let parts = String(repeating: "a.", count: 400_000) + "a"
    let quoted = String(repeating: "\"a\" . ", count: 100_000) + "a"
    for text in [
      "\(parts) = 1", "[\(parts)]", "[[\(quoted)]]", "x = [\n{ \(parts) = 1 }]", "x = \"\"\"y\"\"\"\"\"\n\(parts) = 1",
      "x = " + String(repeating: "[", count: 500_000), "x = " + String(repeating: "{a=", count: 300_000),
    ] {
      #expect(throws: TOMLSyntaxFault.self) { _ = try read(text) }
    }
    // Points in strings and comments are none of a key's.
    let points = String(repeating: ".", count: 1000)
    #expect(try read("a = \"\(points)\" # \(points)\nb = '''\n\(points)'''\n\"\(points)\" = 1").count == 3)
    let fifteen = String(repeating: "a.", count: 14) + "a"
    #expect(try read("\(fifteen) = 1").count == 1)
  }

  @Test func randomTextNeverEndsTheProgram() {
    var random = Random(seed: 7)
    let pieces = [
      "[", "]", "[[", "]]", "{", "}", "=", "\n", ",", ".", "a", "route", "path", "\"", "'", "\"\"\"", "'''", "\\", "1",
      "0x", "1e", "inf", "nan", "-", "+", "_", "true", "1979-05-27", "T00:", "32:00", "#", " ", "\t", "\r", "é",
      "\\u0000",
      "\\U0010FFFF", "\u{A0}", "\u{2028}", "server", "pool", "x", "\"/\"", "static",
    ].map { Array($0.utf8) }
    var read = 0
    for _ in 0..<20_000 {
      var text: [UInt8] = []
      for _ in 0..<random.below(24) {
        text += random.below(9) == 0 ? [UInt8(random.below(256))] : pieces[random.below(pieces.count)]
      }
      _ = parse(text)
      if (try? TOMLDocument.read(text)) != nil { read += 1 }
    }
    #expect(read > 500, "hardly any was a document: the pieces are badly chosen")
  }

  @Test func aConfigurationWithBytesChangedNeverEndsTheProgram() {
    var random = Random(seed: 11)
    let whole = Array(wholeConfiguration.utf8)
    for _ in 0..<2_000 {
      var text = whole
      for _ in 0...random.below(4) {
        let place = random.below(text.count)
        switch random.below(3) {
        case 0: text[place] = UInt8(random.below(256))
        case 1: text.remove(at: place)
        default: text.insert(UInt8(random.below(128)), at: place)
        }
      }
      // Whatever comes out is right, or says what is wrong within the text.
      guard case .refused(let faults) = parse(text) else { continue }
      let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).count
      #expect(!faults.isEmpty && faults.allSatisfy { (1...lines).contains($0.line) && !$0.words.isEmpty })
    }
  }

  @Test func aTextOverTheLimitIsRefused() {
    let comment = [UInt8](repeating: UInt8(ascii: "#"), count: ConfigurationFile.maximumBytes + 1)
    #expect(faults(comment) == ["1:1: has 1048577 bytes, more than 1048576"])
    let longest = Array(someRoute.utf8) + comment.dropLast(someRoute.utf8.count + 1)
    #expect(longest.count == ConfigurationFile.maximumBytes && faults(longest).isEmpty)
  }

  @Test func aFaultOfSyntaxIsTheOnlyOne() {
    #expect(
      faults("loops = 1\n[server\nlisten = 5\n") == ["2:8: this is no TOML: table header: expected ']', saw '\\n'"])
  }
}

/// Repeatable random numbers (SplitMix64).
struct Random: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }

  mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }
}
