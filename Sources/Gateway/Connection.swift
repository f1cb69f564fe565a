// A client's connection on its lane: its phases, its deadlines, its end. What it reads is in ConnectionInput, what it
// sends in ConnectionOutput, what a request means in Dispatch.

import Costs
import EventLoop
import HTTPWire
import Kernel
import StaticFiles

final class Connection: LoopTarget {
  /// What the connection is at. Changed by `enter` alone.
  enum Phase {
    /// Waits for a request, or is reading its head.
    case head
    /// Reads a body; `paused` while a helper thread writes what came.
    case body(paused: Bool)
    /// Its request is being worked on elsewhere: by a program, or by a helper thread.
    case held
    /// Its answer is complete and on its way.
    case sending
    /// Has said its last word and reads what still comes, so that the word is not lost (RFC 9112, section 9.6).
    case lingering
    case closed
  }

  /// A file on its way out.
  struct FileTransfer {
    var file: ServedFile
    var offset: Int
    var end: Int
  }

  /// What a connection sends of a file before the loop looks at the others.
  static let fileBytesATurn = 4 << 20
  static let lingerNanoseconds = 2 * second

  let lane: Lane
  private(set) var socket: AcceptedSocket?
  let raw: Int32
  private(set) var phase = Phase.head
  private var token: Token?
  private var interest: Readiness = [.readable, .peerClosed]
  /// Whether more came while its request was being worked on.
  private var sentAhead = false
  private var deadline = Deadline()

  // Input.
  var leftover: [UInt8] = []
  /// Whether the inbox is being gone through now: what is left in it is not in `leftover` yet.
  var isProcessing = false
  var parser = RequestHeadParser()
  /// A head that has come in part, as far as the parser got.
  var partialHead: RequestHead?
  var body: BodyReader?
  /// The answer of a helper thread to the request that stands at the beginning of `leftover`.
  var parked: Parked?
  var parkedNumber: UInt64 = 0

  // Output.
  var pending: [UInt8] = []
  var pendingStart = 0
  var file: FileTransfer?
  var closeAfterAnswer = false
  var lingerAfterAnswer = false

  // The request that is being served.
  /// Held where the request outlasts its turn. An idle connection holds none: its next request takes the present one.
  var held: LanePlan?
  var keepAlive = true
  var bill = Bill()
  /// Set where the request outlives its head in the inbox.
  var draft: RecordDraft?
  /// Whether the lane's `head` and `inbox` hold this request now.
  var headIsHere = false
  var isHeadRequest = false
  var minorVersion = 1
  /// How often the present request was sent on by programs.
  var localRedirects = 0
  var startedAt: Int64 = 0
  var program: ProgramAnswer?
  /// Requests that are answered, but whose last byte is still here.
  var unsettled: [RecordDraft] = []

  init(_ lane: Lane, _ socket: AcceptedSocket) throws(Errno) {
    self.lane = lane
    self.socket = socket
    raw = socket.descriptor.raw
    token = try lane.loop.register(raw, interest, self)
    setDeadline(lane.loop.now + lane.plan.limits.idleTimeout)
  }

  /// What the present request is served by, and what holds between two of them.
  var serving: LanePlan { held ?? lane.present }
  var plan: Plan { serving.plan }
  var limits: Limits { plan.limits }

  // MARK: Phases

  /// The one place where the phase changes.
  func enter(_ next: Phase) {
    if case .closed = phase { preconditionFailure("a closed connection does nothing more") }
    phase = next
    sentAhead = false
    switch next {
    case .held, .body: held = serving
    case .head, .sending, .lingering, .closed: break
    }
    rearm()
  }

  /// Sets the deadline that the phase has.
  func rearm() {
    switch phase {
    case .head: setDeadline(lane.loop.now + limits.idleTimeout)
    case .body: setDeadline(lane.loop.now + second)
    case .held: deadline.clear()
    case .sending: setDeadline(lane.loop.now + limits.sendTimeout)
    case .lingering: setDeadline(lane.loop.now + Self.lingerNanoseconds)
    case .closed: break
    }
  }

  var isClosed: Bool {
    if case .closed = phase { true } else { false }
  }

  var isIdle: Bool {
    if case .head = phase { !isProcessing && leftover.isEmpty && pending.isEmpty && startedAt == 0 } else { false }
  }

  /// Asks epoll for what the phase needs. Called at the end of whatever changed it.
  func updateInterest() {
    guard let token else { return }
    var wanted: Readiness = []
    let sends = !pending.isEmpty || file != nil
    if sends { wanted.insert(.writable) }
    switch phase {
    case .head where !sends: wanted = [.readable, .peerClosed]
    case .body(paused: false) where !sends: wanted = [.readable, .peerClosed]
    case .lingering: wanted.insert(.readable)
    // What a client sends ahead is left to the kernel. Its leaving counts where a program runs for it; one that waits
    // for a file may have said all that it has to say. Few clients send ahead, so only when one does is what is
    // watched changed, and back: two system calls that most requests can do without.
    case .held where program != nil:
      wanted.insert(.peerClosed)
      if !sends, !sentAhead { wanted.insert(.readable) }
    case .held, .head, .body, .sending, .closed: break
    }
    if wanted != interest {
      lane.loop.setInterest(token, wanted)
      interest = wanted
    }
  }

