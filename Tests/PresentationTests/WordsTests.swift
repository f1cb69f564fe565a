import Testing

@testable import Presentation

@Suite struct WordsTests {
  @Test(
    arguments: [
      (0, "0 ns"), (7, "7 ns"), (999, "999 ns"), (1_000, "1 µs"), (1_234, "1.23 µs"), (512_000, "512 µs"),
      (999_400, "999 µs"), (999_500, "1 ms"), (999_600, "1 ms"), (16_912_345, "16.9 ms"), (2_100_000_000, "2.1 s"),
      (9_995_000, "10 ms"), (99_950_000, "100 ms"), (1_234_567_000_000, "1,235 s"), (-16_912_345, "-16.9 ms"),
    ] as [(Int64, String)])
  func durationsHaveThreeSignificantDigits(_ nanoseconds: Int64, _ words: String) {
    #expect(Words.duration(nanoseconds) == words)
  }

  @Test func aPartIsWrittenInTheUnitOfItsWhole() {
    #expect(Words.amount(15_100_000, in: .milliseconds) == "15.1")
    #expect(Words.amount(150_000, in: .milliseconds) == "0.15")
    #expect(Words.amount(1_234, in: .milliseconds) == "0.00123")
    #expect(Words.amount(0, in: .seconds) == "0")
  }

  @Test(
    arguments: [
      (0, "0 bytes"), (1, "1 byte"), (8_912, "8,912 bytes"), (10_240, "10 KiB"), (1_363_968, "1,332 KiB"),
      (10 << 20, "10 MiB"), (10 << 30, "10 GiB"), (Int64.max, "8,388,608 TiB"),
    ] as [(Int64, String)])
  func sizesAreInTheLargestUnitOfWhichThereAreTen(_ bytes: Int64, _ words: String) {
    #expect(Words.size(bytes) == words)
  }

  @Test func extremesDoNotTrap() {
    #expect(Words.duration(.max) == "9,223,372,037 s")
    #expect(Words.duration(.min).hasPrefix("-9,223"))
    #expect(Words.size(.min).hasPrefix("-"))
    #expect(Words.significant(.infinity) == "–")
    #expect(Words.significant(1e300) == Words.count(.max))
    #expect(Words.significant(1e-30) == "0")
  }
}

@Suite struct TerminalTests {
  @Test func aBarFillsItsScaleAndNeverMore() {
    #expect(Bar.text(start: 0, length: 100, of: 100, width: 10) == "██████████")
    #expect(Bar.text(start: 50, length: 50, of: 100, width: 10) == "     █████")
    #expect(Bar.text(start: 0, length: 1, of: 1_000_000, width: 10) == "▏         ")
    #expect(Bar.text(start: 100, length: 1, of: 100, width: 10) == "         █")
    #expect(Bar.text(start: 0, length: 25, of: 100, width: 10) == "██▌       ")
    #expect(Bar.text(start: 0, length: 0, of: 100, width: 4) == "    ")
    #expect(Bar.text(start: 5, length: 5, of: 0, width: 4) == "    ")
  }

  @Test func everyBarHasTheWidthThatWasAskedFor() {
    for start in stride(from: Int64(0), through: 1000, by: 37) {
      for length in stride(from: Int64(0), through: 1000 - start, by: 41) {
        #expect(Bar.text(start: start, length: length, of: 1000, width: 33).count == 33)
      }
    }
  }

  @Test func columnsAreAsWideAsTheirWidestCell() {
    var table = TextTable(columns: [.left, .right])
    table.add("total", "2.61 ms")
    table.add("first byte", "5 µs")
    table.add("alone")
    #expect(table.lines(indent: 2) == ["  total       2.61 ms", "  first byte     5 µs", "  alone"])
  }

  @Test func coloursAreLeftOutWhereThereAreNone() {
    #expect(Terminal(width: 80, hasColours: false).coloured("x", .red) == "x")
    #expect(Terminal(width: 80, hasColours: true).coloured("x", .red) == "\u{1B}[31mx\u{1B}[0m")
  }

  @Test func whatSteersATerminalIsReplaced() {
    #expect(Terminal.printable("a\u{1B}[2J\u{9B}b\u{202E}c\n") == "a\u{FFFD}[2J\u{FFFD}b\u{FFFD}c\u{FFFD}")
    #expect(Terminal.printable("/größe/東京") == "/größe/東京")
  }
}

@Suite struct HTMLTests {
  @Test func markupInTextStaysText() {
    #expect(
      HTML.escaped(#"<a href='x' title="y">&</a>"#)
        == "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;&lt;/a&gt;"
    )
  }

  @Test func aPageEscapesItsTitleAndNeedsNothingFromElsewhere() {
    let page = String(
      decoding: HTML.page(title: "</title><script>".utf8, body: Array("<p>body</p>".utf8)), as: UTF8.self)
    #expect(page.hasPrefix("<!DOCTYPE html>"))
    #expect(page.contains("<title>&lt;/title&gt;&lt;script&gt;</title>"))
    #expect(page.contains("<h1>&lt;/title&gt;&lt;script&gt;</h1>\n<p>body</p>\n"))
    #expect(page.contains("color-scheme: light dark"))
    for outside in ["http", "src=", "<link", "<script", "@import", "url("] { #expect(!page.contains(outside)) }
  }
}
