import Costs
import EventLoop
import HTTPWire
import Kernel

/// A request whose bill is not complete, with the client's words, which are gone from the inbox by then.
struct RecordDraft {
  var record = RequestRecord()
  var text = RecordBatch()
  var startedAt: Int64 = 0
}

/// Collects the bills of a lane's requests and hands them over in batches. It allocates nothing for a request but
/// what its buffers grow by, and does nothing where nobody wants bills.
final class Recorder: LoopTarget {
  /// How long a bill may wait for the batch to fill.
  private static let delayNanoseconds = 50 * millisecond
  /// A batch with so many bills is handed over at the end of the turn.
  private static let batchSize = 256

  private let sink: (any BillSink)?
  private var batch = RecordBatch()
  private var starts: [Int64] = []
  /// The records of the connection whose turn it is that are not settled, by their places in the batch.
  private var open: [Int] = []
  private var timer: Token?
  private var armed = false
  private var due = false
  private let loop: EventLoop

  init(sink: (any BillSink)?, loop: EventLoop) {
    self.sink = sink
    self.loop = loop
    timer = loop.register(self)
  }

  var isOn: Bool { sink != nil }

  /// Hands over what is there, and ends.
  func close() {
    flush()
    if let timer { loop.unregister(timer) }
    timer = nil
  }

  // MARK: Requests

  /// Adds a request that is answered; its duration is set by `settle`.
  /// - Parameter route: the path of the route that answered.
  func add(_ bill: Bill, startedAt: Int64, head: RequestHead, inbox: [UInt8], remote: [UInt8], route: [UInt8]?) {
    guard isOn else { return }
    open.append(batch.records.count)
    batch.records.append(Self.record(bill, head: head, inbox: inbox, remote: remote, route: route, text: &batch))
    starts.append(startedAt)
  }

  /// Keeps what the record of a request that takes longer will say of the client.
  func draft(
    startedAt: Int64, head: RequestHead, inbox: [UInt8], remote: [UInt8], route: [UInt8]?
  ) -> RecordDraft? {
    guard isOn else { return nil }
    var draft = RecordDraft()
    draft.startedAt = startedAt
    draft.record = Self.record(Bill(), head: head, inbox: inbox, remote: remote, route: route, text: &draft.text)
    return draft
  }

  /// Adds a request that is over, its bill complete.
  func add(_ draft: RecordDraft, _ bill: Bill) {
    guard isOn else { return }
    var record = Self.move(draft.record, from: draft.text, to: &batch)
    record.bill = bill
    batch.records.append(record)
    starts.append(draft.startedAt)
  }

  /// The requests that were added last have left.
  func settle(now: Int64) {
    for index in open { batch.records[index].bill.durationNanoseconds = now - starts[index] }
    open.removeAll(keepingCapacity: true)
  }

  var hasOpenRecords: Bool { !open.isEmpty }

  /// Takes the requests that were added last out again: their client does not read, and their end is yet to come.
  func takeBack() -> [RecordDraft] {
    let drafts = open.map { index in
      var draft = RecordDraft()
      draft.startedAt = starts[index]
      draft.record = Self.move(batch.records[index], from: batch, to: &draft.text)
      return draft
    }
    for index in open.reversed() {
      batch.records.remove(at: index)
      starts.remove(at: index)
    }
    open.removeAll(keepingCapacity: true)
    return drafts
  }

  /// The same record with its words in another text.
  private static func move(
    _ record: RequestRecord, from source: RecordBatch, to target: inout RecordBatch
  ) -> RequestRecord {
    var moved = record
    for field in [\RequestRecord.remote, \.method, \.target, \.referer, \.userAgent, \.route, \.script, \.pool] {
      moved[keyPath: field] = source.bytes(record[keyPath: field]).map { target.keep(Array($0)) } ?? 0..<0
    }
    return moved
  }

  private static func record(
    _ bill: Bill, head: RequestHead, inbox: [UInt8], remote: [UInt8], route: [UInt8]?, text: inout RecordBatch
  ) -> RequestRecord {
    var record = RequestRecord()
    record.bill = bill
    record.remote = text.keep(remote)
    record.method = text.keep(inbox, head.methodRange)
    record.target = text.keep(inbox, head.targetRange)
    record.minorVersion = UInt8(head.minorVersion)
    if let referer = head.value(of: .referer) { record.referer = text.keep(inbox, referer) }
    if let agent = head.value(of: .userAgent) { record.userAgent = text.keep(inbox, agent) }
    // In words: the table that numbers it may be another by the time when somebody reads this.
    if let route { record.route = text.keep(route) }
    return record
  }

  // MARK: Handing over

  func turnEnded(now: Int64) {
    if batch.isEmpty { return }
    if due || batch.records.count >= Self.batchSize {
      flush()
    } else if !armed, let timer {
      armed = true
      loop.schedule(timer, at: now + Self.delayNanoseconds)
    }
  }

  func timerFired(role: UInt8) {
    armed = false
    due = true
  }

  func flush() {
    due = false
    if batch.isEmpty { return }
    sink?.take(batch)
    batch.removeAll()
    starts.removeAll(keepingCapacity: true)
  }

  func ready(_ readiness: Readiness, role: UInt8) {
    preconditionFailure("the recorder has no descriptor")
  }
}
