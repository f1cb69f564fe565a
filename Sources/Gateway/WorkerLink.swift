// Connections to workers, as one lane has them.

import DequeModule
import EventLoop
import FastCGIWire
import Kernel
import WorkerPool

/// A lane's side of a pool: the connections that it keeps open, and its requests that wait.
final class PoolHolder: LoopTarget {
  /// Asks for the connection of a worker that somebody else was granted.
  struct Fetch: Sendable {
    var worker: WorkerPool.Worker
    var asker: PoolAsker
  }

  /// The answer: the connection, unless it has been closed meanwhile.
  struct Fetched: Sendable {
    /// Whose it is: the asker may have been given another worker meanwhile.
    var worker: WorkerPool.Worker
    var connection: WorkerConnection?
  }

  let pool: Pool
  private let lane: Lane
  private var links: [WorkerLink?]
  private var token: Token?
  /// One that waits, or did: a request leaves the queue in the midst of it, and may come back to its end.
  private struct Waiter {
    let run: FastCGIRun
    let since: Int64

    var waits: Bool { run.stage == .queued && run.queuedAt == since }
  }

  /// In the order of their coming, so that one timer serves all: each may wait equally long.
  private var waiting: Deque<Waiter> = []
  /// How many of them wait.
  private var waitingCount = 0
  private var deadline = Deadline()

  init(_ pool: Pool, _ lane: Lane) {
    self.pool = pool
    self.lane = lane
    links = [WorkerLink?](repeating: nil, count: pool.settings.slots)
    token = lane.loop.register(self)
    pool.setHolder(PoolAsker(mailbox: lane.loop.mailbox, token: token!, lane: lane.number), lane: lane.number)
  }

  /// The pool, or the lane, has come to its end: the idle connections go.
  func close() {
    pool.setHolder(nil, lane: lane.number)
    for link in links { link?.close() }
    links = []
    // Those who have got a worker hold this, and are let go only when the next one waits.
    waiting = []
    if let token { lane.loop.unregister(token) }
    token = nil
  }

  // MARK: Connections

  /// The open connection to a worker that was granted to a request of this lane.
  func take(_ slot: WorkerPool.Slot) -> WorkerLink? {
    defer { links[slot] = nil }
    return links[slot]
  }

  /// Keeps the connection of a worker that was given back.
  func keep(_ link: WorkerLink) {
    if links.isEmpty { return link.close() }
    // One of the process before, whose end has not been seen here yet.
    links[link.slot]?.close()
    links[link.slot] = link
    link.idle(in: self)
  }

  /// The worker has closed a connection that was idle: the next request makes another.
  func idleEnded(_ link: WorkerLink) {
    links[link.slot] = nil
    if case .bytes(let count) = receive(link.raw, into: &lane.relay, at: 0), count > 0 {
      lane.shared.log.error(
        "pool \(pool.name): \(count) bytes came behind the end of a request: the worker's connection is closed")
    }
    link.close()
    pool.connectionClosed(link.slot, at: lane.number)
  }

  /// Gives a worker to a request that waited for it: with its connection, where this lane has it and the other not.
  func pass(_ grant: PoolGrant, to asker: PoolAsker) {
    // Not in the midst of another connection's answer: the request may come to one of its own at once.
    if asker.lane == lane.number, lane.outbox.isEmpty { return lane.loop.deliver(grant, to: asker.token) }
    var grant = grant
    if asker.lane != lane.number, grant.connectionAt == lane.number {
      grant.connection = take(grant.worker.slot)?.detach()
    }
    asker.mailbox.post(grant, to: asker.token)
  }

  func received(_ message: any Sendable, role: UInt8) {
    switch message {
    case let fetch as Fetch:
      let connection = take(fetch.worker.slot)?.detach()
      fetch.asker.mailbox.post(Fetched(worker: fetch.worker, connection: connection), to: fetch.asker.token)
    case is PoolOrder: lane.close(self)
    default: preconditionFailure("a pool's holder cannot take \(type(of: message))")
    }
  }

  func ready(_ readiness: Readiness, role: UInt8) {
    preconditionFailure("a pool's holder has no descriptor")
  }

  // MARK: Waiting

  func wait(_ run: FastCGIRun) {
    waiting.append(Waiter(run: run, since: run.queuedAt))
    waitingCount += 1
    if waiting.count == 1 { arm() }
  }

