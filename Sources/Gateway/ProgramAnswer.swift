// What a client gets of a program's output: the head turned into an HTTP head, the body framed, at the client's pace.

import CGI
import Costs
import EventLoop
import HTTPWire
import Kernel
import Log

final class ProgramAnswer: LoopTarget {
  private enum Phase: Equatable {
    case head
    /// The head is known and held, with what came of the body, until the bill is complete.
    case held
    case body
    /// The program sends the gateway to another path, which is served when the program has ended: the other path may
    /// want its place.
    case redirecting(location: [UInt8])
    case over
  }

  private enum Framing {
    case length(remaining: Int)
    case chunked
    /// The connection's end is the body's: HTTP/1.0.
    case untilClose
    /// HEAD, 204, 304.
    case none
  }

  /// They hold each other until `leave`.
  private let connection: Connection
  private let run: any ProgramRun
  /// The request's fields but those of its body, should the program send the gateway elsewhere.
  private let fields: [UInt8]
  private var phase = Phase.head
  private var framing = Framing.none
  private var parser = ScriptHeadParser()
  private var head = ScriptHead()
  /// The output so far, until the head has left.
  private var buffer: [UInt8] = []
  private var bodyStart = 0
  private var outputHasEnded = false
  /// Whether more came than was promised.
  private var hasSurplus = false
  private var holdTimer: Token?

  /// - Parameter fields: those of the request that a local redirect takes along.
  init(_ connection: Connection, _ run: any ProgramRun, fields: [UInt8]) {
    self.connection = connection
    self.fields = fields
    self.run = run
    run.answer = self
  }

  private var lane: Lane { connection.lane }

  /// The request is there in full.
  func start(_ spool: BodySpool) {
    run.bill = connection.bill
    run.startedAt = connection.startedAt
    run.draft = connection.draft
    connection.draft = nil
    run.start(spool)
  }

  /// Whether something of it has left.
  var hasBegun: Bool { phase == .body || phase == .over }

  /// Whether the client keeps up.
  var canTake: Bool { connection.pending.count - connection.pendingStart < connection.limits.outputBufferBytes }

  func outputDrained() { run.outputDrained() }

  func clientLeft() {
    if phase == .over { return }
    if !hasBegun { run.bill.status = 499 }
    leave()
    run.clientLeft()
  }

  // MARK: Output

  /// Takes what the program printed: `bytes[range]`.
  /// - Parameter last: whether that is its end: then it is not said by `outputEnded`.
  func feed(_ bytes: [UInt8], _ range: Range<Int>, last: Bool = false) {
    outputHasEnded = last
    switch phase {
    case .head:
      buffer.append(contentsOf: bytes[range])
      parseHead()
    case .held:
      buffer.append(contentsOf: bytes[range])
      if buffer.count - bodyStart > BillMode.heldBytes { release() }
    case .body:
      appendBody(bytes[range])
      // The end of the output, where it is there already, leaves in the same piece.
      if !last || isFramedByLength { sendBody() }
    case .redirecting, .over: break
    }
    if last { judgeEnd() }
  }

  private var isFramedByLength: Bool {
    switch framing {
    case .length, .none: true
    case .chunked, .untilClose: false
    }
  }

  private func parseHead() {
    switch parser.parse(buffer.span, limitBytes: run.headBytes, into: &head) {
    case .needMore: break
    case .malformed(let reason):
      lane.shared.log.error(
        """
        \(run.name): 502, its head cannot be read: \(reason); a script prints «Content-Type: text/plain» or the like \
        (and «Status: 404 Not Found» where it is not 200), an empty line, and then its output
        """)
      failAndEnd("The program's head cannot be read.")
    case .tooLarge:
      let limit = NamedLimit("program_head", String(run.headBytes))
      lane.shared.log.error("\(run.name): 502, its head is too long (\(limit.key) = \(limit.value))")
      failAndEnd("The program's head is too long.", limit: limit)
    case .complete(let start):
      bodyStart = start
      if case .localRedirect(let location) = head.kind {
        phase = .redirecting(location: Array(buffer[location]))
      } else if run.plan.routes.bills[run.bill.route!] == .full {
        phase = .held
        holdTimer = lane.loop.register(self)
        lane.loop.schedule(holdTimer!, at: Clock.monotonic() + BillMode.heldNanoseconds)
        if buffer.count - bodyStart > BillMode.heldBytes { release() }
      } else {
        sendHead(whole: false)
      }
    }
  }

  /// RFC 3875, section 6.2.2: the answer is that of another path of this server. What else the program prints is let
  /// go.
  private func redirectLocally(_ location: [UInt8]) {
    run.bill.status = 302
    leave()
    if let refused = connection.redirectLocally(to: location, fields: fields, after: run.name) {
      run.bill.status = 502
      (run.bill.bytesOut, run.bill.bodyBytesOut) = refused
    }
  }

  private func failAndEnd(_ words: String, limit: NamedLimit? = nil) {
    fail(502, words, limit: limit)
    run.endEarly()
  }

  /// The program has closed its output.
  func outputEnded() {
    outputHasEnded = true
    judgeEnd()
  }

  private func judgeEnd() {
    switch phase {
    case .head:
      run.complain("502, the program \(buffer.isEmpty ? "printed nothing" : "ended in the middle of its head")")
      fail(502, buffer.isEmpty ? "The program printed nothing." : "The program's head has no end.")
    case .body: endBody()
    case .held, .redirecting, .over: break
    }
  }

