// What a request means: which route answers it, and with what.

import CGI
import Costs
import HTTPWire
import Kernel
import Presentation
import StaticFiles

/// What a helper thread found for a request that waits for it.
enum Parked: Sendable {
  case found(Found)
  case listing([UInt8])
  case script(ScriptFound)
}

extension Connection {
  /// Serves the request whose head was read.
  /// - Parameters:
  ///   - range: the head's bytes in the inbox.
  ///   - inputEnd: where the inbox ends.
  /// - Returns: up to where the inbox has been dealt with: the head's end, or its beginning where the request waits
  ///   for a helper thread and will be looked at again.
  func dispatch(_ range: Range<Int>, inputEnd: Int) -> Int {
    let head = lane.head
    // A request that waited for a helper thread comes here twice; its head was there the first time.
    if parked == nil {
      bill = Bill()
      let head = Clock.monotonic() - startedAt
      bill.startedAt = Clock.realtime() - head
      bill.phases.head = head
    }
    bill.bytesIn = Int64(range.count)
    keepAlive = head.keepAlive
    minorVersion = head.minorVersion
    isHeadRequest = head.method == .head
    headIsHere = true
    draft = nil
    defer { headIsHere = false }
    if let refusal = lane.inbox.withSpan({ lane.target.parse($0, head: head) }) {
      answerRefusal(refusal, hasBody: hasBody(head))
      return range.upperBound
    }
    switch head.method {
    case .connect, .trace:
      answerWithoutBody(405, "The method is not served here.", [("Allow", "GET, HEAD, POST, OPTIONS")])
      return range.upperBound
    case .options where lane.target.isAsterisk:
      answerOptions("GET, HEAD, POST, OPTIONS")
      return range.upperBound
    default: break
    }
    switch plan.routes.match(lane.target.path) {
    case .none: answerWithoutBody(404, "Nothing is served under this path.")
    case .lacksSlash: redirectToSlash()
    case .route(let index):
      bill.route = index
      switch plan.routes.routes[index].model {
      case .files(let root):
        if !serveFile(index, root) { return range.lowerBound }
      case .pool(let pool):
        let script = Script(path: [], name: Array(lane.target.path), pathInfo: nil, interpreter: nil)
        serveByPool(index, pool, script, headEnd: range.upperBound, inputEnd: inputEnd)
      case .nothing(let words): answerWithoutBody(404, words)
      case .programs(let program):
        if !serveProgram(index, program, headEnd: range.upperBound, inputEnd: inputEnd) { return range.lowerBound }
      }
    }
    return range.upperBound
  }

  func hasBody(_ head: RequestHead) -> Bool { head.chunked || (head.contentLength ?? 0) > 0 }

  private func answerRefusal(_ refusal: Refusal, hasBody: Bool) {
    if refusal.status == 404 { return answerWithoutBody(404, "Nothing is served under this path.") }
    refuse(refusal)
  }

  /// Answers without reading the request's body; where there is one, the connection ends after the answer.
  func answerWithoutBody(
    _ status: Int, _ words: String, _ fields: [(String, String)] = [], limit: NamedLimit? = nil
  ) {
    giveUpBody()
    answerError(status, words, limit: limit, fields: fields)
  }

  /// RFC 9110, section 9.3.7: what may be asked for here, without a body.
  private func answerOptions(_ methods: String) {
    giveUpBody()
    let start = lane.outbox.count
    beginAnswer(204)
    ResponseWriter.appendField("Allow", methods, to: &lane.outbox)
    endAnswerHead()
    bill.bytesOut = Int64(lane.outbox.count - start)
    answerComplete()
  }

  private func giveUpBody() {
    if hasBody(lane.head) {
      closeAfterAnswer = true
      lingerAfterAnswer = true
    }
  }

  /// RFC 9110, section 15.4.2: the same path with a slash, the query kept.
  private func redirectToSlash() {
    var location: [UInt8] = []
    PathText.appendEncoded(lane.target.path, to: &location)
    location.append(UInt8(ascii: "/"))
    if let query = lane.target.query {
      location.append(UInt8(ascii: "?"))
      location.append(contentsOf: lane.inbox[query])
    }
    giveUpBody()
    answerError(
      301, "The path ends with a slash.", fields: [("Location", String(decoding: location, as: UTF8.self))])
  }

  // MARK: Files

