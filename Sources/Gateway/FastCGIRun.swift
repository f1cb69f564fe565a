// One request that a worker of a pool answers, or will: the worker's side of FastCGI 1.0. What the client gets of it is
// ProgramAnswer's matter. The request waits in the pool's queue, has one worker from BEGIN_REQUEST to END_REQUEST, and
// gives it back whatever becomes of its client.

import CGI
import Costs
import EventLoop
import FastCGIWire
import HTTPWire
import Kernel
import Log
import WorkerPool

/// One builder of meta-variables, and the second of its sinks.
extension ParameterWriter: VariableSink {}

final class FastCGIRun: LoopTarget, ProgramRun, WorkerLinkUser {
  /// What the run is at. Changed by `enter` alone.
  enum Stage {
    case new
    /// Waits for a worker.
    case queued
    /// Has a worker, and waits for the connection to it.
    case connecting
    /// The request is with the worker.
    case working
    case over
  }

  /// One request at a time has a connection, so all have one id.
  static let requestID: UInt16 = 1
  /// How soon to try again to connect to a worker whose backlog is full.
  private static let connectRetry = 2 * millisecond

  let lane: Lane
  /// Held to the end: the pool goes with the last plan that has it.
  let present: LanePlan
  let holder: PoolHolder
  let script: Script
  private(set) var stage = Stage.new
  var answer: ProgramAnswer?
  var bill = Bill()
  var draft: RecordDraft?
  var startedAt: Int64 = 0
  /// Whether the body came in chunks, so that CONTENT_LENGTH is not among the variables yet.
  var chunked = false
  /// Whether the request may be made twice (RFC 9110, section 9.2.2).
  let isIdempotent: Bool

  private var token: Token?
  private(set) var queuedAt: Int64 = 0
  private var grant: PoolGrant?
  var link: WorkerLink?
  /// BEGIN_REQUEST, FCGI_PARAMS and what FCGI_STDIN is short: kept until the first byte of the answer, for the case
  /// that the worker is dead.
  private var message: ParameterWriter
  var input: WorkerInput
  private var connectingSince: Int64 = 0
  private var hasRetried = false
  /// Whether the connection was there before the request: that its worker closed it just then is nobody's fault.
  private(set) var isOnKeptConnection = false

  // What comes of the worker.
  var errors: ErrorLines
  var complaint: String?
  var grantedAt: Int64 = 0
  var firstByteAt: Int64 = 0
  var lastByteAt: Int64 = 0
  var workerPid: Int32? { grant?.pid }
  private var processorAtBegin: Int64?
  var isPaused = false
  var surplusIsFault = false

  init(_ lane: Lane, _ present: LanePlan, _ pool: Int, _ script: Script, _ head: RequestHead) {
    self.lane = lane
    self.present = present
    self.script = script
    holder = present.holders[pool]
    errors = ErrorLines(limitBytes: holder.pool.settings.errorLineBytes)
    input = WorkerInput()
    message = ParameterWriter()
    isIdempotent = head.method.isIdempotent
  }

  var plan: Plan { present.plan }
  var pool: Pool { holder.pool }
  var settings: PoolSettings { holder.pool.settings }
  /// The script's name, for the log; the pool's where it answers for all of the site and so has none.
  var name: String { script.name.isEmpty ? "the pool \(pool.name)" : String(decoding: script.name, as: UTF8.self) }
  var interpreter: [UInt8]? { nil }
  var headBytes: Int { settings.headBytes }

  private func enter(_ next: Stage) {
    let hasWaited = stage == .queued
    stage = next
    if hasWaited { holder.waitEnded() }
  }

  /// The request's variables, written once.
  func describe(_ build: (inout ParameterWriter) -> Void) {
    message.bytes = lane.takeMessageBuffer()
    RecordWriter.appendBeginRequest(
      id: Self.requestID, keepConnection: pool.keepsConnections, to: &message.bytes)
    message.begin(id: Self.requestID)
    build(&message)
  }

