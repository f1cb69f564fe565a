// HTML: escaping, and the plain frame around the gateway's own pages (errors and directory listings).

public enum HTML {
  /// Appends text so that it is text, in an element's content as well as in a quoted attribute.
  /// Bytes that are not ASCII go through as they are: the frame declares UTF-8, and a browser repairs what is not.
  public static func appendEscaped<Bytes: Sequence<UInt8>>(_ text: Bytes, to out: inout [UInt8]) {
    for byte in text {
      switch byte {
      case UInt8(ascii: "&"): out.append(contentsOf: "&amp;".utf8)
      case UInt8(ascii: "<"): out.append(contentsOf: "&lt;".utf8)
      case UInt8(ascii: ">"): out.append(contentsOf: "&gt;".utf8)
      case UInt8(ascii: "\""): out.append(contentsOf: "&quot;".utf8)
      case UInt8(ascii: "'"): out.append(contentsOf: "&#39;".utf8)
      default: out.append(byte)
      }
    }
  }

  /// The escaped form of a text.
  public static func escaped(_ text: String) -> String {
    var out: [UInt8] = []
    out.reserveCapacity(text.utf8.count)
    appendEscaped(text.utf8, to: &out)
    return String(decoding: out, as: UTF8.self)
  }

  /// A whole page in UTF-8: light or dark as the reader's system is, readable without a script, and with no
  /// resource from elsewhere. Served as `text/html; charset=utf-8`.
  /// - Parameters:
  ///   - title: plain text, escaped here; it is the page's heading too.
  ///   - body: HTML, put in as it is: whatever came from a stranger in it has been escaped.
  public static func page<Title: Sequence<UInt8>>(title: Title, body: [UInt8]) -> [UInt8] {
    var heading: [UInt8] = []
    appendEscaped(title, to: &heading)
    var out: [UInt8] = []
    out.reserveCapacity(head.utf8.count + 2 * heading.count + body.count + 64)
    out.append(contentsOf: head.utf8)
    out.append(contentsOf: heading)
    out.append(contentsOf: "</title>\n</head>\n<body>\n<main>\n<h1>".utf8)
    out.append(contentsOf: heading)
    out.append(contentsOf: "</h1>\n".utf8)
    out.append(contentsOf: body)
    out.append(contentsOf: "\n</main>\n</body>\n</html>\n".utf8)
    return out
  }

  private static let head = """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <style>
    :root { color-scheme: light dark; }
    body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; background: Canvas; color: CanvasText; }
    main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem; }
    h1 { font-size: 1.5rem; font-weight: 600; overflow-wrap: anywhere; }
    table { border-collapse: collapse; }
    th, td { padding: 0.15rem 1.5rem 0.15rem 0; text-align: left; overflow-wrap: anywhere; }
    td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
    code, pre { font-family: ui-monospace, monospace; }
    </style>
    <title>
    """
}
