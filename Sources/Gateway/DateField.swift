import HTTPWire
import Kernel

/// The fields that every answer begins with, Date refreshed once a second (RFC 9110, section 6.6.1).
final class DateField {
  private var bytes: [UInt8] = []
  private var validUntil: Int64 = 0

  /// Appends `Server` and `Date`.
  /// - Parameters:
  ///   - now: the monotonic clock.
  ///   - software: what the server calls itself.
  func append(now: Int64, software: String, to out: inout [UInt8]) {
    if now >= validUntil { refresh(now: now, software: software) }
    out.append(contentsOf: bytes)
  }

  private func refresh(now: Int64, software: String) {
    let real = Clock.realtime()
    bytes.removeAll(keepingCapacity: true)
    ResponseWriter.appendField("Server", software, to: &bytes)
    bytes.append(contentsOf: "Date: ".utf8)
    HTTPDate.append(Int(real / second), to: &bytes)
    bytes.append(contentsOf: "\r\n".utf8)
    validUntil = now + second - real % second
  }
}