  // MARK: A worker

  func start(_ spool: BodySpool) {
    if chunked, spool.count > 0 { MetaVariables.addContentLength(spool.count, into: &message) }
    message.finish()
    input.take(spool, behind: &message.bytes)
    token = lane.loop.register(self)
    lane.add(self)
    ask(again: false)
  }

  private func ask(again: Bool) {
    queuedAt = Clock.monotonic()
    let asker = PoolAsker(mailbox: lane.loop.mailbox, token: token!, lane: lane.number)
    switch pool.enter(asker, again: again) {
    case .granted(let grant): begin(grant)
    case .queued(let request):
      waitingAs = request
      enter(.queued)
      holder.wait(self)
    case .full:
      let limit = NamedLimit("queue", String(settings.queue))
      lane.shared.log.notice("\(name): 503, the queue of the pool \(pool.name) is full (queue = \(limit.value))")
      fail(503, "All workers are busy, and the queue is full.", limit: limit, retryAfter: 1)
    case .noWorker(let words): refused(words)
    }
  }

  private var waitingAs: WorkerPool.Request?

  private func refused(_ words: String) {
    lane.shared.log.debug("\(name): 503, the pool \(pool.name) has no worker: \(words)")
    fail(503, "The program does not run: \(words).", retryAfter: 1)
  }

  func queueTimedOut() {
    let limit = NamedLimit("queue_timeout", nanoseconds: settings.queueTimeout)
    lane.shared.log.notice(
      "\(name): 503, waited too long for a worker of \(pool.name) (\(limit.key) = \(limit.value))")
    fail(503, "No worker became free in time.", limit: limit, retryAfter: 1)
  }

  func ready(_ readiness: Readiness, role: UInt8) {
    preconditionFailure("a run's own registration has no descriptor")
  }

  func received(_ message: any Sendable, role: UInt8) {
    switch message {
    case let grant as PoolGrant: begin(grant)
    case let piece as HelperThreads.Answer:
      input.read(piece.value)
      linkWritable()
    case let fetched as PoolHolder.Fetched:
      if fetched.worker == grant?.worker { takeOver(fetched.connection) }
    case let refusal as PoolRefusal: refused(refusal.words)
    case let forsaken as PoolForsaken:
      // What was written to a worker that is gone, and to one that will not come.
      if forsaken.concerns(grant?.worker), firstByteAt == 0 {
        workerDied("and no other could be started: \(forsaken.words)")
      }
    default: preconditionFailure("a worker's request cannot take \(type(of: message))")
    }
  }

  // MARK: The connection

  private func begin(_ grant: PoolGrant) {
    waitingAs = nil
    self.grant = grant
    self.grant?.connection = nil
    grantedAt = Clock.monotonic()
    bill.phases.queue = grantedAt - queuedAt
    enter(.connecting)
    if let connection = grant.connection { return takeOver(connection) }
    guard let lane = grant.connectionAt else { return connect(nil) }
    if lane == self.lane.number {
      guard let link = holder.take(grant.worker.slot) else { return connect(nil) }
      if needsNewConnection {
        link.close()
        return connect(nil)
      }
      link.use(self)
      self.link = link
      isOnKeptConnection = true
      return linkOpened()
    }
    guard let other = pool.holder(at: lane) else { return connect(nil) }
    let asker = PoolAsker(mailbox: self.lane.loop.mailbox, token: token!, lane: self.lane.number)
    other.mailbox.post(PoolHolder.Fetch(worker: grant.worker, asker: asker), to: other.token)
  }

  /// On a kept connection a request can be lost that its worker never saw: one that ends after so many requests closes
  /// it just then. On a new one it waits in the backlog, for the next worker if need be. So a request that must not be
  /// made twice, or has been made already, gets a new one.
  private var needsNewConnection: Bool { !isIdempotent || hasRetried }

