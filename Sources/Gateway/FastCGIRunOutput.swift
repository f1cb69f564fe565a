// What comes of a worker: its records, the end of its connection, its silence.

import Costs
import EventLoop
import FastCGIWire
import Kernel
import Log
import WorkerPool

extension FastCGIRun {
  // MARK: Reading

  func linkReadable() {
    guard let link else { return }
    switch receive(link.raw, into: &lane.relay, at: 0) {
    case .bytes(0): connectionEnded(nil)
    case .bytes(let count): take(count)
    case .wouldBlock: break
    case .failed(let error): connectionEnded(error)
    }
  }

  /// Takes what one read brought: as one piece to the answer, so that a short answer leaves in one write.
  private func take(_ count: Int) {
    guard let link else { return }
    lastByteAt = Clock.monotonic()
    if firstByteAt == 0 {
      firstByteAt = lastByteAt
      bill.phases.firstByte = firstByteAt - grantedAt
    }
    if answer != nil { link.setDeadline(lastByteAt + settings.timeout) }
    var output = 0..<0
    lane.gathered.removeAll(keepingCapacity: true)
    var position = 0
    while position < count {
      switch lane.relay.withSpan({ link.reader.next($0.extracting(0..<count), from: position) }) {
      case .needMore(let consumed): position = consumed
      case .stdout(let range):
        gather(range, behind: &output)
        position = range.upperBound
      case .stderr(let range):
        say(errors.take(lane.relay[range]))
        position = range.upperBound
      case .endOfStdout(let end), .endOfStderr(let end), .values(_, let end), .unknownType(_, let end): position = end
      case .endRequest(_, let status, let end):
        // The record's padding is passed over; what else follows belongs to nobody.
        let rest = lane.relay.withSpan { link.reader.next($0.extracting(0..<count), from: end) }
        if rest != .needMore(consumed: count) { complainOfSurplus() }
        let isClean = rest == .needMore(consumed: count) && link.reader.isBetweenRecords
        return ended(status, output, hasSurplus: !isClean)
      case .refused(let reason): return lostStep(reason)
      }
    }
    feed(output, last: false)
  }

  /// The records of one read stand apart by their heads: more than one is brought together.
  private func gather(_ range: Range<Int>, behind output: inout Range<Int>) {
    if output.isEmpty {
      output = range
      return
    }
    if lane.gathered.isEmpty { lane.gathered.append(contentsOf: lane.relay[output]) }
    lane.gathered.append(contentsOf: lane.relay[range])
  }

  private func feed(_ output: Range<Int>, last: Bool) {
    guard let answer else {
      if !output.isEmpty { surplus() }
      return
    }
    if output.isEmpty {
      if last { answer.outputEnded() }
    } else if lane.gathered.isEmpty {
      answer.feed(lane.relay, output, last: last)
    } else {
      let all = lane.gathered
      answer.feed(all, 0..<all.count, last: last)
    }
    if !last, let answer = self.answer, !answer.canTake { pause() }
  }

  private func say(_ lines: [String]) {
    for line in lines { lane.shared.log.notice("\(name): stderr: \(line)") }
  }

  /// The client does not keep up: the worker is no longer read. The silence that follows is the client's.
  private func pause() {
    isPaused = true
    link?.clearDeadline()
    watch()
  }

  func outputDrained() { if isPaused { readOn() } }

  /// Whatever the client does, the worker is read from here on, and its silence is its own.
  private func readOn() {
    isPaused = false
    watch()
    countSilence()
  }

  // MARK: The end of the request

  /// END_REQUEST has come (FastCGI 1.0, section 5.5).
  private func ended(_ status: ProtocolStatus, _ output: Range<Int>, hasSurplus: Bool) {
    switch status {
    case .requestComplete: break
    case .cannotMultiplex, .overloaded:
      lane.shared.log.error("\(name): 503, the worker took no request: \(status)")
      return fail(503, "The worker takes no request now.", retryAfter: 1)
    case .unknownRole:
      lane.shared.log.error("\(name): 500, the program is no responder")
      return fail(500, "The program is not made for this.")
    }
    if firstByteAt != lastByteAt { bill.phases.output = lastByteAt - firstByteAt }
    let cost = measure()
    let isClean = input.leavesNothingUnread && !hasSurplus
    feed(output, last: true)
    if isClean && pool.keepsConnections { giveBack(cost) } else { giveUpWorker(answered: true, cost: cost) }
    answer?.exited()
    finish()
  }

