import Costs
import Foundation
import HTTPClient
import Presentation
import Testing

@testable import tollgate

@Suite struct TraceTests {
  private func cgi(complete: Bool = true) -> TraceBill {
    var bill = TraceBill()
    bill.model = "cgi"
    bill.route = Array("/cgi-bin/".utf8)
    bill.interpreter = Array("perl".utf8)
    bill.phases.head = 10_000
    bill.phases.queue = 90_000
    bill.phases.spawn = 500_000
    bill.phases.firstByte = 15_100_000
    guard complete else { return bill }
    bill.phases.output = 100_000
    bill.phases.exit = 200_000
    bill.cpuNanoseconds = 13_200_000
    bill.peakResidentBytes = 5_363_968
    bill.processEnd = .exited(status: 0)
    bill.totalNanoseconds = 16_000_000
    return bill
  }

  private func file() -> TraceBill {
    var bill = TraceBill()
    bill.model = "static"
    bill.transfer = "cache"
    bill.route = Array("/".utf8)
    bill.phases.head = 5_000
    return bill
  }

  private func workers(cpu: Int64? = 90_000, pid: Int32? = 4711, complete: Bool = true) -> TraceBill {
    var bill = TraceBill()
    bill.model = "fastcgi"
    bill.route = Array("/guestbook".utf8)
    bill.workerPID = pid
    bill.workerRequests = pid == nil ? nil : 1_057
    bill.phases.head = 5_000
    bill.phases.queue = 1_000
    bill.phases.firstByte = 140_000
    if complete {
      bill.phases.output = 10_000
      bill.cpuNanoseconds = cpu
      bill.totalNanoseconds = 157_000
    }
    bill.cpuIsNotKnowable = cpu == nil
    return bill
  }

  /// An exchange with a worker: 210 µs in all, unless something else is said.
  private func quick(_ bill: TraceBill, wait: Int64 = 165_000, receive: Int64 = 5_000) -> TraceSample {
    sample(bill, lookup: 5_000, connect: 25_000, send: 10_000, wait: wait, receive: receive)
  }

  private func sample(
    _ bill: TraceBill?, lookup: Int64 = 20_000, connect: Int64 = 100_000, send: Int64 = 30_000,
    wait: Int64 = 16_700_000, receive: Int64 = 50_000, bodyBytes: Int64 = 1_234, isLoopback: Bool = true
  ) -> TraceSample {
    TraceSample(
      url: "http://127.0.0.1:8080/x", peer: "127.0.0.1:8080", isLoopback: isLoopback,
      timings: ClientTimings(lookup: lookup, connect: connect, send: send, wait: wait, receive: receive),
      bill: bill, status: 200, reason: "OK", bodyBytes: bodyBytes, wireBytes: bodyBytes + 200)
  }

  private func waterfall(_ sample: TraceSample) -> Waterfall {
    Waterfall(timings: sample.timings, bill: sample.bill)
  }

  private func shown(_ sample: TraceSample) -> String {
    var text = TraceText(terminal: Terminal(width: 100, hasColours: false))
    text.show(TraceSeries([sample]))
    return text.lines.joined(separator: "\n")
  }

  @Test func theServersPhasesFollowOneAnotherWithinTheWait() {
    let waterfall = waterfall(sample(cgi()))
    #expect(waterfall.total == 16_900_000)
    #expect(waterfall.serverTotal == 16_000_000)
    var start: Int64 = 150_000
    for part in Waterfall.serverParts where part != .body {
      let segment = waterfall.segments.first { $0.part == part }
      #expect(segment?.start == start)
      start += segment?.length ?? 0
    }
    #expect(waterfall.length(.body) == nil)
    #expect(waterfall.length(.clientAndNetwork) == 700_000)
    #expect(start + 700_000 == 150_000 + 16_700_000)
  }

  @Test func partsNeverExceedTheTotal() {
    for wait in stride(from: Int64(0), through: 20_000_000, by: 333_333) {
      let waterfall = waterfall(sample(cgi(), wait: wait))
      let outer: [Waterfall.Part] = [.lookup, .connect, .send, .wait, .receive]
      #expect(outer.compactMap(waterfall.length).reduce(0, +) == waterfall.total)
      let inner = Waterfall.serverParts + [.clientAndNetwork]
      #expect(inner.compactMap(waterfall.length).reduce(0, +) <= wait + 30_000)
      for segment in waterfall.segments {
        #expect(segment.length >= 0 && segment.start + segment.length <= waterfall.total)
      }
    }
  }

