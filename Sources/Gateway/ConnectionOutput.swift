// What a connection sends: heads, small answers whole, files by sendfile, and its own error pages.

import CGI
import Costs
import HTTPWire
import Kernel
import Presentation
import StaticFiles

extension Connection {
  // MARK: Sending

  /// Sends what the outbox holds; what the socket does not take waits in `pending`.
  /// - Parameter more: whether a file follows at once.
  func flush(more: Bool = false) {
    guard !lane.outbox.isEmpty else { return updateInterest() }
    defer {
      lane.outbox.removeAll(keepingCapacity: true)
      if !isClosed { updateInterest() }
    }
    if !pending.isEmpty {
      pending.append(contentsOf: lane.outbox)
      unsettle()
      return
    }
    switch send(raw, lane.outbox, 0..<lane.outbox.count, more: more) {
    case .bytes(lane.outbox.count): settle()
    case .bytes(let count): keepPending(from: count)
    case .wouldBlock: keepPending(from: 0)
    case .failed: close()
    }
  }

  private func keepPending(from start: Int) {
    pending = Array(lane.outbox[start...])
    pendingStart = 0
    unsettle()
    setDeadline(lane.loop.now + limits.sendTimeout)
  }

  /// The socket takes bytes again.
  func continueSending() {
    if !pending.isEmpty {
      switch send(raw, pending, pendingStart..<pending.count, more: file != nil) {
      case .bytes(let count): takeFromPending(count)
      case .wouldBlock: return
      case .failed: return close()
      }
      setDeadline(lane.loop.now + limits.sendTimeout)
      if !pending.isEmpty { return }
    }
    if file != nil { sendFileOn() } else { allSent() }
  }

  /// So much of what waited has left.
  private func takeFromPending(_ count: Int) {
    pendingStart += count
    if pendingStart == pending.count {
      pending = []
      pendingStart = 0
    } else if pendingStart > limits.outputBufferBytes {
      // More is appended behind as it leaves in front: without this it would only grow.
      pending.removeFirst(pendingStart)
      pendingStart = 0
    }
  }

  /// Sends on in the file, until the socket is full or the file is through.
  private func sendFileOn() {
    var turn = Self.fileBytesATurn
    while let transfer = file {
      // A client that reads as fast as this sends must not have the loop for itself.
      if turn <= 0 { return updateInterest() }
      let count = min(turn, transfer.end - transfer.offset)
      switch sendFile(raw, from: transfer.file.raw, offset: transfer.offset, count: count) {
      case .bytes(0):
        // The promised length cannot be kept any more.
        lane.shared.log.warning("\(clientText): a file became shorter while it was sent; the connection ends")
        close()
        return
      case .bytes(let count):
        file?.offset += count
        turn -= count
        setDeadline(lane.loop.now + limits.sendTimeout)
        if transfer.offset + count == transfer.end { file = nil }
      case .wouldBlock:
        return updateInterest()
      case .failed(let error):
        if error != .brokenPipe, error != .connectionReset {
          lane.shared.log.error("\(clientText): sendfile: \(error)")
        }
        return close()
      }
    }
    allSent()
  }

  /// Everything that was to be sent is in the kernel's hands.
  private func allSent() {
    if case .sending = phase { return answerSent() }
    settleAll(now: Clock.monotonic())
    switch phase {
    case .held:
      rearm()
      program?.outputDrained()
    case .head, .body:
      rearm()
      processLeftover()
    case .sending, .lingering, .closed: break
    }
  }

  // MARK: Answers

  /// Begins an answer: the status line, Server and Date.
  func beginAnswer(_ status: Int) {
    bill.status = status
    ResponseWriter.appendStatusLine(status, to: &lane.outbox)
    lane.date.append(now: lane.loop.now, software: plan.settings.software, to: &lane.outbox)
  }

  /// Begins the answer that a program's head describes: its status, the bill and its fields.
  /// - Parameters:
  ///   - bytes: what the head's ranges index.
  ///   - whole: whether the bill is complete.
  func beginAnswer(_ head: ScriptHead, _ bytes: [UInt8], whole: Bool, interpreter: [UInt8]?) {
    if let reason = head.reasonRange {
      ResponseWriter.appendStatusLine(head.status, reason: reason, of: bytes.span, to: &lane.outbox)
    } else {
      ResponseWriter.appendStatusLine(head.status, to: &lane.outbox)
    }
    lane.date.append(now: lane.loop.now, software: plan.settings.software, to: &lane.outbox)
    // Before the program's own fields: a reader of the bill believes the first that says it.
    appendServerTiming(whole: whole, interpreter: interpreter)
    for field in head.fields {
      ResponseWriter.appendField(bytes.span, name: field.name, value: field.value, to: &lane.outbox)
    }
  }

  /// What the answer cost, where the route says it (W3C Server Timing, section 2).
  /// - Parameters:
  ///   - whole: whether the bill is complete.
  ///   - interpreter: what runs the program.
  private func appendServerTiming(whole: Bool, interpreter: [UInt8]?) {
    guard let route = bill.route, plan.routes.bills[route] != .off else { return }
    lane.outbox.append(contentsOf: "Server-Timing: ".utf8)
    ServerTiming.append(
      bill, route: plan.routes.prefixes[route], complete: whole, interpreter: interpreter, to: &lane.outbox)
    lane.outbox.append(contentsOf: "\r\n".utf8)
  }

  /// Ends the head of an answer of the gateway's own, whose bill is complete but for its sending.
  func endAnswerHead() {
    bill.durationNanoseconds = Clock.monotonic() - startedAt
    appendServerTiming(whole: true, interpreter: nil)
    endFields()
  }