  /// The program was reaped: the bill is complete.
  func exited() {
    switch phase {
    case .held: release(whole: true)
    case .redirecting(let location): redirectLocally(location)
    case .head, .body, .over: break
    }
  }

  func timerFired(role: UInt8) { if phase == .held { release() } }

  func ready(_ readiness: Readiness, role: UInt8) {
    preconditionFailure("an answer has no descriptor")
  }

  /// Lets go what was held.
  private func release(whole: Bool = false) {
    sendHead(whole: whole && outputHasEnded)
    if outputHasEnded, phase == .body { endBody() }
  }

  // MARK: The answer

  private func sendHead(whole: Bool) {
    phase = .body
    let start = lane.outbox.count
    chooseFraming()
    run.bill.status = head.status
    if whole { run.bill.durationNanoseconds = Clock.monotonic() - run.startedAt }
    connection.bill = run.bill
    connection.beginAnswer(head, buffer, whole: whole, interpreter: run.interpreter)
    switch framing {
    case .length(let count): ResponseWriter.appendField("Content-Length", count, to: &lane.outbox)
    case .chunked: ResponseWriter.appendField("Transfer-Encoding", "chunked", to: &lane.outbox)
    case .none:
      if let length = head.contentLength, head.status != 204 {
        ResponseWriter.appendField("Content-Length", length, to: &lane.outbox)
      }
    case .untilClose: connection.closeAfterAnswer = true
    }
    connection.endFields()
    run.bill.bytesOut = Int64(lane.outbox.count - start)
    appendBody(buffer[bodyStart...])
    buffer = []
    sendBody()
  }

  /// Sends what was appended. Where that is all that was promised, the answer is complete, and neither what the
  /// program still prints nor a client that leaves concerns the other.
  private func sendBody() {
    switch framing {
    case .none: complete(surplusIsFault: false)
    case .length(remaining: 0): complete(surplusIsFault: true)
    case .length, .chunked, .untilClose: connection.flush()
    }
  }

  private func chooseFraming() {
    if connection.isHeadRequest || head.status == 204 || head.status == 304 {
      framing = .none
    } else if let length = head.contentLength {
      framing = .length(remaining: length)
    } else if outputHasEnded {
      framing = .length(remaining: buffer.count - bodyStart)
    } else {
      framing = connection.minorVersion == 0 ? .untilClose : .chunked
    }
  }

  private func appendBody(_ bytes: ArraySlice<UInt8>) {
    if bytes.isEmpty { return }
    let start = lane.outbox.count
    var taken = bytes.count
    switch framing {
    case .none: return
    case .untilClose: lane.outbox.append(contentsOf: bytes)
    case .chunked:
      ResponseWriter.appendChunkHeader(bytes.count, to: &lane.outbox)
      lane.outbox.append(contentsOf: bytes)
      lane.outbox.append(contentsOf: "\r\n".utf8)
    case .length(let remaining):
      taken = min(taken, remaining)
      lane.outbox.append(contentsOf: bytes.prefix(taken))
      framing = .length(remaining: remaining - taken)
      hasSurplus = bytes.count > taken
    }
    run.bill.bodyBytesOut += Int64(taken)
    run.bill.bytesOut += Int64(lane.outbox.count - start)
  }

  private func endBody() {
    switch framing {
    case .length(let remaining) where remaining > 0:
      run.complain("printed \(remaining) bytes less than its Content-Length")
      breakOff()
      return
    case .chunked:
      ResponseWriter.appendChunkHeader(0, to: &lane.outbox)
      lane.outbox.append(contentsOf: "\r\n".utf8)
      run.bill.bytesOut += 5
    case .length, .untilClose, .none: break
    }
    complete(surplusIsFault: false)
  }

  /// Everything of the answer is sent, or waits for the client in memory.
  private func complete(surplusIsFault: Bool) {
    run.answerIsComplete(surplusIsFault: surplusIsFault)
    if hasSurplus { run.surplus() }
    leave()
    connection.answerComplete(recorded: true)
    if connection.isClosed { return }
    connection.flush()
    // At the turn's end most programs have been reaped and given their place back.
    lane.continueAtTurnEnd(connection)
  }

  /// Ends the connection in the middle of the answer, when what there is of it has left: its end is not said.
  private func breakOff() {
    leave()
    connection.closeAfterAnswer = true
    connection.answerComplete(recorded: true)
  }

  /// Answers with an error in place of the program, or ends the connection where its answer had begun.
  func fail(_ status: Int, _ words: String, limit: NamedLimit? = nil, retryAfter: Int? = nil) {
    switch phase {
    case .over: return
    case .body: breakOff()
    case .head, .held, .redirecting:
      run.bill.status = status
      run.noteSilence()
      leave()
      connection.bill = run.bill
      (run.bill.bytesOut, run.bill.bodyBytesOut) = connection.answerError(
        status, words, limit: limit, fields: retryAfter.map { [("Retry-After", String($0))] } ?? [], recorded: true)
      if !connection.isClosed { connection.continueWithInput() }
    }
  }

  /// Parts the program from the connection: neither calls the other any more.
  private func leave() {
    phase = .over
    if let holdTimer { lane.loop.unregister(holdTimer) }
    holdTimer = nil
    run.answer = nil
    connection.program = nil
  }
}
