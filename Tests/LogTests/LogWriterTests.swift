import Glibc
import Kernel
import Testing

@testable import Log

@Suite struct LogWriterTests {
  init() { ThisProcess.ignoreBrokenPipes() }

  private func writer(
    to destination: consuming sending Descriptor, pendingLimit: Int = 4096, lineBytes: Int = 0
  ) -> LogWriter<Int> {
    LogWriter(
      destination: destination, name: "test-log", pendingLimit: pendingLimit,
      render: { $1 += "\($0) \(String(repeating: "x", count: lineBytes))\n".utf8 },
      renderDropped: { $1 += "dropped \($0)\n".utf8 })
  }

  private func numbers(_ text: String) -> [Int] {
    text.split(separator: "\n").compactMap { Int($0.prefix { $0 != " " }) }
  }

  @Test func linesComeOutInTheOrderOfTheirWriting() throws {
    var log: LogWriter<Int>!
    let sink = try Sink { log = writer(to: $0) }
    for number in 0..<3_000 { log.write(number) }
    log.close(withinMilliseconds: 10_000)
    log = nil
    #expect(numbers(sink.readToEnd()) == Array(0..<3_000))
  }

  @Test func writersOnManyThreadsKeepEachItsOrder() throws {
    var log: LogWriter<Int>!
    let sink = try Sink { log = writer(to: $0) }
    let done = Condition(0)
    for thread in 0..<4 {
      Threads.start(name: "writer") { [log = log!] in
        for number in 0..<500 { log.write(thread * 1000 + number) }
        done.change { state in state += 1 }
      }
    }
    done.wait { $0 == 4 ? () : nil }
    log.close(withinMilliseconds: 10_000)
    log = nil
    let written = numbers(sink.readToEnd())
    for thread in 0..<4 {
      #expect(written.filter { $0 / 1000 == thread } == (0..<500).map { thread * 1000 + $0 })
    }
  }

  @Test func aDestinationThatTakesNothingHoldsNobodyUpAndWhatIsLostIsCountedAndSaid() throws {
    var log: LogWriter<Int>!
    let sink = try Sink { log = writer(to: $0, pendingLimit: 8, lineBytes: 4_096) }
    // More than a pipe and the queue hold, while nobody reads: a write that waited would wait for ever.
    for number in 0..<500 { log.write(number) }
    var written: [Int] = []
    var dropped = 0
    var afterDrop = false
    while written.last != 1_000 {
      let line = sink.readLine()
      try #require(!line.isEmpty)
      if line.hasPrefix("dropped "), let count = Int(line.dropFirst(8)) {
        dropped += count
        // It is said without being asked, and there is room again: the next line comes whole.
        if !afterDrop {
          afterDrop = true
          log.write(1_000)
        }
      } else {
        written += numbers(line)
      }
    }
    #expect(dropped > 0)
    #expect(written.count - 1 + dropped == 500)
    #expect(written == written.sorted() && Set(written).count == written.count)
    log.close(withinMilliseconds: 10_000)
    log = nil
    #expect(sink.readToEnd().isEmpty)
  }

  @Test func closingWritesWhatWaitsAndNoLineIsHalf() throws {
    var log: LogWriter<Int>!
    let sink = try Sink { log = writer(to: $0, lineBytes: 100) }
    let ended = Condition<String?>(nil)
    for number in 0..<2_000 { log.write(number) }
    let reader = Reader(sink)
    Threads.start(name: "reader") {
      let text = reader.sink.readToEnd()
      ended.change { state in state = text }
    }
    log.close(withinMilliseconds: 10_000)
    log = nil
    let text = ended.wait { $0 }
    #expect(numbers(text) == Array(0..<2_000) && text.hasSuffix("x\n"))
  }

  /// Only one thread uses the sink: the one that it is handed to.
  private final class Reader: @unchecked Sendable {
    let sink: Sink
    init(_ sink: Sink) { self.sink = sink }
  }

  @Test func closingGivesUpWhereTheDestinationTakesNothing() throws {
    var log: LogWriter<Int>!
    let sink = try Sink { log = writer(to: $0, lineBytes: 4_096) }
    for number in 0..<100 { log.write(number) }
    let before = Clock.monotonic()
    log.close(withinMilliseconds: 30)
    let waited = Clock.monotonic() - before
    #expect(waited >= 30_000_000 && waited < 10_000_000_000)
    log = nil
    #expect(numbers(sink.readToEnd()) == Array(0..<100))
  }

  @Test func aReaderThatLeftDoesNotEndTheWriter() throws {
    var log: LogWriter<Int>!
    do { _ = try Sink { log = writer(to: $0) } }
    for number in 0..<100 { log.write(number) }
    let before = Clock.monotonic()
    log.close(withinMilliseconds: 10_000)
    #expect(Clock.monotonic() - before < 9_000_000_000)
  }

  @Test func aDestinationThatSomebodyMadeNonBlockingGetsEveryLine() throws {
    var log: LogWriter<Int>!
    let sink = try Sink { descriptor in
      #expect(fcntl(descriptor.raw, F_SETFL, fcntl(descriptor.raw, F_GETFL) | O_NONBLOCK) == 0)
      log = writer(to: descriptor, lineBytes: 4_096)
    }
    for number in 0..<100 { log.write(number) }
    Clock.sleep(milliseconds: 10)
    var written: [Int] = []
    while written.count < 100 { written += numbers(sink.readLine()) }
    #expect(written == Array(0..<100))
    log.close(withinMilliseconds: 10_000)
  }
}