  private func complainOfSurplus() {
    lane.shared.log.error(
      "\(name): the worker\(numbered) of \(pool.name) sent more behind the end of a request: it is let go")
  }

  /// The worker has broken the protocol: whatever comes now means nothing.
  private func lostStep(_ reason: RecordRefusal) {
    lane.shared.log.error("\(name): 502, the worker\(numbered) of \(pool.name) has broken the protocol: \(reason)")
    fail(502, "The program's answer cannot be read.")
  }

  /// The worker's end of the connection is closed, before END_REQUEST.
  func connectionEnded(_ error: Errno?) {
    workerDied(error.map { "(\($0))" })
  }

  /// Which of the two it was is not known yet: a process that dies is a zombie only after its sockets are closed.
  /// - Parameter words: what else there is to say.
  func workerDied(_ words: String?) {
    let detail = words.map { " \($0)" } ?? ""
    let what = "the worker\(numbered) of \(pool.name) died or closed its connection"
    if mayRetry {
      // PHP's workers end after 500 requests each: not to be noticed each time.
      lane.shared.log.log(level: isOnKeptConnection ? .info : .notice, "\(name): \(what)\(detail): tried once more")
      return tryAgain()
    }
    let status = answer?.hasBegun == false ? "502, " : ""
    if answer != nil {
      lane.shared.log.error("\(name): \(status)\(what) while it worked on the request\(detail)")
    }
    // Of a program that has not worked yet it is known why.
    let trouble = pool.trouble
    let reason = trouble.isEmpty ? "" : " The program does not run: \(trouble)."
    fail(502, "The worker died or closed its connection while it worked on this request.\(reason)")
  }

  private var numbered: String { workerPid.map { " \($0)" } ?? "" }

  // MARK: Its end by other hands

  /// Answers in place of the worker, or ends the connection where its answer had begun; and ends.
  func fail(_ status: Int, _ words: String, limit: NamedLimit? = nil, retryAfter: Int? = nil) {
    // Before the client hears of it.
    giveUpWorker()
    answer?.fail(status, words, limit: limit, retryAfter: retryAfter)
    finish()
  }

  func answerIsComplete(surplusIsFault: Bool) {
    answer = nil
    self.surplusIsFault = surplusIsFault
    // It may have been stopped for a client that was slow; what it still does is bounded.
    readOn()
  }

  func surplus() {
    if surplusIsFault { lane.shared.log.error("\(name): printed more than its Content-Length; the rest is cut off") }
    surplusIsFault = false
  }

  /// The worker goes on: to be stopped in the midst of a request it would have to die. What it still prints is let go.
  func clientLeft() {
    answer = nil
    switch stage {
    case .new: break
    case .queued, .connecting: finish()
    case .working:
      lane.shared.log.info("\(name): the client left, the worker\(numbered) of \(pool.name) is let finish")
      readOn()
    case .over: break
    }
  }

  func endEarly() { if stage != .over { answerIsComplete(surplusIsFault: false) } }

  func complain(_ words: String) { complaint = words }

  func noteSilence() { if firstByteAt == 0, grantedAt != 0 { bill.phases.firstByte = Clock.monotonic() - grantedAt } }

  func endNow() {
    answer = nil
    finish()
  }

  func linkTimedOut() {
    let limit = NamedLimit("timeout", nanoseconds: settings.timeout)
    let what = pool.hasProcesses ? "is replaced" : "is left"
    let status = answer?.hasBegun == false ? "504, " : ""
    lane.shared.log.warning(
      """
      \(name): \(status)the worker\(numbered) of \(pool.name) was silent for too long (\(limit.key) = \(limit.value)) \
      and \(what)
      """)
    giveUpWorker(retire: true)
    fail(504, "The program took too long.", limit: limit)
  }
}
