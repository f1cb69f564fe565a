import Kernel
import Presentation
import StaticFiles

/// The page that shows what is in a directory.
enum Listing {
  /// - Parameters:
  ///   - path: below the root.
  ///   - title: the path as the client asked for it, decoded.
  ///   - limit: how many entries are shown.
  ///   - hides: whether a name is not shown.
  static func page(
    of root: FileRoot, _ path: [UInt8], title: [UInt8], limit: Int, hides: ([UInt8]) -> Bool
  ) -> [UInt8] {
    var body: [UInt8] = []
    do {
      let (entries, cut) = try root.list(path, limit: limit)
      body.append(contentsOf: "<table>\n<tr><th>Name</th><th>Size</th><th>Changed (UTC)</th></tr>\n".utf8)
      if title.count > 1 {
        body.append(contentsOf: "<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n".utf8)
      }
      for entry in entries where !hides(entry.name) { append(entry, to: &body) }
      body.append(contentsOf: "</table>\n".utf8)
      if cut { body.append(contentsOf: "<p>Only the first \(limit) entries are shown.</p>\n".utf8) }
    } catch {
      body.append(contentsOf: "<p>The directory could not be read.</p>\n".utf8)
    }
    return HTML.page(title: title, body: body)
  }

  private static func append(_ entry: DirectoryEntry, to body: inout [UInt8]) {
    let isDirectory = entry.status.kind == .directory
    let name = isDirectory ? entry.name + [UInt8(ascii: "/")] : entry.name
    body.append(contentsOf: "<tr><td><a href=\"./".utf8)
    PathText.appendEncoded(name, to: &body)
    body.append(contentsOf: "\">".utf8)
    HTML.appendEscaped(name, to: &body)
    body.append(contentsOf: "</a></td><td class=\"number\">".utf8)
    if !isDirectory { body.append(contentsOf: Words.size(Int64(entry.status.size)).utf8) }
    let time = CalendarTime(secondsSinceEpoch: entry.status.modifiedSeconds)
    body.append(contentsOf: "</td><td>\(time.readable)</td></tr>\n".utf8)
  }
}

/// Paths as URLs have them.
enum PathText {
  /// The same path with a slash at its end, and the query, as a Location says it (RFC 9110, section 10.2.2).
  static func withSlash(_ path: [UInt8], query: ArraySlice<UInt8>?) -> [UInt8] {
    var location: [UInt8] = []
    appendEncoded(path, to: &location)
    location.append(UInt8(ascii: "/"))
    if let query {
      location.append(UInt8(ascii: "?"))
      location.append(contentsOf: query)
    }
    return location
  }

  /// Appends a path, percent-encoded but for what RFC 3986, section 3.3, lets stand in a path.
  static func appendEncoded(_ path: [UInt8], to out: inout [UInt8]) {
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in path {
      if isPlain(byte) {
        out.append(byte)
      } else {
        out.append(UInt8(ascii: "%"))
        out.append(digits[Int(byte >> 4)])
        out.append(digits[Int(byte & 15)])
      }
    }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "/"),
      UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "*"),
      UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="), UInt8(ascii: ":"),
      UInt8(ascii: "@"):
      true
    default: false
    }
  }
}
