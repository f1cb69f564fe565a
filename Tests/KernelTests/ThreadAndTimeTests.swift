import Glibc
import Testing

@testable import Kernel

@Suite struct ThreadTests {
  @Test func aThreadHasItsNameCutToWhatTheKernelTakes() {
    let names = Condition<(ended: Bool, name: String?)>((false, nil))
    Threads.start(name: "a-name-that-is-too-long") {
      var name = ""
      _ = eventually {
        name = currentThreadName()
        return name == "a-name-that-is-"
      }
      names.change { $0 = (true, name) }
    }
    #expect(names.wait { $0.ended ? $0.name : nil } == "a-name-that-is-")
  }

  @Test func aSleeperWakesWhenItIsToldAndTakesWhatItWaitedFor() {
    let box = Condition<(value: Int, waiting: Bool)>((0, false))
    let seen = Condition<Int?>(nil)
    Threads.start(name: "sleeper") {
      let value = box.wait { state -> Int? in
        state.waiting = true
        return state.value >= 3 ? state.value : nil
      }
      seen.change { $0 = value }
    }
    #expect(eventually { box.change { $0.waiting } })
    for value in 1...3 { box.change { $0.value = value } }
    #expect(seen.wait { $0 } == 3)
  }

  @Test func manyThreadsLoseNoChange() {
    let total = Condition((sum: 0, ended: 0))
    for _ in 0..<8 {
      Threads.start(name: "adder") {
        for _ in 0..<2_000 { total.change { $0.sum += 1 } }
        total.change { $0.ended += 1 }
      }
    }
    #expect(total.wait { $0.ended == 8 ? $0.sum : nil } == 16_000)
  }

  @Test func aConditionThatHoldsAlreadyIsNotWaitedFor() {
    #expect(Condition(7).wait { $0 == 7 ? "seven" : nil } == "seven")
  }
}

/// The name as the kernel has it, of the thread that asks.
private func currentThreadName() -> String {
  guard let file = fopen("/proc/thread-self/comm", "re") else { return "" }
  defer { fclose(file) }
  var line = [UInt8](repeating: 0, count: 64)
  let count = fread(&line, 1, line.count, file)
  return String(decoding: line[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
}

@Suite struct TimeTests {
  @Test func theMonotonicClockGoesForwardAndASleepLastsAsLongAsItShall() {
    let before = Clock.monotonic()
    Clock.sleep(milliseconds: 5)
    #expect(Clock.monotonic() - before >= 5_000_000)
    Clock.sleep(milliseconds: -1)
  }

  @Test func theRealClockAgreesWithTheSystem() {
    let before = time(nil)
    let seconds = Int(Clock.realtime() / 1_000_000_000)
    #expect((before...time(nil)).contains(seconds))
  }

  @Test(arguments: [
    (0, "1970-01-01T00:00:00Z", "1970-01-01 00:00"), (1_000_000_000, "2001-09-09T01:46:40Z", "2001-09-09 01:46"),
    (951_782_399, "2000-02-28T23:59:59Z", "2000-02-28 23:59"),
    (951_782_400, "2000-02-29T00:00:00Z", "2000-02-29 00:00"),
    (-1, "1969-12-31T23:59:59Z", "1969-12-31 23:59"), (4_102_444_800, "2100-01-01T00:00:00Z", "2100-01-01 00:00"),
  ])
  func aMomentIsWrittenInUTC(_ seconds: Int, _ rfc3339: String, _ readable: String) {
    let time = CalendarTime(secondsSinceEpoch: seconds)
    #expect(time.rfc3339 == rfc3339)
    #expect(time.readable == readable)
  }

  @Test func thereIsAProcessorAndAProgram() throws {
    #expect(ThisProcess.processors() >= 1)
    #expect(ThisProcess.pid == getpid())
    #expect(access(ThisProcess.executablePath(), X_OK) == 0)
    #expect(ThisProcess.environment("PATH")?.isEmpty == false)
    #expect(ThisProcess.environment("TOLLGATE_NO_SUCH_VARIABLE") == nil)
    let null = Descriptor(owning: open("/dev/null", O_RDONLY | O_CLOEXEC))
    #expect(!ThisProcess.isTerminal(null.raw) && terminalColumns(null.raw) == nil)
  }
}
