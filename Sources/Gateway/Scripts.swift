// From a path to a script, and from a request to what the script is told.

import CGI
import Costs
import HTTPWire
import Kernel
import StaticFiles

/// What a path below a directory of scripts came to.
enum ScriptFound: Sendable {
  /// The script is the path up to `end`; `interpreter` is what will run it, where that was asked for and could be
  /// read.
  case script(end: Int, pathInfo: Range<Int>?, FileStatus, interpreter: [UInt8]?)
  case notExecutable
  case other(Found)
}

enum Scripts {
  /// The longest `#!` line that the kernel reads.
  private static let hashBangBytes = 256

  /// Walks a path to its script (RFC 3875, section 3.3).
  /// - Parameters:
  ///   - path: decoded and resolved, from the site's root.
  ///   - start: where the route's path ends in it.
  ///   - mayWait: whether to wait for the disk; then the interpreter is read, too.
  static func find(_ root: FileRoot, _ path: [UInt8], from start: Int, mayWait: Bool) -> ScriptFound {
    var status: FileStatus?
    var refusal = ScriptFound.other(.notFound)
    let location = ScriptPath.locate(path, from: start) { end in
      let segment = path[..<end].lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
      if path[segment] == UInt8(ascii: ".") { return .missing }
      switch root.inspect(Array(path[start..<end]), mayWait: mayWait) {
      case .directory: return .directory
      case .file(let found, executable: true):
        status = found
        return .file
      case .file(_, executable: false): refusal = .notExecutable
      case .other(let found): refusal = .other(found)
      }
      return .forbidden
    }
    switch location {
    case .script(let end, let pathInfo):
      guard let status else { preconditionFailure("a script without a status") }
      let interpreter = mayWait ? interpreter(root, Array(path[start..<end]), status, mayWait: true) : nil
      return .script(end: end, pathInfo: pathInfo, status, interpreter: interpreter)
    case .directory, .notFound: return .other(.notFound)
    case .forbidden: return refusal
    }
  }

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
  /// Serves a request by a program: finds it, checks the request against its limits, and starts to read the body or
  /// to wait for a place.
  /// - Returns: false where the request waits for a helper thread.
  func serveProgram(_ route: Int, _ program: ProgramSettings, headEnd: Int, inputEnd: Int) -> Bool {
    let path = lane.target.path
    let start = plan.routes.prefixes[route].count
    let found: ScriptFound
    var wasParked = false
    if case .script(let answer) = parked {
      found = answer
      wasParked = true
    } else {
      found = Scripts.find(program.root, path, from: start, mayWait: false)
    }
    parked = nil
    switch found {
    case .script(let end, let pathInfo, let status, let read):
      var script = Script(
        path: Array(path[start..<end]), name: Array(path[..<end]), pathInfo: pathInfo.map { Array(path[$0]) })
      if plan.routes.bills[route] != .off {
        script.interpreter = read ?? serving.interpreter(of: script.path, status, in: program.root)
        // Not in memory: a helper thread reads it, once.
        if script.interpreter == nil, !wasParked { return parkScript(program.root, path, from: start) }
        if let read { serving.remember(read, of: status) }
      }
      begin(script, route, program, headEnd: headEnd, inputEnd: inputEnd)
    case .notExecutable:
      lane.shared.log.notice("\(printed(path.dropFirst())): the script is not executable (chmod +x)")
      answerWithoutBody(403, "The script may not be executed.")
    case .other(.wouldWait):
      return parkScript(program.root, path, from: start)
    case .other(.forbidden): answerWithoutBody(403, "This may not be run.")
    case .other(.failed(let error)) where error.isOutOfDescriptors && lane.giveUpFiles():
      return serveProgram(route, program, headEnd: headEnd, inputEnd: inputEnd)
    case .other(.failed(let error)):
      lane.shared.log.error("\(printed(path.dropFirst())): \(error)")
      answerWithoutBody(error.isOutOfDescriptors ? 503 : 500, "The script could not be looked at.")
    case .other(.outside):
      lane.shared.log.notice("\(printed(path.dropFirst())): a symbolic link leaves \(program.directory)")
      answerWithoutBody(404, "There is no such script.")
    case .other: answerWithoutBody(404, "There is no such script.")
    }
    return true
  }

  private func parkScript(_ root: FileRoot, _ path: [UInt8], from start: Int) -> Bool {
    park { Parked.script(Scripts.find(root, path, from: start, mayWait: true)) }
  }

  private func begin(_ script: Script, _ route: Int, _ program: ProgramSettings, headEnd: Int, inputEnd: Int) {
    let head = lane.head
    if let length = head.contentLength, length > limits.bodyBytes {
      lane.shared.log.notice("\(clientText): 413, a body of \(length) bytes (max_body = \(limits.bodyBytes))")
      return answerWithoutBody(
        413, "The body is too long.", limit: NamedLimit("max_body", String(limits.bodyBytes)))
    }
    bill.model = .cgi
    draft = makeDraft(head)
    if draft != nil { draft!.record.script = draft!.text.keep(script.name) }
    var environment = EnvironmentSink()
    let context = context(script, program, head)
    lane.inbox.withSpan {
      MetaVariables.build($0, head: head, target: lane.target, context: context, into: &environment)
    }
    let run = CGIRun(lane, serving, route, program, script, environment)
    run.chunked = head.chunked
    begin(run, headEnd: headEnd, inputEnd: inputEnd)
  }

  /// Starts a program's answer: at once, or when the request's body has been read.
  func begin(_ run: any ProgramRun, headEnd: Int, inputEnd: Int) {
    let head = lane.head
    program = ProgramAnswer(self, run, fields: Self.fieldsWithoutBody(head, lane.inbox))
    let spool = BodySpool(limits: limits)
    if hasBody(head) {
      let reader = BodyReader(
        contentLength: head.chunked ? nil : head.contentLength, limitBytes: limits.bodyBytes, spool: spool,
        now: Clock.monotonic())
      // A client that has sent of its body already does not wait for leave.
      beginBody(reader, continueFirst: head.expectContinue && inputEnd == headEnd)
    } else {
      enter(.held)
      self.program?.start(spool)
    }
  }

  func context(_ script: Script, _ head: RequestHead) -> RequestContext {
    var context = RequestContext()
    context.scriptName = script.name
    context.pathInfo = script.pathInfo
    return context
  }

  private func context(_ script: Script, _ program: ProgramSettings, _ head: RequestHead) -> RequestContext {
    var context = RequestContext()
    context.scriptName = script.name
    context.pathInfo = script.pathInfo
    context.documentRoot = Array(program.documentRoot.utf8)
    context.scriptFilename = Array(program.directory.utf8) + [UInt8(ascii: "/")] + script.path
    context.serverSoftware = Array(plan.settings.software.utf8)
    context.remoteAddress = remote
    if let socket {
      if !socket.local.isUnix {
        context.serverAddress = Array(socket.local.host.utf8)
        context.serverPort = Int(socket.local.port)
      }
      if !socket.address.isUnix { context.remotePort = Int(socket.address.port) }
    }
    if !head.chunked, let length = head.contentLength, length > 0 { context.contentLength = length }
    return context
  }
}

/// A script that was found, and how it is called.
struct Script {
  /// Relative to the directory of scripts.
  var path: [UInt8]
  /// SCRIPT_NAME.
  var name: [UInt8]
  var pathInfo: [UInt8]?
  var interpreter: [UInt8]?
}
