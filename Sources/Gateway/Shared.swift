// What the loops of one gateway have in common. All of it may be used from any of them.

import Costs
import EventLoop
import Kernel
import Log
import Synchronization

/// What lives as long as the process; what a configuration gives is in `Plan`.
final class Shared: Sendable {
  let helpers: HelperThreads
  let lanes: [LaneStatus]
  let log: Logger
  /// Where bills go; nil where nobody asked for them.
  let bills: BillSink?
  /// The soft limit of open descriptors that programs get: the one that this process was given, before it raised its
  /// own.
  let programDescriptors: Int
  private let connections = Atomic<Int>(0)
  private let spooled = Atomic<Int>(0)

  init(loops: Int, bills: BillSink?, programDescriptors: Int, log: Logger) throws(Errno) {
    self.bills = bills
    self.programDescriptors = programDescriptors
    self.log = log
    helpers = HelperThreads()
    var lanes: [LaneStatus] = []
    for _ in 0..<loops { lanes.append(LaneStatus(mailbox: try Mailbox())) }
    self.lanes = lanes
  }

  // MARK: Connections

  /// Counts a connection in, unless there are as many as there may be.
  func admitConnection(limit: Int) -> Bool {
    if connections.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return true }
    connections.wrappingSubtract(1, ordering: .relaxed)
    return false
  }

  func releaseConnection() {
    connections.wrappingSubtract(1, ordering: .relaxed)
  }

  var openConnections: Int { connections.load(ordering: .relaxed) }

  // MARK: Spool

  /// Takes room for so many bytes of a body, unless all bodies together would exceed their limit.
  func takeSpool(_ bytes: Int, limit: Int) -> Bool {
    if spooled.wrappingAdd(bytes, ordering: .relaxed).newValue <= limit { return true }
    giveBackSpool(bytes)
    return false
  }

  func giveBackSpool(_ bytes: Int) {
    spooled.wrappingSubtract(bytes, ordering: .relaxed)
  }
}

/// Takes the bills of a gateway's requests, a batch at a time. Called on loops: it must not wait.
public protocol BillSink: Sendable {
  /// Takes the records that a lane has collected. The batch is the taker's to keep.
  func take(_ batch: RecordBatch)
}

/// How busy a loop is, for the others to see, and where to reach it.
final class LaneStatus: Sendable {
  let mailbox: Mailbox
  private let control = Mutex<Token?>(nil)
  private let busy = Atomic<Int>(0)
  private let measuredAt = Atomic<Int64>(0)

  init(mailbox: Mailbox) { self.mailbox = mailbox }

  /// The registration that takes handed-over connections and orders; set once, before the loop runs.
  var token: Token {
    get { control.withLock { $0! } }
    set { control.withLock { $0 = newValue } }
  }

  func publish(busyPermille: Int, now: Int64) {
    busy.store(busyPermille, ordering: .relaxed)
    measuredAt.store(now, ordering: .relaxed)
  }

  /// The share of its time that the loop worked lately, in thousandths. A loop that sleeps publishes nothing, so an
  /// old figure means none.
  func busyPermille(now: Int64) -> Int {
    if now - measuredAt.load(ordering: .relaxed) > Packing.staleNanoseconds { return 0 }
    return busy.load(ordering: .relaxed)
  }
}