  @Test func phasesThatDoNotFitIntoTheWaitAreNotAttributed() {
    let sample = sample(cgi(), wait: 1_000_000)
    let waterfall = waterfall(sample)
    #expect(waterfall.serverExceedsWait && !waterfall.hasServerPhases && waterfall.serverTotal == 0)
    #expect(
      TraceSentence.text(sample) == "1.2 ms, of which 1 passed between the request and the first byte of the answer; "
        + "the bill's phases are longer than the wait, so they are not counted.")
    #expect(shown(sample).contains("they are of another exchange"))
  }

  @Test func overflowingFiguresAreNotAttributed() {
    var bill = cgi()
    bill.phases.spawn = .max
    #expect(waterfall(sample(bill)).serverExceedsWait)
  }

  @Test func theSentenceOfASlowStartNamesTheInterpreter() {
    #expect(
      TraceSentence.text(sample(cgi())) == "16.9 ms, of which 15.1 passed between exec and the first byte: "
        + "starting perl and what the script did before it printed.")
  }

  @Test func theSentenceOfACachedFileNamesTheWay() {
    let sample = sample(file(), lookup: 5_000, connect: 40_000, send: 10_000, wait: 100_000, receive: 55_000)
    #expect(
      TraceSentence.text(sample)
        == "210 µs, of which 150 were spent on the way (client, loopback); the file came from the gateway's cache.")
  }

  @Test func theSentenceFollowsTheFigures() {
    var queued = cgi()
    queued.phases.queue = 40_000_000
    #expect(
      TraceSentence.text(sample(queued, wait: 60_000_000))
        .contains("of which 40 passed in the route's queue, waiting for a free place"))
    #expect(
      TraceSentence.text(sample(cgi(complete: false), receive: 5_000_000_000))
        == "5.02 s, of which 5 passed between the answer's first byte and its last: the script's output, "
        + "and its way; gateway and program took 15.7 ms before the answer left.")
    #expect(
      TraceSentence.text(sample(file(), lookup: 80_000_000, wait: 200_000, isLoopback: false))
        .contains("of which 80 passed looking up the host's address"))
    #expect(
      TraceSentence.text(sample(file(), wait: 900_000, isLoopback: false)).contains("(client, network)"))
    #expect(
      TraceSentence.text(sample(nil)) == "16.9 ms, of which 16.7 passed between the request and the first byte of "
        + "the answer; the server does not say what its part was.")
  }

  @Test func aBillNamesWhatItLacks() {
    #expect(
      shown(sample(cgi(complete: false)))
        .contains("not in this answer: the route's bill is \"head\"; tollgate serve --bill full shows it"))
    #expect(shown(sample(cgi(complete: false), bodyBytes: 100_000)).contains("more than 64 KiB"))
    #expect(shown(sample(file())).contains("no process ran for this answer"))
    #expect(shown(sample(nil)).contains("No bill in the answer"))
    let full = shown(sample(cgi()))
    #expect(!full.contains("not in this answer"))
    for figure in ["13.2 ms", "5,238 KiB", "exit status 0", "/cgi-bin/"] { #expect(full.contains(figure)) }
  }

  @Test func theSentenceOfAWorkersAnswerHasTheWholeAnswerAndItsProcessorTime() {
    #expect(
      TraceSentence.text(quick(workers()))
        == "210 µs, of which 150 was the worker's answer (90 µs of processor time).")
    #expect(
      TraceSentence.text(quick(workers(cpu: nil, pid: nil))) == "210 µs, of which 150 was the worker's answer; "
        + "what the worker took is not knowable: somebody else runs it.")
    #expect(
      TraceSentence.text(quick(workers(cpu: nil))) == "210 µs, of which 150 was the worker's answer; "
        + "what the worker took is not knowable: its process was gone when the request ended.")
    #expect(
      TraceSentence.text(quick(workers(complete: false)))
        == "210 µs, of which 140 passed until the first byte of the worker's answer.")
  }

  @Test func theSentenceOfALongOutputCountsItToTheWorkersAnswer() {
    var bill = workers()
    bill.phases.firstByte = 50_000
    bill.phases.output = 70_000
    #expect(TraceSentence.text(quick(bill)).contains("of which 120 was the worker's answer"))
    #expect(waterfall(quick(bill)).length(.output) == 70_000)
  }

  @Test func theSentenceOfAWorkersAnswerFollowsTheFigures() {
    var queued = workers()
    queued.phases.queue = 40_000_000
    #expect(
      TraceSentence.text(quick(queued, wait: 41_000_000))
        .contains("passed in the pool's queue, waiting for a free worker"))
    #expect(
      TraceSentence.text(quick(workers(cpu: nil, pid: nil), wait: 1_160_000))
        .hasSuffix("were spent on the way (client, loopback); gateway and worker took 156 µs before the answer left."))
    #expect(
      TraceSentence.text(quick(workers(complete: false), receive: 5_000_000))
        .contains("passed between the answer's first byte and its last: the worker's output, and its way"))
    #expect(
      TraceSentence.text(quick(workers(), wait: 100_000)).contains("the bill's phases are longer than the wait"))
  }

  @Test func aWorkersBillNamesItsProcessAndWhatCannotBeKnown() {
    let whole = shown(quick(workers()))
    for figure in ["fastcgi", "pid 4711", "1,057", "90 µs", "its memory is held all day"] {
      #expect(whole.contains(figure), "\(figure)")
    }
    for absent in ["not in this answer", "no process ran", "peak memory", "spawn", "exit"] {
      #expect(!whole.contains(absent), "\(absent)")
    }
    for complete in [true, false] {
      let elsewhere = shown(quick(workers(cpu: nil, pid: nil, complete: complete)))
      let lines = elsewhere.split(separator: "\n")
      #expect(lines.contains { $0.hasPrefix("  cpu ") && $0.hasSuffix(" not knowable") })
      #expect(elsewhere.contains("  what the worker took is not knowable: somebody else runs it\n"))
      #expect(!elsewhere.contains("pid"))
    }
    #expect(shown(quick(workers(complete: false))).contains("cpu: not in this answer: the route's bill is \"head\""))
    var large = quick(workers(complete: false))
    large.bodyBytes = 100_000
    #expect(shown(large).contains("not held until the worker is done"))
    var refused = workers(pid: nil)
    refused.cpuNanoseconds = nil
    #expect(shown(quick(refused)).contains("cpu: not measured for this request"))
  }

  @Test func aComparisonWithAWorkerHasARatioOnlyWhereItsProcessorTimeIsKnown() throws {
    let program = TraceSeries([sample(cgi())])
    let known = TraceComparison.table(TraceSeries([quick(workers())]), program).lines()
    #expect(known.contains { $0.hasPrefix("cpu") && $0.hasSuffix("147 ×") })
    let unknown = TraceSeries([quick(workers(cpu: nil, pid: nil))])
    let lines = TraceComparison.table(unknown, program).lines()
    #expect(lines.contains { $0.hasPrefix("cpu") && $0.contains("not knowable") && !$0.contains("×") })
    #expect(lines.contains { $0.hasPrefix("total") && $0.hasSuffix("×") })
    let both = TraceComparison.table(unknown, unknown).lines()
    #expect(both.contains { $0.hasPrefix("cpu") && $0.hasSuffix("not knowable") })
    let data = Data(TraceJSON.text(comparing: unknown, program))
    let object = try #require(JSONSerialization.jsonObject(with: data) as? [String: [String: Any]])
    #expect(object["ratio"]?["cpu"] is NSNull && object["ratio"]?["total"] is NSNumber)
    #expect(object["a"]?["cpu_ns"] is NSNull)
  }

  @Test func theJSONFormOfAWorkersBillTellsKnownUnsaidAndNotKnowableApart() throws {
    func bill(_ bill: TraceBill) throws -> [String: Any] {
      let data = Data(TraceJSON.text(TraceSeries([quick(bill)])))
      let object = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
      return try #require((object["median"] as? [String: Any])?["bill"] as? [String: Any])
    }
    let whole = try bill(workers())
    #expect(whole["model"] as? String == "fastcgi")
    #expect(whole["worker"] as? [String: Int] == ["pid": 4711, "requests": 1_057])
    let cost = try #require(whole["cost"] as? [String: Any])
    #expect(cost["cpu_ns"] as? Int == 90_000 && cost["peak_rss_bytes"] is NSNull)
    let head = try bill(workers(complete: false))
    #expect((head["cost"] as? [String: Any])?["cpu_ns"] is NSNull)
    let elsewhere = try bill(workers(cpu: nil, pid: nil))
    #expect(elsewhere["worker"] is NSNull && elsewhere["cost"] as? String == "not knowable")
    #expect(try bill(cgi())["worker"] is NSNull)
  }

  @Test func aServerCannotSteerTheTerminal() {
    var bill = cgi()
    bill.route = Array("/\u{1B}[2J\r\n".utf8)
    bill.interpreter = Array("\u{9B}perl".utf8)
    bill.model = "cgi\u{1B}"
    var sample = sample(bill)
    sample.reason = "\u{1B}]0;x\u{7}"
    var compared = TraceText(terminal: Terminal(width: 100, hasColours: false))
    compared.compare(TraceSeries([sample]), TraceSeries([sample]))
    for line in shown(sample).split(separator: "\n").map(String.init) + compared.lines {
      #expect(line.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
    }
  }

  @Test func percentilesAreByNearestRank() throws {
    let hundred = try #require(Distribution((1...100).map { Int64($0) }.shuffled()))
    #expect(hundred.minimum == 1 && hundred.median == 50 && hundred.percentile99 == 99 && hundred.maximum == 100)
    let one = try #require(Distribution([7]))
    #expect(one.minimum == 7 && one.median == 7 && one.percentile99 == 7 && one.maximum == 7)
    #expect(Distribution([]) == nil)
  }

  @Test func aSeriesShowsTheRequestOfTheMedian() {
    let series = TraceSeries([3, 1, 2].map { sample(cgi(), wait: Int64($0) * 20_000_000) })
    #expect(series.median.timings.wait == 40_000_000)
    #expect(series.total.median == series.median.timings.total)
    #expect(series.cpu?.median == 13_200_000)
  }

  @Test func aComparisonHasTheRatiosOfTotalsAndOfCPU() {
    var dear = cgi()
    dear.cpuNanoseconds = 26_400_000
    let first = TraceSeries([sample(cgi())])
    let second = TraceSeries([sample(dear, wait: 33_600_000)])
    let lines = TraceComparison.table(first, second).lines()
    #expect(lines[1].hasSuffix("2 ×") && lines[1].hasPrefix("total"))
    #expect(lines.contains { $0.hasPrefix("cpu") && $0.hasSuffix("2 ×") })
    #expect(lines.filter { $0.contains("×") }.count == 2)
    let withFile = TraceComparison.table(TraceSeries([sample(file())]), first).lines()
    #expect(withFile.contains { $0.hasPrefix("cpu") && $0.contains("–") && !$0.contains("×") })
  }

  @Test func theJSONFormIsReadableWhateverTheServerSent() throws {
    var bill = cgi()
    bill.route = Array(UInt8.min...UInt8.max)
    let series = TraceSeries([sample(bill), sample(bill, wait: 18_000_000)])
    let data = Data(TraceJSON.text(comparing: series, TraceSeries([sample(nil)])))
    let object = try #require(JSONSerialization.jsonObject(with: data) as? [String: [String: Any]])
    let first = try #require(object["a"]?["median"] as? [String: Any])
    #expect(object["a"]?["requests"] as? Int == 2)
    #expect((first["client"] as? [String: Int])?["total_ns"] == 16_900_000)
    #expect(first["client_and_network_ns"] as? Int == 700_000)
    let read = try #require(first["bill"] as? [String: Any])
    #expect(read["complete"] as? Bool == true)
    #expect((read["phases"] as? [String: Any])?["first_byte_ns"] as? Int == 15_100_000)
    #expect((read["phases"] as? [String: Any])?["body_ns"] is NSNull)
    #expect((object["b"]?["median"] as? [String: Any])?["bill"] is NSNull)
    #expect(object["ratio"]?["total"] is Double && object["ratio"]?["cpu"] is NSNull)
  }

  @Test func everyKeyOfTheJSONFormIsDocumented() throws {
    let docs = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("docs")
    let text =
      try String(contentsOf: docs.appendingPathComponent("trace.md"), encoding: .utf8)
      + String(contentsOf: docs.appendingPathComponent("access-log.md"), encoding: .utf8)
    let object = try JSONSerialization.jsonObject(
      with: Data(TraceJSON.text(comparing: TraceSeries([sample(cgi())]), TraceSeries([quick(workers())]))))
    func check(_ value: Any) {
      for (key, member) in value as? [String: Any] ?? [:] {
        // The end of a process is documented as a whole.
        if !["status", "signal"].contains(key) { #expect(text.contains("`\(key)`"), "\(key)") }
        check(member)
      }
    }
    check(object)
    #expect((object as? [String: Any])?.count == 3)
  }

  @Test func exitCodesAreThoseOfSysexits() {
    #expect(Trace.exitCode(.malformedURL("")).rawValue == 64)
    #expect(Trace.exitCode(.unsupported("")).rawValue == 64)
    #expect(Trace.exitCode(.cannotConnect("")).rawValue == 69)
    #expect(Trace.exitCode(.timedOut("")).rawValue == 69)
    #expect(Trace.exitCode(.protocolError("")).rawValue == 76)
    #expect(Trace.exitCode(.connectionLost("")).rawValue == 76)
  }

  @Test(arguments: [
    ["https://example.org/"], ["http://x/", "--repeat", "0"], ["http://x/", "--compare", "ftp://y/"], [],
    ["http://x/", "--timeout", "0"], ["http://[::1/"],
  ])
  func argumentsThatCannotBeUsedAreRefusedBeforeAnythingIsSent(_ arguments: [String]) {
    #expect(throws: (any Error).self) { try Trace.parse(arguments) }
  }
}
