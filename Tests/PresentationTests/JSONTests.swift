import Foundation
import Testing

@testable import Presentation

@Suite struct JSONTests {
  /// What a reader of JSON gets back from the string of these bytes.
  private func readBack(_ bytes: [UInt8]) throws -> String {
    var out: [UInt8] = []
    JSON.appendString(bytes, to: &out)
    let value = try JSONSerialization.jsonObject(with: Data(out), options: .fragmentsAllowed)
    return try #require(value as? String)
  }

  @Test func everySingleByteLeavesAsAValidStringWithoutControls() throws {
    for byte in UInt8.min...UInt8.max {
      var out: [UInt8] = []
      JSON.appendString([byte], to: &out)
      #expect(out.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
      let expected = byte < 0x80 ? String(UnicodeScalar(byte)) : "\u{FFFD}"
      #expect(try readBack([byte]) == expected)
    }
  }

  @Test(arguments: [
    "", "plain", "\"quoted\" and \\ back", "line\nbreak\r\ttab", "Grüße, 東京, 🚪", "\u{0}\u{1}\u{1F}\u{7F}",
    "\u{80}\u{9B}31m", "\u{2028}\u{2029}", "\u{FFFD}\u{10FFFF}",
  ])
  func textComesBackAsItWas(_ text: String) throws {
    #expect(try readBack(Array(text.utf8)) == text)
  }

  @Test(
    arguments: [
      ([0x61, 0xC3, 0x28, 0x62], "a\u{FFFD}(b"),  // a lead byte without its continuation
      ([0xE2, 0x82], "\u{FFFD}"),  // cut off
      ([0xC0, 0xAF], "\u{FFFD}\u{FFFD}"),  // an overlong slash
      ([0xED, 0xA0, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}"),  // a surrogate
      ([0xF5, 0x80, 0x80, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),  // beyond U+10FFFF
      ([0xC3, 0xBC, 0xFF, 0xC3, 0xBC], "ü\u{FFFD}ü"),
    ] as [([UInt8], String)])
  func invalidUTF8BecomesTheReplacementCharacter(_ bytes: [UInt8], _ expected: String) throws {
    #expect(try readBack(bytes) == expected)
  }

  @Test func terminalControlsLeaveAsEscapes() {
    var out: [UInt8] = []
    JSON.appendString(Array("\u{1B}[2J\u{9B}K\u{7F}".utf8), to: &out)
    #expect(String(decoding: out, as: UTF8.self) == #""\u001b[2J\u009bK\u007f""#)
  }

  @Test func commasStandBetweenMembersAndElementsOnly() {
    var json = JSONWriter()
    json.beginObject()
    json.key("a")
    json.beginArray()
    json.integer(-1)
    json.beginObject()
    json.endObject()
    json.beginArray()
    json.endArray()
    json.bool(true)
    json.endArray()
    json.key("b")
    json.string(nil as String?)
    json.key("c")
    json.number(1.5)
    json.key("d")
    json.number(.nan)
    json.endObject()
    #expect(String(decoding: json.bytes, as: UTF8.self) == #"{"a":[-1,{},[],true],"b":null,"c":1.5,"d":null}"#)
  }

  @Test func aBorrowedBufferComesBackWithWhatWasInIt() {
    var buffer = Array("before\n".utf8)
    var json = JSONWriter(appendingTo: &buffer)
    json.beginArray()
    json.endArray()
    json.finish(into: &buffer)
    #expect(String(decoding: buffer, as: UTF8.self) == "before\n[]")
    #expect(json.bytes.isEmpty)
  }
}
