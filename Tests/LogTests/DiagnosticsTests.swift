import Kernel
import Testing

@testable import Log

@Suite struct DiagnosticsTests {
  @Test(arguments: [
    ("plain", "plain"), ("«Größe» 日本", "«Größe» 日本"), ("", ""), ("a\nb\r", "a\\x0ab\\x0d"), ("\u{1B}[31m", "\\x1b[31m"),
    ("\u{0}\u{7F}", "\\x00\\x7f"), ("tab\there", "tab\\x09here"), ("\u{9B}31m", "\\x9b31m"), ("\u{85}", "\\x85"),
    ("\r\n", "\\x0d\\x0a"),
  ])
  func controlCharactersAreEscapedAndNothingElseIs(_ text: String, _ written: String) {
    #expect(printable(text) == written)
  }

  /// The one test that may: swift-log is set up once a process.
  @Test func aMessageIsOneLineWithTimeLevelAndMetadata() throws {
    var writer: LogWriter<String>!
    let sink = try Sink { writer = Diagnostics.start(destination: $0) }
    var log = Logger(label: "test")
    log.info("hello")
    log.debug("not wanted")
    log[metadataKey: "z"] = "last\n2026-01-01T00:00:00Z error forged"
    log.warning("a\nb", metadata: ["a": "first"])
    log.logLevel = .debug
    log.debug("wanted")
    writer.close(withinMilliseconds: 10_000)
    writer = nil
    let lines = sink.readLines(3)
    let texts = lines.map { String($0.dropFirst(21)) }
    #expect(
      texts == [
        "info hello", "warning a\\x0ab a=first z=last\\x0a2026-01-01T00:00:00Z error forged",
        "debug wanted z=last\\x0a2026-01-01T00:00:00Z error forged",
      ])
    for line in lines {
      let stamp = Array(line.prefix(21))
      #expect(stamp[4] == "-" && stamp[10] == "T" && stamp[19] == "Z" && stamp[20] == " ")
      #expect(abs(try #require(Int(String(stamp[..<4]))) - CalendarTime(secondsSinceEpoch: now()).year) <= 1)
    }
  }

  private func now() -> Int { Int(Clock.realtime() / 1_000_000_000) }
}

extension Sink {
  func readLines(_ count: Int) -> [String] { (0..<count).map { _ in readLine() } }
}
