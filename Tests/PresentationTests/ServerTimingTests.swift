import Kernel
import Testing

@testable import Costs

@Suite struct ServerTimingTests {
  private static let process = ResourceUsage(
    cpuNanoseconds: 13_200_001, peakResidentBytes: 1_363_968, minorFaults: 123, majorFaults: 0, voluntarySwitches: 3,
    involuntarySwitches: 1, blocksRead: 8, blocksWritten: 16)

  private func bill() -> Bill {
    var bill = Bill()
    bill.model = .cgi
    bill.durationNanoseconds = 16_912_345
    bill.phases.head = 12_345
    bill.phases.body = 0
    bill.phases.queue = 1
    bill.phases.spawn = 500_000
    bill.phases.firstByte = 15_100_000
    bill.phases.output = 1_000_000_000_000
    bill.phases.exit = 90
    bill.process = Self.process
    bill.processEnd = .exited(status: 3)
    return bill
  }

  private func workersBill(pid: Int32? = 4711, cpu: Int64? = 90_001, requests: Int? = 57) -> Bill {
    var bill = Bill()
    bill.model = .fastcgi
    bill.durationNanoseconds = 210_000
    bill.phases.head = 12_345
    bill.phases.queue = 0
    bill.phases.firstByte = 140_000
    bill.phases.output = 10_000
    bill.worker = WorkerBill()
    bill.worker?.pid = pid
    bill.worker?.cpuNanoseconds = cpu
    bill.worker?.requests = requests
    return bill
  }

  private func text(
    _ bill: Bill, route: [UInt8]? = Array("/cgi-bin/".utf8), complete: Bool, interpreter: [UInt8]? = nil
  ) -> String {
    var out: [UInt8] = []
    ServerTiming.append(bill, route: route, complete: complete, interpreter: interpreter, to: &out)
    return String(decoding: out, as: UTF8.self)
  }

  @Test func aFileFromTheCacheSaysModelTransferRouteAndHead() {
    var bill = Bill()
    bill.model = .staticCache
    bill.phases.head = 12_340
    #expect(
      text(bill, route: Array("/".utf8), complete: false)
        == #"model;desc="static", transfer;desc="cache", route;desc="/", head;dur=0.01234"#)
  }

  @Test func aWholeBillComesBackFromTheWireToTheNanosecond() throws {
    let bill = bill()
    let wire = text(bill, complete: true, interpreter: Array("perl".utf8))
    let read = try #require(ServerTiming.parse([wire]))
    #expect(read.model == "cgi")
    #expect(read.transfer == nil)
    #expect(read.route == Array("/cgi-bin/".utf8))
    #expect(read.interpreter == Array("perl".utf8))
    #expect(read.phases == bill.phases)
    #expect(read.cpuNanoseconds == 13_200_001)
    #expect(read.peakResidentBytes == 1_363_968)
    #expect(read.minorFaults == 123 && read.majorFaults == 0)
    #expect(read.voluntarySwitches == 3 && read.involuntarySwitches == 1)
    #expect(read.blocksRead == 8 && read.blocksWritten == 16)
    #expect(read.processEnd == .exited(status: 3))
    #expect(read.totalNanoseconds == 16_912_345)
    #expect(read.isComplete)
  }

  @Test func whatIsNotYetKnownIsAbsentAndNotZero() throws {
    let read = try #require(ServerTiming.parse([text(bill(), complete: false)]))
    #expect(!read.isComplete)
    #expect(read.phases.firstByte == 15_100_000)
    #expect(read.phases.output == nil && read.phases.exit == nil)
    #expect(read.cpuNanoseconds == nil && read.peakResidentBytes == nil && read.processEnd == nil)
  }

  @Test func aCompleteBillWithoutAMeasuredProcessHasNoCosts() throws {
    var bill = bill()
    bill.process = nil
    bill.processEnd = .signalled(signal: 9)
    let read = try #require(ServerTiming.parse([text(bill, complete: true)]))
    #expect(read.isComplete && read.cpuNanoseconds == nil)
    #expect(read.processEnd == .signalled(signal: 9))
  }