  /// Takes a connection that was another lane's.
  private func takeOver(_ connection: WorkerConnection?) { connect(needsNewConnection ? nil : connection) }

  /// Takes over a connection, or makes one.
  private func connect(_ connection: WorkerConnection?) {
    // Not twice: a timer of an earlier attempt, or an answer of another lane's, may come late.
    guard let grant, stage == .connecting, link == nil else { return }
    if connectingSince == 0 { connectingSince = grantedAt }
    isOnKeptConnection = connection != nil
    if let connection { return open(connection, isConnecting: false) }
    switch startConnecting(to: pool.address(of: grant.worker.slot)) {
    case .connected(let descriptor): open(WorkerConnection(descriptor), isConnecting: false)
    case .inProgress(let descriptor): open(WorkerConnection(descriptor), isConnecting: true)
    case .failed(let error) where error.isOutOfDescriptors && lane.giveUpFiles(): connect(nil)
    case .failed(.resourceTemporarilyUnavailable): backlogIsFull()
    case .failed(let error): cannotConnect(error)
    }
  }

  /// A Unix socket says nothing when there is room again.
  private func backlogIsFull() {
    if Clock.monotonic() - connectingSince > settings.timeout { return cannotConnect(.resourceTemporarilyUnavailable) }
    lane.loop.schedule(token!, at: Clock.monotonic() + Self.connectRetry)
  }

  func timerFired(role: UInt8) { if stage == .connecting, link == nil { connect(nil) } }

  private func open(_ connection: WorkerConnection, isConnecting: Bool) {
    do {
      let link = try WorkerLink(
        connection, slot: grant!.worker.slot, lane: lane, user: self, isConnecting: isConnecting)
      self.link = link
      if isConnecting { countSilence() } else { linkOpened() }
    } catch {
      cannotConnect(error)
    }
  }

  private func cannotConnect(_ error: Errno) {
    if error.isOutOfDescriptors {
      lane.shared.log.error("\(name): 503, no connection to a worker of the pool \(pool.name): \(error)")
      return fail(503, "The worker cannot be reached now.", retryAfter: 1)
    }
    let address = pool.hasProcesses ? "its socket" : pool.address(of: grant!.worker.slot).text
    lane.shared.log.error("\(name): 502, cannot connect to \(address) of the pool \(pool.name): \(error)")
    fail(502, "The worker cannot be reached.")
  }

  func linkFailed(_ error: Errno) { if stage == .connecting { cannotConnect(error) } else { connectionEnded(error) } }

  func linkOpened() {
    guard let link, let grant else { return }
    enter(.working)
    processorAtBegin = grant.clock?.nanoseconds()
    bill.worker = WorkerBill()
    bill.worker?.pid = grant.pid
    if grant.pid != nil { bill.worker?.requests = grant.answered + 1 }
    link.reader.expect(id: Self.requestID)
    countSilence()
    linkWritable()
  }

  // MARK: The request

  /// Sends on, as far as the socket takes it.
  func linkWritable() {
    guard let link else { return }
    switch input.send(link.raw, message: message.bytes) {
    case .sent: watch()
    case .more:
      // A worker that reads, however slowly, is not silent.
      countSilence()
      watch()
    case .waitsForDisk(let work):
      watch()
      askDisk(work)
    case .bodyLost(let error):
      lane.shared.log.error("\(name): 500, its body cannot be read back from its file: \(error)")
      fail(500, "The request's body was lost.")
    case .failed(let error):
      let isClosed = error == .brokenPipe || error == .connectionReset
      guard isClosed, input.hasBegun else { return connectionEnded(error) }
      // What the worker wrote before it closed may be there still. If it goes on writing, there is no room to wait for.
      linkReadable()
      if self.link != nil { watch() }
    }
  }

