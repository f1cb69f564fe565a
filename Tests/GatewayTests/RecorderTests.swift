import Costs
import EventLoop
import HTTPWire
import Kernel
import Synchronization
import Testing

@testable import Gateway

private final class Batches: BillSink {
  private let all = Mutex<[RecordBatch]>([])
  func take(_ batch: RecordBatch) { all.withLock { $0.append(batch) } }
  var taken: [RecordBatch] { all.withLock { $0 } }
}

/// A record's words and figures.
private func line(_ record: RequestRecord, _ batch: RecordBatch) -> String {
  let words = [
    record.remote, record.method, record.target, record.referer, record.userAgent, record.route, record.script,
  ]
  let texts = words.map { range in batch.bytes(range).map { text($0) } ?? "-" }
  return texts.joined(separator: " ") + " \(record.bill.status) \(record.bill.durationNanoseconds)"
}

@Suite struct RecorderTests {
  private let sink = Batches()
  private let recorder: Recorder
  private let loop: EventLoop

  init() throws {
    loop = try EventLoop(mailbox: Mailbox())
    recorder = Recorder(sink: sink, loop: loop)
  }

  private func bill(_ status: Int) -> Bill {
    var bill = Bill()
    bill.status = status
    return bill
  }

  private func add(
    _ target: String, _ fields: [String] = [], status: Int = 200, startedAt: Int64, route: [UInt8]? = nil
  ) throws {
    let (head, bytes) = try parsed(["GET \(target) HTTP/1.1"] + fields)
    recorder.add(
      bill(status), startedAt: startedAt, head: head, inbox: bytes, remote: array("192.0.2.1"), route: route)
  }

  private var lines: [String] { sink.taken.flatMap { batch in batch.records.map { line($0, batch) } } }

  @Test func requestsThatLeftTogetherHaveTheirOwnDurations() throws {
    try add("/a", ["Referer: r", "User-Agent: curl/8"], startedAt: 100)
    recorder.settle(now: 150)
    try add("/b?x", status: 404, startedAt: 200)
    try add("/c", startedAt: 230)
    recorder.settle(now: 1_000)
    #expect(sink.taken.isEmpty)
    recorder.flush()
    #expect(
      lines == [
        "192.0.2.1 GET /a r curl/8 - - 200 50", "192.0.2.1 GET /b?x - - - - 404 800",
        "192.0.2.1 GET /c - - - - 200 770",
      ])
    recorder.flush()
    #expect(sink.taken.count == 1, "nothing is handed over twice, nor an empty batch")
  }

  @Test func whatIsTakenBackIsAddedLaterWithItsWords() throws {
    try add("/sent", startedAt: 1)
    recorder.settle(now: 10)
    try add("/slow", ["User-Agent: slow"], startedAt: 2)
    try add("/slower", ["Referer: there"], startedAt: 3, route: array("/old/"))
    // One of another kind comes between them, as when a program is refused at once.
    recorder.add(RecordDraft(startedAt: 9), bill(503))
    try add("/slowest", startedAt: 4)
    let drafts = recorder.takeBack()
    #expect(drafts.map(\.startedAt) == [2, 3, 4] && !recorder.hasOpenRecords)
    recorder.flush()
    #expect(lines == ["192.0.2.1 GET /sent - - - - 200 9", "- - - - - - - 503 0"])
    // In the meantime the buffers are others'.
    try add("/between", startedAt: 20)
    recorder.settle(now: 21)
    for draft in drafts {
      var bill = draft.record.bill
      bill.durationNanoseconds = 100 - draft.startedAt
      recorder.add(draft, bill)
    }
    recorder.flush()
    #expect(
      lines.dropFirst(2) == [
        "192.0.2.1 GET /between - - - - 200 1", "192.0.2.1 GET /slow - slow - - 200 98",
        "192.0.2.1 GET /slower there - /old/ - 200 97", "192.0.2.1 GET /slowest - - - - 200 96",
      ])
  }

  @Test func aDraftKeepsTheWordsOfARequestWhoseInboxIsGone() throws {
    let (head, bytes) = try parsed(["POST /cgi-bin/x?y HTTP/1.0", "User-Agent: a b"])
    var draft = try #require(
      recorder.draft(startedAt: 5, head: head, inbox: bytes, remote: array("::1"), route: array("/cgi-bin/")))
    draft.record.script = draft.text.keep(array("/cgi-bin/x"))
    try add("/other", startedAt: 6)
    recorder.settle(now: 7)
    var bill = bill(201)
    bill.durationNanoseconds = 77
    recorder.add(draft, bill)
    recorder.flush()
    #expect(
      lines == [
        "192.0.2.1 GET /other - - - - 200 1", "::1 POST /cgi-bin/x?y - a b /cgi-bin/ /cgi-bin/x 201 77",
      ])
    #expect(sink.taken.last?.records.last?.minorVersion == 0)
  }

  @Test func aFullBatchIsHandedOverAtTheEndOfItsTurnAndASmallOneAfterAWhile() throws {
    for number in 0..<255 { try add("/\(number)", startedAt: 0) }
    recorder.turnEnded(now: loop.now)
    #expect(sink.taken.isEmpty)
    try add("/255", startedAt: 0)
    recorder.turnEnded(now: loop.now)
    #expect(sink.taken.map(\.records.count) == [256])
    #expect(lines.last == "192.0.2.1 GET /255 - - - - 200 0")
  }

  @Test func aSmallBatchIsHandedOverByTheLoopsTimer() throws {
    final class Turns: TurnObserver {
      let recorder: Recorder
      let loop: EventLoop
      let sink: Batches
      init(_ recorder: Recorder, _ loop: EventLoop, _ sink: Batches) {
        self.recorder = recorder
        self.loop = loop
        self.sink = sink
      }
      func turnEnded(now: Int64, busyNanoseconds: Int64) {
        recorder.turnEnded(now: now)
        if !sink.taken.isEmpty { loop.stop() }
      }
    }
    let turns = Turns(recorder, loop, sink)
    loop.observer = turns
    try add("/only", startedAt: 0)
    let before = Clock.monotonic()
    recorder.turnEnded(now: before)
    loop.run()
    #expect(lines == ["192.0.2.1 GET /only - - - - 200 0"] && Clock.monotonic() - before >= 50_000_000)
    #expect(turns.sink === sink)
  }

  @Test func whereNobodyWantsBillsNothingIsKept() throws {
    let off = Recorder(sink: nil, loop: loop)
    let (head, bytes) = try parsed(["GET / HTTP/1.1"])
    off.add(bill(200), startedAt: 0, head: head, inbox: bytes, remote: [], route: nil)
    off.settle(now: 5)
    #expect(!off.isOn && off.takeBack().isEmpty)
    #expect(off.draft(startedAt: 0, head: head, inbox: bytes, remote: [], route: nil) == nil)
    off.flush()
  }
}