  @Test func aWorkersWholeBillComesBackWithItsProcessAndProcessorTimeAlone() throws {
    let bill = workersBill()
    let wire = text(bill, route: Array("/app".utf8), complete: true)
    #expect(
      wire == #"model;desc="fastcgi", route;desc="/app", worker;desc="4711", worker-requests;desc="57", "#
        + "head;dur=0.012345, queue;dur=0, first-byte;dur=0.14, output;dur=0.01, cpu;dur=0.090001, total;dur=0.21")
    let read = try #require(ServerTiming.parse([wire]))
    #expect(read.model == "fastcgi" && read.isComplete)
    #expect(read.workerPID == 4711 && read.workerRequests == 57)
    #expect(read.phases == bill.phases)
    #expect(read.cpuNanoseconds == 90_001 && !read.cpuIsNotKnowable)
    #expect(read.peakResidentBytes == nil && read.minorFaults == nil && read.processEnd == nil)
  }

  @Test func aWorkerWhoseProcessWasGoneHasNoKnowableProcessorTime() throws {
    let wire = text(workersBill(cpu: nil, requests: nil), complete: true)
    #expect(wire.contains(#", cpu;desc="not knowable", total;dur="#) && !wire.contains("worker-requests"))
    let read = try #require(ServerTiming.parse([wire]))
    #expect(read.cpuIsNotKnowable && read.cpuNanoseconds == nil)
    #expect(read.workerPID == 4711 && read.workerRequests == nil)
  }

  @Test(arguments: [true, false])
  func nobodyKnowsWhatAWorkerTookThatSomebodyElseRuns(complete: Bool) throws {
    let read = try #require(
      ServerTiming.parse([text(workersBill(pid: nil, cpu: nil, requests: nil), complete: complete)]))
    #expect(read.cpuIsNotKnowable && read.cpuNanoseconds == nil)
    #expect(read.workerPID == nil && read.workerRequests == nil)
    #expect(read.isComplete == complete)
  }

  @Test func theHeadOfAWorkersAnswerNamesTheWorkerAndNotYetWhatItTook() throws {
    let read = try #require(ServerTiming.parse([text(workersBill(cpu: nil), complete: false)]))
    #expect(read.workerPID == 4711 && read.workerRequests == 57)
    #expect(read.cpuNanoseconds == nil && !read.cpuIsNotKnowable)
    #expect(read.phases.firstByte == 140_000 && read.phases.output == nil && !read.isComplete)
  }

  @Test func aPoolsAnswerWithoutAWorkerSaysNothingOfOne() throws {
    var bill = workersBill()
    bill.worker = nil
    let read = try #require(ServerTiming.parse([text(bill, complete: true)]))
    #expect(read.isComplete && read.workerPID == nil && read.workerRequests == nil)
    #expect(read.cpuNanoseconds == nil && !read.cpuIsNotKnowable)
  }

  @Test(arguments: [
    "model;desc=fastcgi, worker;desc=2147483648, cpu;desc=\"knowable\"", "model;desc=fastcgi, worker;desc=x, cpu;desc",
    "model;desc=fastcgi, worker;dur=4711, cpu", "model;desc=fastcgi, worker, cpu;desc=not knowable",
  ])
  func unreadableWordsOfAWorkerAreAbsent(_ wire: String) throws {
    let read = try #require(ServerTiming.parse([wire]))
    #expect(read.workerPID == nil && !read.cpuIsNotKnowable && read.cpuNanoseconds == nil)
  }

  @Test func durationsOfEverySizeComeBack() throws {
    for value in [0, 1, 10, 999_999, 1_000_000, 1_000_001, 123_456_789_012, Int64.max] {
      var bill = Bill()
      bill.phases.spawn = value
      #expect(try #require(ServerTiming.parse([text(bill, complete: false)])).phases.spawn == value)
    }
  }

  @Test func everyByteOfARouteComesBackAndNoneBreaksTheField() throws {
    let route = Array(UInt8.min...UInt8.max) + Array("%41\"\\, model;desc=\"x\"\r\nSet-Cookie: a=b".utf8)
    let wire = text(bill(), route: route, complete: true)
    #expect(wire.utf8.allSatisfy { (0x20..<0x7F).contains($0) })
    let read = try #require(ServerTiming.parse([wire]))
    #expect(read.route == route)
    #expect(read.model == "cgi")
  }

  @Test func aScriptsOwnFieldIsNotTakenForTheGateways() throws {
    let own = "db;dur=53.2;desc=\"model\", cpu;dur=99"
    #expect(ServerTiming.parse([own]) == nil)
    let read = try #require(ServerTiming.parse([own, text(bill(), complete: true), "model;desc=cgi, cpu;dur=1"]))
    #expect(read.cpuNanoseconds == 13_200_001)
  }

  @Test(arguments: [
    "model;desc=cgi, cpu;dur=abc", "model;desc=cgi, cpu;dur=", "model;desc=cgi, cpu;dur=-1",
    "model;desc=cgi, cpu;dur=1e3",
    "model;desc=cgi, cpu;dur=9223372036854775807", "model;desc=cgi, cpu;dur=1.2.3", "model;desc=cgi, cpu",
    "model;desc=cgi, cpu;dur=., ;;;=,,\"", "model;desc=cgi, cpu;dur, cpu;dur=5",
  ])
  func anUnreadableDurationIsAbsent(_ wire: String) throws {
    #expect(try #require(ServerTiming.parse([wire])).cpuNanoseconds == nil)
  }

  @Test func theGrammarsFreedomsAreRead() throws {
    let read = try #require(
      ServerTiming.parse(["  MODEL ; desc = cgi ,spawn;DUR=1.5;x=y;dur=9,, queue ;dur=\"2\", cpu;dur=0.1234567"]))
    #expect(read.model == "cgi")
    #expect(read.phases.spawn == 1_500_000)
    #expect(read.phases.queue == 2_000_000)
    #expect(read.cpuNanoseconds == 123_456)
  }

  @Test func mutatedFieldsAreReadWithoutATrap() {
    var generator = SystemRandomNumberGenerator()
    let wire = Array(text(bill(), complete: true).utf8)
    var readable = 0
    for _ in 0..<2_000 {
      var bytes = wire
      for _ in 0..<3 { bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255) }
      bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
      if ServerTiming.parse([String(decoding: bytes, as: UTF8.self)]) != nil { readable += 1 }
    }
    #expect(readable > 0)
  }
}
