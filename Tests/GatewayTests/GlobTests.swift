import Testing

@testable import Gateway

@Suite struct GlobTests {
  private func matches(_ pattern: String, _ name: [UInt8]) -> Bool { Glob(pattern).matches(name[...]) }

  @Test(arguments: [
    ("*.php", "index.php", true), ("*.php", ".php", true), ("*.php", "index.php5", false), ("*.php", "x.PHP", false),
    ("data", "data", true), ("data", "database", false), ("data", "Data", false), ("*~", "a~", true),
    ("*~", "~a", false),
    ("?.c", "a.c", true), ("?.c", ".c", false), ("?.c", "ab.c", false), ("*", "", true), ("", "", true),
    ("", "a", false),
    ("**a**", "a", true), ("a*b*c", "aXbYc", true), ("a*b*c", "abcb", false), ("a*b*c", "abcbc", true),
    ("[ab]", "[ab]", true), ("[ab]", "a", false), ("\\*", "\\x", true), ("*?", "", false), ("*?", "x", true),
  ])
  func aStarIsAnyBytesAQuestionMarkIsOneAndTheRestIsItself(_ pattern: String, _ name: String, _ fits: Bool) {
    #expect(matches(pattern, array(name)) == fits)
  }

  @Test func bytesAreComparedAndNotCharacters() {
    #expect(matches("??", array("\u{E9}")) && !matches("?", array("\u{E9}")))
    #expect(matches("a?*", [0x61, 0xFF]) && matches("*", [0xFF, 0x00, 0xFE]))
    #expect(!matches("\u{E9}", array("e\u{301}")))
  }

  @Test func aPartOfAPathIsMatchedWhereItStands() {
    let path = array("/a/x.php/b")
    #expect(Glob("*.php").matches(path[3..<8]) && !Glob("*.php").matches(path[1..<2]))
  }

  /// What a pattern means, by its definition: slow, and plain to see.
  private func isMatch(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
    guard let first = pattern.first else { return name.isEmpty }
    if first == UInt8(ascii: "*") {
      return isMatch(pattern.dropFirst(), name) || (!name.isEmpty && isMatch(pattern, name.dropFirst()))
    }
    guard let byte = name.first, first == UInt8(ascii: "?") || first == byte else { return false }
    return isMatch(pattern.dropFirst(), name.dropFirst())
  }

  @Test func everyShortPatternMatchesWhatItsDefinitionSays() {
    var random = Seeded(state: 0x5EED_0123_4567_89AB)
    var fitting = 0
    for _ in 0..<20_000 {
      let pattern = (0..<Int.random(in: 0...7, using: &random)).map { _ in array("ab*?").randomElement(using: &random)!
      }
      let name = (0..<Int.random(in: 0...8, using: &random)).map { _ in array("ab").randomElement(using: &random)! }
      let fits = isMatch(pattern[...], name[...])
      #expect(matches(text(pattern), name) == fits, "\(text(pattern)) \(text(name))")
      if fits { fitting += 1 }
    }
    #expect(fitting > 2_000)
  }

  @Test func aPatternOfManyStarsComesToAnEnd() {
    // By trying every split this would take longer than the sun burns.
    let pattern = String(repeating: "a*", count: 30) + "b"
    #expect(!matches(pattern, [UInt8](repeating: UInt8(ascii: "a"), count: 8_000)))
    #expect(matches(pattern, [UInt8](repeating: UInt8(ascii: "a"), count: 8_000) + array("b")))
  }
}
