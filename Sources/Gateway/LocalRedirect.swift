// A program that sends the gateway to another path (RFC 3875, section 6.2.2): the request is made anew, as a GET
// without a body, and routed from scratch.

import HTTPWire
import Kernel
import Log

extension Connection {
  /// How often one request may be sent on.
  static let localRedirectLimit = 10
  /// Room for a request that is made so: its head is no longer than a client's may be.
  static let localRedirectBytes = 65_536

  /// The lines of a request's fields, as they came, but for those that speak of its body. Host is what the target says
  /// where it was a whole URL (RFC 9112, section 3.2.2), so that the other path is one of the same site.
  static func fieldsWithoutBody(_ head: RequestHead, _ target: RequestTarget, _ inbox: [UInt8]) -> [UInt8] {
    var lines: [UInt8] = []
    if let authority = target.authority {
      lines.append(contentsOf: "Host: ".utf8)
      lines.append(contentsOf: inbox[authority])
      lines.append(contentsOf: "\r\n".utf8)
    }
    for field in head.fields {
      switch field.known {
      case .host where target.authority != nil: continue
      case .contentLength, .contentType, .transferEncoding, .expect, .te, .trailer: continue
      default: break
      }
      lines.append(contentsOf: inbox[field.name])
      lines.append(contentsOf: ": ".utf8)
      lines.append(contentsOf: inbox[field.value])
      lines.append(contentsOf: "\r\n".utf8)
    }
    return lines
  }

  /// Answers the present request as one for another path would be answered.
  /// - Parameters:
  ///   - location: a path and perhaps a query.
  ///   - fields: the request's field lines.
  ///   - name: the script that says so.
  /// - Returns: the sizes of the answer, whole and body alone, where the script's wish was refused.
  func redirectLocally(to location: [UInt8], fields: [UInt8], after name: String) -> (whole: Int64, body: Int64)? {
    localRedirects += 1
    if localRedirects > Self.localRedirectLimit {
      let limit = NamedLimit("local_redirects", String(Self.localRedirectLimit))
      return refuseRedirect(name, "sends the gateway in circles", limit)
    }
    if location.contains(where: { $0 <= 0x20 || $0 >= 0x7F || $0 == UInt8(ascii: "#") }) {
      return refuseRedirect(name, "names a Location that holds what a request may not", nil)
    }
    let head = location.count + fields.count + 64
    if location.count + 16 > limits.head.requestLineBytes || head > limits.head.headBytes {
      return refuseRedirect(name, "names a Location that makes too long a request", nil)
    }
    var request = Array(isHeadRequest ? "HEAD ".utf8 : "GET ".utf8)
    request.append(contentsOf: location)
    request.append(contentsOf: minorVersion == 0 ? " HTTP/1.0\r\n".utf8 : " HTTP/1.1\r\n".utf8)
    request.append(contentsOf: fields)
    request.append(contentsOf: "\r\n".utf8)
    leftover.insert(contentsOf: request, at: 0)
    startedAt = Clock.monotonic()
    enter(.head)
    processLeftover()
    return nil
  }

  private func refuseRedirect(_ name: String, _ words: String, _ limit: NamedLimit?) -> (whole: Int64, body: Int64) {
    let hit = limit.map { " (\($0.key) = \($0.value))" } ?? ""
    lane.shared.log.error("\(name): 502, the program \(words)\(hit)")
    let size = answerError(502, "The program \(words).", limit: limit, recorded: true)
    continueWithInput()
    return size
  }
}
