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
  case resolved(Resolved)
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
    let routes = plan.routes
    var candidates = routes.common
    if routes.hasSites { candidates = lane.inbox.withSpan { routes.routes(of: lane.target.authority, in: $0) } }
    switch routes.match(lane.target.path, in: candidates) {
    case .none: answerWithoutBody(404, "Nothing is served under this path.")
    case .lacksSlash: redirectToSlash()
    case .route(let number):
      bill.route = number
      if !serve(routes.routes[number], headEnd: range.upperBound, inputEnd: inputEnd) { return range.lowerBound }
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
    let location = PathText.withSlash(lane.target.path, query: lane.target.query.map { lane.inbox[$0] })
    giveUpBody()
    answerError(
      301, "The path ends with a slash.", fields: [("Location", String(decoding: location, as: UTF8.self))])
  }

  // MARK: Routes

  /// Serves the request by its route.
  /// - Returns: false where the request waits for a helper thread.
  private func serve(_ route: ServedRoute, headEnd: Int, inputEnd: Int) -> Bool {
    switch parked {
    case .found, .listing: return serveFile(route)
    case .resolved(let resolved):
      parked = nil
      return serve(route, resolved, wasParked: true, headEnd: headEnd, inputEnd: inputEnd)
    case nil:
      // Before anything is asked of the disk. What is kept is no program, and not denied: it was asked about when it
      // was looked up.
      if let file = freshFile(route) {
        sendFileAnswer(file)
        return true
      }
      let resolved = route.resolve(lane.target.path, mayWait: false)
      return serve(route, resolved, wasParked: false, headEnd: headEnd, inputEnd: inputEnd)
    }
  }

  private func freshFile(_ route: ServedRoute) -> ServedFile? {
    guard route.files != nil, lane.head.method == .get || lane.head.method == .head,
      lane.target.path.count >= route.below
    else { return nil }
    return serving.files.fresh(route.number, lane.target.path, from: route.below, now: lane.loop.now)
  }

  private func serve(
    _ route: ServedRoute, _ resolved: Resolved, wasParked: Bool, headEnd: Int, inputEnd: Int
  ) -> Bool {
    switch resolved {
    case .file: return serveFile(route)
    case .program(let script):
      return serveProgram(route, script, wasParked: wasParked, headEnd: headEnd, inputEnd: inputEnd)
    case .other(.wouldWait): return parkLookup(route)
    case .other(.failed(let error)) where error.isOutOfDescriptors && lane.giveUpFiles():
      return serve(route, headEnd: headEnd, inputEnd: inputEnd)
    case .other(.directoryWithoutSlash): redirectToSlash()
    case .other(let found): answerNothing(route, found)
    case .notExecutable:
      lane.shared.log.notice("\(printedPath): the script is not executable (chmod +x)")
      answerWithoutBody(ServedRoute.notExecutable.status, ServedRoute.notExecutable.words)
    case .denied: answerNothing(route, .notFound)
    case .nothing(let words): answerWithoutBody(404, words)
    }
    return true
  }

  /// Has a helper thread find out what the path comes to.
  /// - Returns: as `park` does.
  func parkLookup(_ route: ServedRoute) -> Bool {
    let path = lane.target.path
    return park { Parked.resolved(route.resolve(path, mayWait: true)) }
  }

  /// Answers for a path that comes to neither file nor program.
  private func answerNothing(_ route: ServedRoute, _ found: Found) {
    // A file that was there a while ago is kept no longer.
    if route.files != nil, lane.target.path.count >= route.below {
      _ = serving.files.keep(route.number, Array(lane.target.path[route.below...]), found, now: lane.loop.now)
    }
    let root = route.files?.path ?? route.settings.scripts?.directory ?? ""
    switch found {
    case .outside: lane.shared.log.notice("\(printedPath): a symbolic link leaves \(root)")
    case .failed(let error): lane.shared.log.error("\(printedPath) below \(root): \(error)")
    default: break
    }
    let (status, words) = route.refusal(of: found)
    answerWithoutBody(status, words)
  }

  // MARK: Files

  /// Serves a path that runs nothing from the route's files.
  /// - Returns: false where the request waits for a helper thread.
  private func serveFile(_ route: ServedRoute) -> Bool {
    guard let root = route.files else { preconditionFailure("the route \(route.settings.path) has no files") }
    switch lane.head.method {
    case .get, .head: break
    case .options:
      answerOptions("GET, HEAD, OPTIONS")
      return true
    default:
      answerWithoutBody(405, "Files are read by GET and HEAD.", [("Allow", "GET, HEAD, OPTIONS")])
      return true
    }
    let path = Array(lane.target.path[route.below...])
    let found: Found
    switch parked {
    case .found(let answer): found = serving.files.keep(route.number, path, answer, now: lane.loop.now)
    case .listing(let page):
      parked = nil
      giveUpBody()
      answer(200, type: "text/html; charset=utf-8", body: page)
      return true
    case .resolved, nil:
      found = serving.files.find(route.number, root, path, now: lane.loop.now, mayWait: false)
    }
    parked = nil
    switch found {
    case .file(let file): sendFileAnswer(file)
    case .directoryWithoutSlash: redirectToSlash()
    case .failed(let error) where error.isOutOfDescriptors && lane.giveUpFiles(): return serveFile(route)
    case .wouldWait:
      let keepUpTo = limits.cachedFileBytes
      return park { Parked.found(root.find(path, keepUpTo: keepUpTo, mayWait: true)) }
    case .listing: return parkListing(route, root, path)
    case .notFound, .forbidden, .outside, .failed: answerNothing(route, found)
    }
    return true
  }

  private func parkListing(_ route: ServedRoute, _ root: FileRoot, _ path: [UInt8]) -> Bool {
    let title = lane.target.path
    let limit = limits.listingEntries
    let others = plan.routes.names(below: title, in: route.siblings)
    return park {
      Parked.listing(
        Listing.page(of: root, path, title: title, limit: limit) { others.contains($0) || route.hides($0[...]) })
    }
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

  /// The path that was asked for, for the log.
  private var printedPath: String { "«\(String(decoding: lane.target.path, as: UTF8.self))»" }

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