  /// One waits no longer. Let go soon and not only when its time is over: who holds a request holds its plan.
  func waitEnded() {
    waitingCount -= 1
    while let first = waiting.first, !first.waits { waiting.removeFirst() }
    // Of those in the midst fewer stay than there are that wait.
    if waiting.count >= 2 * waitingCount { waiting.removeAll { !$0.waits } }
  }

  private func arm() {
    guard let first = waiting.first, let token else { return }
    deadline.set(first.since + pool.settings.queueTimeout, for: token, on: lane.loop)
  }

  func timerFired(role: UInt8) {
    guard let token, deadline.hasCome(for: token, on: lane.loop) else { return }
    while let first = waiting.first, !first.waits || first.since + pool.settings.queueTimeout <= lane.loop.now {
      waiting.removeFirst()
      if first.waits { first.run.queueTimedOut() }
    }
    arm()
  }
}

/// Who works with a connection to a worker.
protocol WorkerLinkUser: AnyObject {
  /// It is connected, and can be written to.
  func linkOpened()
  func linkFailed(_ error: Errno)
  func linkReadable()
  func linkWritable()
  func linkTimedOut()
}

/// A connection to a worker on its lane. It stays registered between two requests, so that a request costs no change
/// of what is watched, and so that a worker that closes it is noticed.
final class WorkerLink: LoopTarget {
  let slot: WorkerPool.Slot
  let raw: Int32
  /// Reads the worker's records; here, since padding may follow the end of a request.
  var reader = RecordReader()
  private let lane: Lane
  private var connection: WorkerConnection?
  private var token: Token?
  private var timer: Token?
  private var interest: Readiness
  private var isConnecting: Bool
  private var deadline = Deadline()
  /// They hold each other until `idle` or `close`.
  private var user: (any WorkerLinkUser)?
  private var holder: PoolHolder?

  /// - Parameter isConnecting: whether it is not yet known to be connected.
  init(
    _ connection: WorkerConnection, slot: WorkerPool.Slot, lane: Lane, user: any WorkerLinkUser, isConnecting: Bool
  ) throws(Errno) {
    self.connection = connection
    self.slot = slot
    self.lane = lane
    self.user = user
    self.isConnecting = isConnecting
    raw = connection.descriptor.raw
    interest = isConnecting ? .writable : .readable
    token = try lane.loop.register(raw, interest, self)
    timer = lane.loop.register(self)
  }

  func use(_ user: any WorkerLinkUser) {
    self.user = user
    holder = nil
  }

  func idle(in holder: PoolHolder) {
    user = nil
    self.holder = holder
    deadline.clear()
    watch([.readable])
  }

  /// Ends the connection.
  func close() {
    user = nil
    holder = nil
    for token in [token, timer].compactMap({ $0 }) { lane.loop.unregister(token) }
    (token, timer) = (nil, nil)
    connection = nil
  }

  /// Gives the connection to another lane.
  func detach() -> WorkerConnection? {
    let connection = self.connection
    close()
    return connection
  }

  /// Says what is waited for. Nothing: the registration goes whole, since a peer that hung up is reported whatever was
  /// asked.
  func watch(_ wanted: Readiness) {
    if wanted == interest { return }
    interest = wanted
    if wanted.isEmpty {
      if let token { lane.loop.unregister(token) }
      token = nil
    } else if let token {
      lane.loop.setInterest(token, wanted)
    } else {
      do {
        token = try lane.loop.register(raw, wanted, self)
      } catch {
        interest = []
        user?.linkFailed(error)
      }
    }
  }

  func setDeadline(_ time: Int64) {
    if let timer { deadline.set(time, for: timer, on: lane.loop) }
  }

  func clearDeadline() { deadline.clear() }

  func ready(_ readiness: Readiness, role: UInt8) {
    if isConnecting {
      isConnecting = false
      if let error = connectionError(raw) {
        user?.linkFailed(error)
      } else {
        watch([.readable])
        user?.linkOpened()
      }
      return
    }
    guard let user else {
      // An idle worker has nothing to say: it has closed the connection, or has lost step.
      holder?.idleEnded(self)
      return
    }
    if readiness.contains(.writable) { user.linkWritable() }
    // Whatever it wrote before it hung up is there to be read.
    if readiness != .writable, token != nil { self.user?.linkReadable() }
  }

  func timerFired(role: UInt8) {
    guard let timer, deadline.hasCome(for: timer, on: lane.loop) else { return }
    user?.linkTimedOut()
  }
}