  func ready(_ readiness: Readiness, role: UInt8) {
    if readiness.contains(.error) || readiness.contains(.hungUp) {
      // Nothing can be said to it any more.
      close()
      return
    }
    if readiness.contains(.writable) { continueSending() }
    if case .held = phase, readiness.contains(.peerClosed) {
      close()
    } else if readiness.contains(.readable), interest.contains(.readable) {
      if case .held = phase { sentAhead = true } else { readInput() }
    }
    if !isClosed { updateInterest() }
  }

  // MARK: Deadlines

  /// Sets when to look at the connection again.
  func setDeadline(_ time: Int64) {
    if let token { deadline.set(time, for: token, on: lane.loop) }
  }

  func timerFired(role: UInt8) {
    guard let token, deadline.hasCome(for: token, on: lane.loop) else { return }
    timedOut(lane.loop.now)
    if !isClosed { updateInterest() }
  }

  private func timedOut(_ now: Int64) {
    switch phase {
    case .head where !pending.isEmpty: tookNothing()
    case .head:
      if startedAt == 0, leftover.isEmpty {
        close()
      } else {
        let limit = NamedLimit("head_timeout", nanoseconds: limits.headTimeout)
        refuse(408, limit: limit, "the head did not come in time")
      }
    case .body: checkBodyRate(now)
    case .sending: tookNothing()
    case .lingering: close()
    case .held where !pending.isEmpty: tookNothing()
    case .held, .closed: break
    }
  }

  private func tookNothing() {
    let limit = NamedLimit("send_timeout", nanoseconds: limits.sendTimeout)
    lane.shared.log.notice("\(clientText): took nothing for too long (\(limit.key) = \(limit.value))")
    close()
  }

  // MARK: The end

  /// SERVER_ADDR, in bytes. The same for all requests of the connection, as is the next.
  private(set) lazy var localHost = Array((socket?.local.host ?? "").utf8)

  /// REMOTE_ADDR, in bytes.
  private(set) lazy var remote = Array((socket?.address.host ?? "").utf8)

  /// The client's address, for the log.
  var clientText: String { socket?.address.text ?? "a client that left" }

  /// Ends the connection at once, and what runs for it. Once it is closed, nothing more.
  func close() {
    guard let token else { return }
    enter(.closed)
    lane.loop.unregister(token)
    self.token = nil
    socket = nil
    unsettle()
    discountUnsent()
    file = nil
    pending = []
    leftover = []
    body = nil
    if let draft {
      // It waited for a helper thread, or its body was still coming.
      bill.status = 499
      bill.durationNanoseconds = Clock.monotonic() - startedAt
      lane.recorder.add(draft, bill)
    }
    draft = nil
    program?.clientLeft()
    program = nil
    held = nil
    settleAll(now: Clock.monotonic())
    lane.remove(self)
  }

  /// The gateway ends: an idle connection is closed, a busy one after its answer.
  func drain() {
    closeAfterAnswer = true
    // What has come already is answered.
    if isIdle { readInput() }
    if isIdle { close() }
  }

  /// Gives the connection to another lane, between two requests.
  func handOver(to number: Int) {
    guard let token, let socket else { return }
    precondition(leftover.isEmpty, "a connection is handed over between two requests")
    enter(.closed)
    lane.loop.unregister(token)
    self.token = nil
    self.socket = nil
    lane.remove(self, handedOver: true)
    let target = lane.shared.lanes[number]
    target.mailbox.post(socket, to: target.token)
  }

  // MARK: Helper threads

  /// Has a helper thread do what may wait for a disk, for the request that stands at the beginning of `leftover` or
  /// for its body.
  func ask(_ work: @escaping @Sendable () -> any Sendable) -> Bool {
    guard let token else { return false }
    parkedNumber += 1
    return lane.shared.helpers.submit(
      number: parkedNumber, for: token, mailbox: lane.loop.mailbox, work)
  }

  func received(_ message: any Sendable, role: UInt8) {
    guard let answer = message as? HelperThreads.Answer, answer.job == parkedNumber else { return }
    switch answer.value {
    case let written as BodySpool.Written: bodyWritten(written)
    case let parked as Parked:
      self.parked = parked
      enter(.head)
      processLeftover()
    default: preconditionFailure("a connection cannot take \(type(of: answer.value))")
    }
    if !isClosed { updateInterest() }
  }
}