  /// Says whether the connection goes on, and ends the head.
  func endFields() {
    if !keepAlive || closeAfterAnswer {
      closeAfterAnswer = true
      lane.outbox.append(contentsOf: "Connection: close\r\n".utf8)
    } else if minorVersion == 0 {
      lane.outbox.append(contentsOf: "Connection: keep-alive\r\n".utf8)
    }
    ResponseWriter.appendHeadEnd(to: &lane.outbox)
  }

  /// The answer to the present request is complete: in the outbox, in `pending`, or at the end of `file`.
  /// - Parameter recorded: whether its record has been taken care of.
  func answerComplete(recorded: Bool = false) {
    if !recorded { recordAnswer() }
    startedAt = 0
    bill = Bill()
    program = nil
    draft = nil
    isHeadRequest = false
    localRedirects = 0
    held = nil
    if file == nil, !closeAfterAnswer {
      enter(.head)
      return
    }
    enter(.sending)
    flush(more: file != nil)
    if isClosed { return }
    if pending.isEmpty { if file != nil { sendFileOn() } else { answerSent() } }
  }

  private func recordAnswer() {
    let head = headIsHere ? lane.head : RequestHead()
    if draft == nil, file == nil {
      lane.recorder.add(
        bill, startedAt: startedAt, head: head, inbox: lane.inbox, remote: remote, route: routePath)
      return
    }
    var made = draft ?? makeDraft(head)
    draft = nil
    made?.record.bill = bill
    if let made { unsettled.append(made) }
  }

  /// Keeps what the record of the present request will say of the client and the route; nil where nobody wants it.
  func makeDraft(_ head: RequestHead) -> RecordDraft? {
    lane.recorder.draft(startedAt: startedAt, head: head, inbox: lane.inbox, remote: remote, route: routePath)
  }

  private var routePath: [UInt8]? { bill.route.map { plan.routes.names[$0] } }

  /// The answer has left, and the phase was `sending`.
  private func answerSent() {
    settleAll(now: Clock.monotonic())
    if closeAfterAnswer {
      if !lingerAfterAnswer { return close() }
      shutdownSending(raw)
      enter(.lingering)
      return updateInterest()
    }
    enter(.head)
    // Where this was called while the inbox is being gone through, nothing is left over, and the caller goes on.
    if !leftover.isEmpty { processLeftover() }
  }

  /// A small answer of the gateway's own.
  /// - Parameter recorded: whether the request's record is somebody else's matter.
  /// - Returns: its size, head and all, and that of its body.
  @discardableResult
  func answer(
    _ status: Int, type: String, body: [UInt8], fields: [(String, String)] = [], recorded: Bool = false
  ) -> (whole: Int64, body: Int64) {
    let start = lane.outbox.count
    beginAnswer(status)
    for (name, value) in fields { ResponseWriter.appendField(name, value, to: &lane.outbox) }
    ResponseWriter.appendField("Content-Type", type, to: &lane.outbox)
    ResponseWriter.appendField("Content-Length", body.count, to: &lane.outbox)
    ResponseWriter.appendField("X-Content-Type-Options", "nosniff", to: &lane.outbox)
    endAnswerHead()
    if !isHeadRequest {
      lane.outbox.append(contentsOf: body)
      bill.bodyBytesOut = Int64(body.count)
    }
    bill.bytesOut = Int64(lane.outbox.count - start)
    let size = (bill.bytesOut, bill.bodyBytesOut)
    answerComplete(recorded: recorded)
    return size
  }

  /// Says no to the present request, which was read to its end.
  @discardableResult
  func answerError(
    _ status: Int, _ words: String, limit: NamedLimit? = nil, fields: [(String, String)] = [], recorded: Bool = false
  ) -> (whole: Int64, body: Int64) {
    answer(
      status, type: "text/html; charset=utf-8", body: ErrorPage.page(status, words, limit: limit), fields: fields,
      recorded: recorded)
  }

  /// Says no to what cannot be read on: one line in the log, the answer, and the connection ends.
  func refuse(_ status: Int, limit: NamedLimit?, _ words: String) {
    lane.shared.log.notice(
      "\(clientText): \(status), \(words)\(limit.map { " (\($0.key) = \($0.value))" } ?? "")")
    closeAfterAnswer = true
    lingerAfterAnswer = true
    program?.clientLeft()
    program = nil
    body = nil
    if startedAt == 0 { startedAt = Clock.monotonic() }
    if bill.startedAt == 0 { bill.startedAt = Clock.realtime() }
    answerError(status, words, limit: limit)
  }

  func refuse(_ refusal: Refusal) {
    refuse(refusal.status, limit: refusal.limit.map(NamedLimit.init), refusal.reason.description)
  }

  // MARK: Records

  private func settle() {
    if lane.recorder.hasOpenRecords { lane.recorder.settle(now: Clock.monotonic()) }
  }

  func unsettle() {
    if lane.recorder.hasOpenRecords { unsettled.append(contentsOf: lane.recorder.takeBack()) }
  }

  /// The client left: what is still here of its answers was not sent, and is not billed.
  func discountUnsent() {
    let inFile = file.map { $0.end - $0.offset } ?? 0
    var unsent = Int64(inFile + pending.count - pendingStart + lane.outbox.count)
    for index in unsettled.indices.reversed() {
      let cut = min(unsent, unsettled[index].record.bill.bytesOut)
      unsettled[index].record.bill.bytesOut -= cut
      unsettled[index].record.bill.bodyBytesOut -= min(cut, unsettled[index].record.bill.bodyBytesOut)
      unsent -= cut
    }
  }

  /// The answers that waited for the client are through, or will never be.
  func settleAll(now: Int64) {
    for draft in unsettled {
      var bill = draft.record.bill
      bill.durationNanoseconds = now - draft.startedAt
      lane.recorder.add(draft, bill)
    }
    unsettled.removeAll()
  }
}
