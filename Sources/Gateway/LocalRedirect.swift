// A program that sends the gateway to another path (RFC 3875, section 6.2.2): the request is made anew, as a GET
// without a body, and routed from scratch.

import HTTPWire
import Kernel
import Log

extension Connection {
  /// How often one request may be sent on.
  static let localRedirectLimit = 10
  /// The longest request that is made so. Its line is no longer than a client's may be; its fields are the client's.
  static let localRedirectBytes = 65_536

  /// The lines of a request's fields, as they came, but for those that speak of its body.
  static func fieldsWithoutBody(_ head: RequestHead, _ inbox: [UInt8]) -> [UInt8] {
    var lines: [UInt8] = []
    for field in head.fields {
      switch field.known {
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
  func redirectLocally(to location: [UInt8], fields: [UInt8], after name: String) {
    localRedirects += 1
    guard localRedirects <= Self.localRedirectLimit else {
      let limit = NamedLimit("local_redirects", String(Self.localRedirectLimit))
      lane.shared.log.error("\(name): 502, sent on too often (\(limit.key) = \(limit.value))")
      answerError(502, "The program sends the gateway in circles.", limit: limit, recorded: true)
      return continueWithInput()
    }
    let fits =
      location.count < limits.head.requestLineBytes && location.count + fields.count + 64 < Self.localRedirectBytes
    guard fits, location.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      lane.shared.log.error(
        "\(name): 502, its Location \(fits ? "holds what a URL may not" : "is too long to be requested")")
      answerError(502, "The program's Location cannot be used.", recorded: true)
      return continueWithInput()
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
  }
}
