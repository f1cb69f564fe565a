// What a request would come to by a configuration, for people.

import Configuration
import Gateway
import Presentation

struct ExplanationText {
  private let url: String
  private let settings: Settings
  private let file: ConfigurationFile

  /// - Parameters:
  ///   - url: a URL, or a path alone, for a host that no site names.
  ///   - settings: those of `file`.
  init(_ url: String, _ settings: Settings, _ file: ConfigurationFile) {
    self.url = url
    self.settings = settings
    self.file = file
  }

  func text() -> String {
    let (host, target) = request()
    let explanation = Gateway.explain(settings, host: host, target: target)
    var table = TextTable(columns: [.left, .left])
    for (name, value) in place(explanation.route) + outcome(explanation.outcome) {
      table.add([name, Terminal.printable(value)])
    }
    return table.lines().map { $0 + "\n" }.joined()
  }

  /// The host and the target that a client would send: the fragment is its own affair (RFC 9110, section 7.1).
  private func request() -> (host: String?, target: String) {
    let whole = url.prefix { $0 != "#" }
    guard let scheme = whole.firstRange(of: "://"), !whole.hasPrefix("/") else {
      return (nil, whole.isEmpty ? "/" : String(whole))
    }
    let rest = whole[scheme.upperBound...]
    let host = rest.prefix { $0 != "/" && $0 != "?" }
    let target = rest[host.endIndex...]
    return (String(host), target.hasPrefix("/") ? String(target) : "/" + target)
  }

  /// The site and the route, each with its line.
  private func place(_ name: String?) -> [(String, String)] {
    guard let name else { return [("route", "none")] }
    for site in file.sites {
      if let route = site.routes.first(where: { isSame(site.hosts[0] + $0.path, name) }) {
        return [("site", "\(site.hosts.joined(separator: " ")) (line \(site.line))")] + place(route)
      }
    }
    guard let route = file.routes.first(where: { isSame($0.path, name) }) else { return [("route", name)] }
    return (file.sites.isEmpty ? [] : [("site", "none: the routes of the top level")]) + place(route)
  }

  private func place(_ route: RouteSection) -> [(String, String)] { [("route", "\(route.path) (line \(route.line))")] }

  /// By their bytes: strings that look the same are equal to Swift.
  private func isSame(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }

  private func outcome(_ outcome: Explanation.Outcome) -> [(String, String)] {
    switch outcome {
    case .file(let path): [("model", "static"), ("file", text(path))]
    case .listing(let path): [("model", "static"), ("listing of", text(path))]
    case .redirect(let target): [("answer", "301 to \(text(target))")]
    case .script(let call): [("model", "cgi")] + self.call(call)
    case .pool(let index, let call):
      [("model", "fastcgi"), ("pool", pool(settings.pools[index].name))] + self.call(call)
    case .refused(let status, let words): [("answer", "\(status): \(words)")]
    }
  }

  private func pool(_ name: String) -> String { "\(name) (line \(file.pool(name)?.line ?? 0))" }

  private func call(_ call: Explanation.Call) -> [(String, String)] {
    let values = [
      ("SCRIPT_FILENAME", call.filename), ("SCRIPT_NAME", call.scriptName), ("PATH_INFO", call.pathInfo),
      ("DOCUMENT_ROOT", call.documentRoot),
    ]
    return values.map { ($0, $1.map { $0.isEmpty ? "empty" : text($0) } ?? "not set") }
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
