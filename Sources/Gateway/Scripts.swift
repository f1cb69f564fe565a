// From a script that was found to what it is told.

import CGI
import Costs
import HTTPWire
import Kernel
import StaticFiles

/// What is known of a script from its first line.
enum Scripts {
  /// The longest `#!` line that the kernel reads.
  private static let hashBangBytes = 256

  /// The name of the program that a `#!` line names (behind `env` the next word); «native code» without one.
  /// - Returns: nil where the file cannot be read, or not without waiting.
  static func interpreter(
    _ root: FileRoot, _ path: [UInt8], _ status: FileStatus, mayWait: Bool
  ) -> [UInt8]? {
    guard let bytes = root.beginning(of: path, status: status, atMost: hashBangBytes, mayWait: mayWait) else {
      return nil
    }
    guard bytes.starts(with: "#!".utf8) else { return Array("native code".utf8) }
    let line = bytes.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    guard let first = words.first, let name = first.split(separator: UInt8(ascii: "/")).last else { return nil }
    if name.elementsEqual("env".utf8), let next = words.dropFirst().first(where: { $0.first != UInt8(ascii: "-") }) {
      return Array(next)
    }
    return Array(name)
  }
}

extension Scripts {
  /// What to do about a script that could not be executed, from its first line; empty where there is nothing to say.
  static func hint(_ root: FileRoot, _ path: [UInt8], _ error: Errno) -> String {
    guard case .file(let status, _) = root.inspect(path, mayWait: false),
      let bytes = root.beginning(of: path, status: status, atMost: hashBangBytes, mayWait: false)
    else { return "" }
    let line = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    guard bytes.starts(with: "#!".utf8) else {
      return error == .execFormatError ? "; a script begins with a line like «#!/bin/sh»" : ""
    }
    if line.utf8.last == UInt8(ascii: "\r") {
      return "; its first line ends in a carriage return: give the script Unix line ends"
    }
    return error == .noSuchFileOrDirectory ? "; its first line is «\(line)», and that program is not there" : ""
  }
}

extension Connection {
  /// Serves the request by a program: checks it against its limits, and starts to read the body or to wait for a place.
  /// - Parameter wasParked: whether a helper thread found the script, and read its interpreter if that could be read.
  /// - Returns: false where the request waits for a helper thread.
  func serveProgram(
    _ route: ServedRoute, _ script: Script, wasParked: Bool, headEnd: Int, inputEnd: Int
  ) -> Bool {
    if refusesBody(route) { return true }
    switch route.settings.runs {
    case .pool(let pool): serveByPool(route, pool, script, headEnd: headEnd, inputEnd: inputEnd)
    case .scripts(let program):
      var script = script
      if route.settings.bill != .off, let status = script.status {
        if let read = script.interpreter {
          serving.remember(read, of: status)
        } else {
          script.interpreter = serving.interpreter(of: script.path, status, in: program.root)
        }
        // Not in memory: a helper thread reads it, once.
        if script.interpreter == nil, !wasParked { return parkLookup(route) }
      }
      begin(script, route, program, headEnd: headEnd, inputEnd: inputEnd)
    case nil: preconditionFailure("the route \(route.settings.path) runs nothing")
    }
    return true
  }

  /// Refuses a request whose head says that its body is longer than the route's may be.
  /// - Returns: whether it was refused.
  private func refusesBody(_ route: ServedRoute) -> Bool {
    let limit = route.settings.maxBodyBytes
    guard let length = lane.head.contentLength, length > limit else { return false }
    lane.shared.log.notice("\(clientText): 413, a body of \(length) bytes (max_body = \(limit))")
    answerWithoutBody(413, "The body is too long.", limit: NamedLimit("max_body", String(limit)))
    return true
  }

  private func begin(
    _ script: Script, _ route: ServedRoute, _ program: ProgramSettings, headEnd: Int, inputEnd: Int
  ) {
    let head = lane.head
    bill.model = .cgi
    draft = makeDraft(head)
    if draft != nil { draft!.record.script = draft!.text.keep(script.name) }
    var environment = EnvironmentSink()
    let context = context(script, route, head)
    lane.inbox.withSpan {
      MetaVariables.build($0, head: head, target: lane.target, context: context, into: &environment)
    }
    let run = CGIRun(lane, serving, route.number, program, script, environment)
    run.chunked = head.chunked
    begin(run, route, headEnd: headEnd, inputEnd: inputEnd)
  }

  /// Starts a program's answer: at once, or when the request's body has been read.
  func begin(_ run: any ProgramRun, _ route: ServedRoute, headEnd: Int, inputEnd: Int) {
    let head = lane.head
    program = ProgramAnswer(self, run, fields: Self.fieldsWithoutBody(head, lane.target, lane.inbox))
    let spool = BodySpool(limits: limits)
    if hasBody(head) {
      let reader = BodyReader(
        contentLength: head.chunked ? nil : head.contentLength, limitBytes: route.settings.maxBodyBytes, spool: spool,
        now: Clock.monotonic())
      // A client that has sent of its body already does not wait for leave.
      beginBody(reader, continueFirst: head.expectContinue && inputEnd == headEnd)
    } else {
      enter(.held)
      self.program?.start(spool)
    }
  }

  /// What a program is told of the request besides its head, whether it is a process of its own or a worker.
  func context(_ script: Script, _ route: ServedRoute, _ head: RequestHead) -> RequestContext {
    var context = RequestContext()
    context.scriptName = script.name
    context.pathInfo = script.pathInfo
    context.documentRoot = script.documentRoot
    context.scriptFilename = script.filename
    context.environment = route.environment
    context.serverSoftware = plan.software
    context.remoteAddress = remote
    if let socket {
      if !socket.local.isUnix {
        context.serverAddress = localHost
        context.serverPort = Int(socket.local.port)
      }
      if !socket.address.isUnix { context.remotePort = Int(socket.address.port) }
    }
    if !head.chunked, let length = head.contentLength, length > 0 { context.contentLength = length }
    return context
  }
}
