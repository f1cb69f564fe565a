// What a connection reads: heads, bodies, and what comes after them.

import HTTPWire
import Kernel

extension Connection {
  /// Reads once, behind what is left over, and looks at all of it.
  func readInput() {
    if case .lingering = phase { return discardInput() }
    let have = leftover.count
    // More was read ahead than one recv may fill: it is looked at first.
    if have >= Lane.receivedBytes { return processLeftover() }
    if have > 0 { takeLeftoverIntoInbox() }
    switch receive(raw, into: &lane.inbox, at: have, upTo: Lane.receivedBytes) {
    case .bytes(0):
      // In the middle of a request there is nobody left to tell; whether one had begun, the log says.
      if have > 0 || body != nil {
        lane.shared.log.debug("\(clientText): left in the middle of a request")
      }
      close()
    case .bytes(let count): process(0..<(have + count))
    case .wouldBlock: leftover = Array(lane.inbox[..<have])
    case .failed: close()
    }
  }

  /// Looks at what was read before and could not be served then.
  func processLeftover() {
    // Whoever goes through the inbox goes on by itself.
    if isProcessing { return }
    let have = leftover.count
    if have == 0 { return finishTurn() }
    takeLeftoverIntoInbox()
    process(0..<have)
  }

  /// A program's answer is complete: sends it, and goes on with what the client sent ahead.
  func continueWithInput() {
    if isClosed || isProcessing { return }
    if case .head = phase { processLeftover() } else { flush() }
  }

  private func takeLeftoverIntoInbox() {
    precondition(leftover.count <= lane.inbox.count, "more is left over than was ever read")
    lane.inbox.replaceSubrange(0..<leftover.count, with: leftover)
    leftover = []
  }

  private func discardInput() {
    switch receive(raw, into: &lane.inbox, at: 0) {
    case .bytes(0), .failed: close()
    case .bytes, .wouldBlock: break
    }
  }

  /// Serves what stands in the inbox, request after request, as far as it goes.
  private func process(_ range: Range<Int>) {
    isProcessing = true
    let position = processRequests(range)
    isProcessing = false
    if isClosed {
      lane.outbox.removeAll(keepingCapacity: true)
      return
    }
    if case .lingering = phase {
    } else if position < range.upperBound {
      leftover = Array(lane.inbox[position..<range.upperBound])
    }
    finishTurn()
  }

  /// - Returns: up to where the inbox has been dealt with.
  private func processRequests(_ range: Range<Int>) -> Int {
    var position = range.lowerBound
    while position < range.upperBound {
      let before = position
      switch phase {
      case .head: position = processHead(position..<range.upperBound)
      case .body(paused: false): position = processBody(position..<range.upperBound)
      case .body, .held, .sending, .lingering, .closed: break
      }
      if position == before { break }
      if lane.outbox.count > limits.outputBufferBytes { flush() }
      if !pending.isEmpty { break }
    }
    return position
  }

  /// Sends what was put together, and passes the connection on to another lane if it is time.
  private func finishTurn() {
    flush()
    if isClosed { return }
    // It was busy when the gateway began to end, and owes nothing any more.
    if isIdle, lane.draining { return close() }
    if isIdle, !closeAfterAnswer, let next = lane.packing.handover(now: lane.loop.now) { handOver(to: next) }
  }

  private func processHead(_ range: Range<Int>) -> Int {
    if startedAt == 0 { startedAt = Clock.monotonic() }
    let end = range.upperBound
    if let begun = partialHead {
      lane.head = begun
      partialHead = nil
    }
    let verdict = lane.inbox.withSpan {
      parser.parse($0.extracting(0..<end), from: range.lowerBound, limits: limits.head, into: &lane.head)
    }
    switch verdict {
    case .needMore:
      // The lane's head is everybody's: what was read of this one waits here for the rest.
      partialHead = lane.head
      setDeadline(startedAt + limits.headTimeout)
      return range.lowerBound
    case .refused(let refusal):
      // What follows a head that cannot be read has no meaning.
      parser.reset()
      bill.bytesIn = Int64(range.count)
      refuse(refusal)
      return end
    case .complete(let headEnd):
      parser.reset()
      return dispatch(range.lowerBound..<headEnd, inputEnd: end)
    }
  }

  // MARK: Bodies

  /// Starts to read the body of the request whose head was just read; `program` waits for it.
  /// - Parameter continueFirst: whether the client waits for a 100 (RFC 9110, section 10.1.1).
  func beginBody(_ reader: BodyReader, continueFirst: Bool) {
    body = reader
    enter(.body(paused: false))
    if continueFirst {
      ResponseWriter.appendStatusLine(100, to: &lane.outbox)
      lane.outbox.append(contentsOf: "\r\n".utf8)
    }
  }

  private func processBody(_ range: Range<Int>) -> Int {
    guard let body else { preconditionFailure("no body to read") }
    let verdict = body.read(lane.inbox, range)
    switch verdict {
    case .refused(let refusal):
      refuse(refusal)
      return range.upperBound
    case .read(let end):
      bill.bytesIn += Int64(end - range.lowerBound)
      if body.isComplete || body.spool.isFull { storeBody(body) }
      return end
    }
  }

  /// Puts to disk what is beyond the memory a body may take, or gives the complete body to the program.
  private func storeBody(_ body: BodyReader) {
    switch body.spool.store(shared: lane.shared) {
    case .inMemory:
      bodyComplete(body)
    case .noRoom:
      refuse(503, limit: NamedLimit("spool_total", "\(limits.spoolTotalBytes)"), "bodies fill the spool")
    case .write(let work):
      enter(.body(paused: true))
      if !ask(work) { refuse(503, limit: nil, "too many bodies wait to be written") }
    }
  }

  func bodyWritten(_ written: BodySpool.Written) {
    guard let body else { return }
    if let error = written.error {
      lane.shared.log.error("cannot write a body to \(limits.spoolDirectory): \(error)")
      refuse(error == .noSpace ? 507 : 500, limit: nil, "the body could not be stored")
      flush()
      return
    }
    body.spool.file = written.file
    if body.isComplete {
      bodyComplete(body)
    } else {
      enter(.body(paused: false))
    }
    processLeftover()
  }

  private func bodyComplete(_ body: BodyReader) {
    self.body = nil
    bill.phases.body = Clock.monotonic() - body.startedAt
    guard let program else { preconditionFailure("nobody waits for the body") }
    enter(.held)
    program.start(body.spool)
  }

  /// Looks once a second whether a body comes as fast as it must.
  func checkBodyRate(_ now: Int64) {
    guard let body, case .body(let paused) = phase else { return }
    let elapsed = now - body.startedAt
    let least = limits.bodyBytesPerSecond * Int(elapsed / second)
    if !paused, elapsed > limits.bodyRateGrace, body.received < least {
      refuse(408, limit: NamedLimit("body_rate", "\(limits.bodyBytesPerSecond)B/s"), "the body came too slowly")
      flush()
      return
    }
    setDeadline(now + second)
  }
}
