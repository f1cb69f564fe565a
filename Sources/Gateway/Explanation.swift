// What a request would come to, without a gateway that runs: for whoever writes a configuration.

import HTTPWire
import StaticFiles

/// What a request comes to.
public struct Explanation: Sendable, Equatable {
  /// How a program is called. Bytes, as the program would be told them.
  public struct Call: Sendable, Equatable {
    /// SCRIPT_FILENAME; nil where no file stands for the path.
    public var filename: [UInt8]?
    /// SCRIPT_NAME, which may be empty (RFC 3875, section 4.1.13).
    public var scriptName: [UInt8]
    /// PATH_INFO.
    public var pathInfo: [UInt8]?
    /// DOCUMENT_ROOT.
    public var documentRoot: [UInt8]?
  }

  public enum Outcome: Sendable, Equatable {
    /// This file is sent; its absolute path.
    case file([UInt8])
    /// This directory is listed; its absolute path.
    case listing([UInt8])
    /// The client is sent there, which is the same path with a slash.
    case redirect([UInt8])
    case script(Call)
    /// Asked of the pool of this index in the settings.
    case pool(Int, Call)
    /// Answered by this status, and these words.
    case refused(status: Int, words: String)
  }

  /// The path of the route that answers, behind the first host of its site where it is a site's; nil where none does.
  public var route: String?
  public var outcome: Outcome
}

extension Gateway {
  /// Says what a GET would come to. Looks at files as serving does, and waits for the disk; runs nothing.
  /// - Parameters:
  ///   - host: what the Host field would say, a port perhaps included; nil: a request without one.
  ///   - target: a path as a request has it, encoded, perhaps with a query; or a whole URL.
  public static func explain(_ settings: Settings, host: String?, target: String) -> Explanation {
    let request = "GET \(target) HTTP/1.\(host == nil ? 0 : 1)\r\n" + (host.map { "Host: \($0)\r\n" } ?? "") + "\r\n"
    let bytes = Array(request.utf8)
    var parser = RequestHeadParser()
    var head = RequestHead()
    var parsed = RequestTarget()
    switch parser.parse(bytes.span, from: 0, limits: settings.limits.head, into: &head) {
    case .needMore: preconditionFailure("a head with its end")
    case .refused(let refusal): return .refused(refusal)
    case .complete: break
    }
    if let refusal = parsed.parse(bytes.span, head: head) { return .refused(refusal) }
    let table = RouteTable(settings.routes, sites: settings.sites)
    switch table.match(parsed.path, in: table.routes(of: parsed.authority, in: bytes.span)) {
    case .none: return Explanation(outcome: .refused(status: 404, words: "Nothing is served under this path."))
    case .lacksSlash: return Explanation(outcome: redirect(parsed, bytes))
    case .route(let number):
      return Explanation(
        route: String(decoding: table.names[number], as: UTF8.self),
        outcome: outcome(table.routes[number], parsed, bytes))
    }
  }

  private static func redirect(_ target: RequestTarget, _ bytes: [UInt8]) -> Explanation.Outcome {
    .redirect(PathText.withSlash(target.path, query: target.query.map { bytes[$0] }))
  }

  private static func outcome(
    _ route: ServedRoute, _ target: RequestTarget, _ bytes: [UInt8]
  ) -> Explanation.Outcome {
    func refused(_ found: Found) -> Explanation.Outcome {
      let (status, words) = route.refusal(of: found)
      return .refused(status: status, words: words)
    }
    switch route.resolve(target.path, mayWait: true) {
    case .denied: return refused(.notFound)
    case .nothing(let words): return .refused(status: 404, words: words)
    case .notExecutable:
      return .refused(status: ServedRoute.notExecutable.status, words: ServedRoute.notExecutable.words)
    case .other(.directoryWithoutSlash): return redirect(target, bytes)
    case .other(let found): return refused(found)
    case .program(let script):
      if case .pool(let pool) = route.settings.runs { return .pool(pool, Explanation.Call(script)) }
      return .script(Explanation.Call(script))
    case .file:
      guard let root = route.files else { preconditionFailure("the route \(route.settings.path) has no files") }
      let path = Array(target.path[route.below...])
      switch root.find(path, keepUpTo: 0, mayWait: true) {
      case .file(let file): return .file(ServedRoute.absolute(root.path, file.path))
      case .listing: return .listing(ServedRoute.absolute(root.path, path))
      case .directoryWithoutSlash: return redirect(target, bytes)
      case let found: return refused(found)
      }
    }
  }
}

extension Explanation {
  fileprivate static func refused(_ refusal: Refusal) -> Explanation {
    Explanation(outcome: .refused(status: refusal.status, words: refusal.reason.description))
  }
}

extension Explanation.Call {
  fileprivate init(_ script: Script) {
    func told(_ value: [UInt8]) -> [UInt8]? { value.isEmpty ? nil : value }
    filename = told(script.filename)
    scriptName = script.name
    pathInfo = script.pathInfo
    documentRoot = told(script.documentRoot)
  }
}
