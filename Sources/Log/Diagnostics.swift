import Kernel
import Logging

/// The log that modules above this one write to: swift-log's, so that they need not import it.
public typealias Logger = Logging.Logger

/// swift-log's back end: one line a message, `2026-11-24T21:40:00Z level message key=value`.
public struct DiagnosticsHandler: LogHandler {
  private let writer: LogWriter<String>
  public var metadata: Logger.Metadata = [:]
  public var logLevel: Logger.Level = .info

  public init(writer: LogWriter<String>) { self.writer = writer }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var line = timestamp()
    line += " \(event.level.rawValue) "
    line += printable(event.message.description)
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    for (key, value) in all.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(printable(value.description))" }
    line += "\n"
    writer.write(line)
  }
}

private func timestamp() -> String {
  CalendarTime(secondsSinceEpoch: Int(Clock.realtime() / 1_000_000_000)).rfc3339
}

/// The text without what could end a line or steer a terminal: scripts and clients have a part in these lines.
func printable(_ text: String) -> String {
  if !text.unicodeScalars.contains(where: isControl) { return text }
  var clean = ""
  for scalar in text.unicodeScalars {
    if isControl(scalar) {
      let digits = String(scalar.value, radix: 16)
      clean += "\\x" + (digits.count == 1 ? "0" : "") + digits
    } else {
      clean.unicodeScalars.append(scalar)
    }
  }
  return clean
}

/// C0, DEL and C1: a terminal may take U+009B for the beginning of a command as it does ESC and `[`.
private func isControl(_ scalar: Unicode.Scalar) -> Bool {
  scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
}

public enum Diagnostics {
  /// How many lines may wait for the destination.
  public static let pendingLines = 4096

  /// Makes swift-log write to a descriptor, and gives the writer, to be closed at the end.
  public static func start(destination: consuming sending Descriptor) -> LogWriter<String> {
    let writer = LogWriter<String>(
      destination: destination, name: "tollgate-log", pendingLimit: pendingLines,
      render: { $1.append(contentsOf: $0.utf8) },
      renderDropped: { $1.append(contentsOf: "\(timestamp()) warning \($0) lines found no room and are lost\n".utf8) })
    LoggingSystem.bootstrap { _ in DiagnosticsHandler(writer: writer) }
    return writer
  }
}