  private func askDisk(_ work: @escaping @Sendable () -> any Sendable) {
    guard let token else { return }
    if !lane.shared.helpers.submit(number: 0, for: token, mailbox: lane.loop.mailbox, work) {
      lane.shared.log.error("\(name): too many bodies wait for the disk")
      fail(503, "Too many bodies wait for the disk.", retryAfter: 1)
    }
  }

  /// From now on the worker may be silent for so long.
  func countSilence() { link?.setDeadline(Clock.monotonic() + settings.timeout) }

  /// What the connection is watched for now.
  func watch() {
    guard let link else { return }
    var wanted: Readiness = isPaused ? [] : .readable
    if input.wantsToSend { wanted.insert(.writable) }
    link.watch(wanted)
  }

  // MARK: The worker's time

  /// What the worker has taken for the request up to now: at its end, or where it is given up.
  func measure() -> WorkerCost? {
    guard let grant, let begin = processorAtBegin, let end = grant.clock?.nanoseconds() else { return nil }
    processorAtBegin = nil
    bill.worker?.cpuNanoseconds = end - begin
    return WorkerCost(processor: end - begin, before: begin - grant.processor, clockAtEnd: end)
  }

  // MARK: Giving it back

  /// The worker has answered, and stands by with its connection open.
  func giveBack(_ cost: WorkerCost?) {
    guard let grant, let link else { return }
    self.grant = nil
    self.link = nil
    holder.keep(link)
    leave(grant, connectionAt: lane.number, answered: true, cost: cost)
  }

  /// The connection is of no more use; the worker may be.
  /// - Parameters:
  ///   - retire: whether the worker is to be replaced, too.
  ///   - answered: whether it has answered all the same.
  ///   - cost: what it took, where that was measured already.
  func giveUpWorker(retire: Bool = false, answered: Bool = false, cost measured: WorkerCost? = nil) {
    guard let grant else { return }
    let cost = measured ?? measure()
    self.grant = nil
    link?.close()
    link = nil
    if retire { pool.retire(grant.worker) }
    leave(grant, connectionAt: nil, answered: answered, cost: cost)
  }

  /// Whoever waits gets the worker at once.
  private func leave(_ grant: PoolGrant, connectionAt: Int?, answered: Bool, cost: WorkerCost?) {
    let next = pool.leave(
      grant, lane: lane.number, connectionAt: connectionAt, answered: answered, cost: cost)
    if let next { holder.pass(next.grant, to: next.asker) }
  }

  // MARK: The one end of every run

  func finish() {
    if stage == .over { return }
    leaveQueue()
    giveUpWorker()
    enter(.over)
    if let token { lane.loop.unregister(token) }
    token = nil
    lane.giveBack(messageBuffer: message.bytes)
    message = ParameterWriter()
    input = WorkerInput()
    for line in errors.end() { lane.shared.log.notice("\(name): stderr: \(line)") }
    if let complaint { lane.shared.log.error("\(name): \(complaint)") }
    bill.durationNanoseconds = Clock.monotonic() - startedAt
    if var draft {
      draft.record.pool = draft.text.keep(Array(pool.name.utf8))
      lane.recorder.add(draft, bill)
    }
    draft = nil
    lane.remove(self)
  }

  /// Leaves the queue; a worker that was granted meanwhile is given back as it is.
  private func leaveQueue() {
    guard let request = waitingAs else { return }
    waitingAs = nil
    if let late = pool.cancel(request) {
      leave(late, connectionAt: late.connectionAt, answered: false, cost: nil)
    }
  }

  /// Makes the request anew, with another worker.
  func tryAgain() {
    hasRetried = true
    giveUpWorker()
    connectingSince = 0
    input.rewind()
    ask(again: true)
  }

  /// Whether the request may be made anew: nothing of an answer has come, and to do it twice does no harm, or the
  /// worker's kept connection was dead before it took a byte (RFC 9110, section 9.2.2).
  var mayRetry: Bool { (isIdempotent || !input.hasBegun) && !hasRetried && firstByteAt == 0 && answer != nil }
}