  /// - Returns: false where the request waits for a helper thread.
  private func serveFile(_ route: Int, _ root: FileRoot) -> Bool {
    let head = lane.head
    switch head.method {
    case .get, .head: break
    case .options:
      answerOptions("GET, HEAD, OPTIONS")
      return true
    default:
      answerWithoutBody(405, "Files are read by GET and HEAD.", [("Allow", "GET, HEAD, OPTIONS")])
      return true
    }
    let start = plan.routes.prefixes[route].count
    if parked == nil, let file = serving.files.fresh(route, lane.target.path, from: start, now: lane.loop.now) {
      sendFileAnswer(file)
      return true
    }
    return serveFileUncached(route, root, Array(lane.target.path[start...]))
  }

  private func serveFileUncached(_ route: Int, _ root: FileRoot, _ path: [UInt8]) -> Bool {
    let found: Found
    switch parked {
    case .found(let answer): found = serving.files.keep(route, path, answer, now: lane.loop.now)
    case .listing(let page):
      parked = nil
      giveUpBody()
      answer(200, type: "text/html; charset=utf-8", body: page)
      return true
    case .script, nil: found = serving.files.find(route, root, path, now: lane.loop.now, mayWait: false)
    }
    parked = nil
    switch found {
    case .file(let file): sendFileAnswer(file)
    case .directoryWithoutSlash: redirectToSlash()
    case .notFound: answerWithoutBody(404, "There is no such file.")
    case .forbidden: answerWithoutBody(403, "This may not be read.")
    case .outside:
      lane.shared.log.notice("\(printed(path)): a symbolic link leaves \(root.path)")
      answerWithoutBody(404, "There is no such file.")
    case .failed(let error) where error.isOutOfDescriptors && lane.giveUpFiles():
      return serveFileUncached(route, root, path)
    case .failed(let error):
      lane.shared.log.error("\(printed(path)) below \(root.path): \(error)")
      answerWithoutBody(error.isOutOfDescriptors ? 503 : 500, "The file could not be opened.")
    case .wouldWait:
      let keepUpTo = limits.cachedFileBytes
      return park { Parked.found(root.find(path, keepUpTo: keepUpTo, mayWait: true)) }
    case .listing:
      let title = lane.target.path
      let limit = limits.listingEntries
      let others = plan.routes.names(below: title)
      return park { Parked.listing(Listing.page(of: root, path, title: title, without: others, limit: limit)) }
    }
    return true
  }

  /// Leaves the request where it is until a helper thread has answered.
  /// - Returns: whether it was answered after all.
  func park(_ work: @escaping @Sendable () -> Parked) -> Bool {
    enter(.held)
    draft = makeDraft(lane.head)
    if ask({ work() }) { return false }
    draft = nil
    enter(.head)
    lane.shared.log.error("too many look-ups wait for the disk")
    answerWithoutBody(503, "Too many look-ups wait for the disk.", [("Retry-After", "1")])
    return true
  }

  /// A path without its leading slash, for the log.
  func printed(_ path: some Collection<UInt8>) -> String { "«/\(String(decoding: path, as: UTF8.self))»" }

  private func sendFileAnswer(_ file: ServedFile) {
    giveUpBody()
    let verdict = lane.inbox.withSpan { FileConditions.judge(lane.head, $0, file) }
    let start = lane.outbox.count
    switch verdict {
    case .notModified:
      beginAnswer(304)
      lane.outbox.append(contentsOf: file.fields)
      bill.model = .staticCache
      endAnswerHead()
    case .preconditionFailed:
      answerError(412, "The file is not as the request demands.")
      return
    case .unsatisfiable:
      answerError(416, "The file has no such part.", fields: [("Content-Range", "bytes */\(file.size)")])
      return
    case .whole:
      beginAnswer(200)
      appendBodyFields(file, 0..<file.size)
    case .part(let part):
      beginAnswer(206)
      ResponseWriter.appendField(
        "Content-Range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(file.size)", to: &lane.outbox)
      appendBodyFields(file, part)
    }
    bill.bytesOut = Int64(lane.outbox.count - start) + Int64(self.file.map { $0.end - $0.offset } ?? 0)
    answerComplete()
  }

  private func appendBodyFields(_ file: ServedFile, _ part: Range<Int>) {
    lane.outbox.append(contentsOf: file.fields)
    ResponseWriter.appendField("Content-Length", part.count, to: &lane.outbox)
    bill.model = file.content == nil ? .staticSendfile : .staticCache
    endAnswerHead()
    if isHeadRequest { return }
    bill.bodyBytesOut = Int64(part.count)
    if let content = file.content {
      lane.outbox.append(contentsOf: content[part])
    } else if !part.isEmpty {
      self.file = FileTransfer(file: file, offset: part.lowerBound, end: part.upperBound)
    }
  }
}
