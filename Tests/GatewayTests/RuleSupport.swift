// What the tests of the rules share: a tree of files, and what a request comes to, in words.

import Glibc
import HTTPClient
import Kernel
import Log
import StaticFiles
import Testing

@testable import Gateway

extension Site {
  /// A root for the files below `name`.
  func files(_ name: String, index: [String] = ["index.html"], listing: Bool = false) throws -> FileRoot {
    try FileRoot(path: self[name], index: index, listing: listing)
  }

  /// What runs the scripts below `name`.
  func scripts(_ name: String) throws -> ProgramSettings {
    ProgramSettings(directory: self[name], root: try files(name), documentRoot: path)
  }

  /// The part of an absolute path that is below the site; a path that is not below it stays whole.
  func relative(_ absolute: [UInt8]) -> String {
    let prefix = path + "/"
    let whole = text(absolute)
    return whole.hasPrefix(prefix) ? String(whole.dropFirst(prefix.utf8.count)) : whole
  }
}

/// What a GET comes to: `file FILE`, `listing DIRECTORY`, `to LOCATION`, `run FILE NAME INFO`, `pool N FILE NAME INFO`
/// (files below the site, `-` for what there is none of), or the status.
func explain(_ settings: Settings, _ target: String, host: String? = "test", in site: Site) -> String {
  func told(_ call: Explanation.Call) -> String {
    let file = call.filename.map { site.relative($0) } ?? "-"
    return "\(file) \(text(call.scriptName)) \(call.pathInfo.map { text($0) } ?? "-")"
  }
  switch Gateway.explain(settings, host: host, target: target).outcome {
  case .file(let path): return "file \(site.relative(path))"
  case .listing(let path): return "listing \(site.relative(path))"
  case .redirect(let location): return "to \(text(location))"
  case .script(let call): return "run \(told(call))"
  case .pool(let number, let call): return "pool \(number) \(told(call))"
  case .refused(let status, _): return "\(status)"
  }
}

/// Has a gateway serve these settings on one loop while `body` asks it.
func serving(_ site: Site, _ settings: Settings, _ body: (RunningGateway) throws -> Void) throws {
  var whole = try RunningGateway.settings(site, settings.routes)
  (whole.sites, whole.pools, whole.loops) = (settings.sites, settings.pools, 1)
  let gateway = try RunningGateway(site, whole)
  defer { gateway.end() }
  try body(gateway)
}

extension RunningGateway {
  /// Sends the lines of a head, an empty one, and a body; nothing is added.
  func send(_ lines: [String], body: String = "") throws -> Response {
    var connection = try connect()
    try connection.send((lines + ["", ""]).joined(separator: "\r\n") + body)
    return try connection.readResponse(toHead: lines[0].hasPrefix("HEAD"))
  }

  func ask(_ target: String, method: String = "GET", host: String = "test", body: String = "") throws -> Response {
    let length = body.isEmpty ? [] : ["Content-Length: \(body.utf8.count)"]
    return try send(["\(method) \(target) HTTP/1.1", "Host: \(host)"] + length, body: body)
  }

  /// The status and the body of an answer.
  func told(_ target: String, host: String = "test") throws -> String {
    let response = try ask(target, host: host)
    return "\(response.status) \(text(response.body))"
  }
}
