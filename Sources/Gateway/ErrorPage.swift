import HTTPWire
import Presentation

/// A limit that was hit: the key by which it is set, and its value with its unit.
struct NamedLimit: Sendable {
  var key: String
  var value: String

  init(_ key: String, _ value: String) {
    self.key = key
    self.value = value
  }

  /// A time, as a configuration would say it.
  init(_ key: String, nanoseconds: Int64) {
    self.init(
      key, nanoseconds % second == 0 ? "\(nanoseconds / second)s" : "\(nanoseconds / millisecond)ms")
  }

  init(_ hit: LimitHit) {
    key = hit.key.description
    value = String(hit.value)
  }
}

/// The gateway's own pages for errors: small, plain, and clear about the limit that was hit.
enum ErrorPage {
  static func page(_ status: Int, _ words: String, limit: NamedLimit?) -> [UInt8] {
    var body: [UInt8] = []
    body.append(contentsOf: "<p>".utf8)
    HTML.appendEscaped(words.utf8, to: &body)
    body.append(contentsOf: "</p>\n".utf8)
    if status == 500 || status == 502 { body.append(contentsOf: "<p>The server's log says more.</p>\n".utf8) }
    if let limit {
      body.append(contentsOf: "<p>The limit: <code>\(limit.key) = \(limit.value)</code></p>\n".utf8)
    }
    return HTML.page(title: "\(status) \(ResponseWriter.reasonPhrase(status))".utf8, body: body)
  }
}
