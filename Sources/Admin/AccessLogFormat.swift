// The forms in which a finished request is written to the access log; docs/access-log.md says what each part means.
// Every byte that a client can choose is escaped: a line is one request, whatever the request said.

import Costs
import Kernel
import Presentation

/// How a line of the access log looks.
public enum AccessLogFormat: String, Sendable, CaseIterable {
  /// NCSA's combined format, escaped as Apache's httpd does.
  case combined
  /// One JSON object a line.
  case json

  /// Appends one line with its line end.
  /// - Parameter batch: where the record's texts are.
  public func append(_ record: RequestRecord, in batch: RecordBatch, to out: inout [UInt8]) {
    switch self {
    case .combined: CombinedFormat.append(record, in: batch, to: &out)
    case .json: JSONFormat.append(record, in: batch, to: &out)
    }
    out.append(UInt8(ascii: "\n"))
  }
}

private enum CombinedFormat {
  static func append(_ record: RequestRecord, in batch: RecordBatch, to out: inout [UInt8]) {
    let bill = record.bill
    appendEscaped(batch.bytes(record.remote), spaces: true, to: &out)
    // Neither identd's answer nor a user's name is known.
    out.append(contentsOf: " - - [".utf8)
    appendTime(bill.startedAt, to: &out)
    out.append(contentsOf: "] \"".utf8)
    if let method = batch.bytes(record.method) {
      appendEscaped(method, to: &out)
      out.append(UInt8(ascii: " "))
      appendEscaped(batch.bytes(record.target), to: &out)
      out.append(contentsOf: record.minorVersion == 0 ? " HTTP/1.0".utf8 : " HTTP/1.1".utf8)
    } else {
      out.append(UInt8(ascii: "-"))
    }
    out.append(contentsOf: "\" ".utf8)
    appendNumber(Int64(bill.status), to: &out)
    out.append(UInt8(ascii: " "))
    appendNumber(bill.bodyBytesOut, to: &out)
    out.append(contentsOf: " \"".utf8)
    appendEscaped(batch.bytes(record.referer), to: &out)
    out.append(contentsOf: "\" \"".utf8)
    appendEscaped(batch.bytes(record.userAgent), to: &out)
    out.append(UInt8(ascii: "\""))
  }

  /// A number, or `-` for none.
  private static func appendNumber(_ value: Int64, to out: inout [UInt8]) {
    if value > 0 { out.append(contentsOf: String(value).utf8) } else { out.append(UInt8(ascii: "-")) }
  }

  /// As ap_escape_logitem does: `\"` and `\\`, C's escapes for the white space that has one, `\xhh` for whatever
  /// else is not printable ASCII. Outside quotes a space is escaped too, since there it would end the column.
  private static func appendEscaped(_ bytes: ArraySlice<UInt8>?, spaces: Bool = false, to out: inout [UInt8]) {
    guard let bytes else {
      out.append(UInt8(ascii: "-"))
      return
    }
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(contentsOf: [UInt8(ascii: "\\"), byte])
      case 0x08: out.append(contentsOf: "\\b".utf8)
      case 0x09: out.append(contentsOf: "\\t".utf8)
      case 0x0A: out.append(contentsOf: "\\n".utf8)
      case 0x0B: out.append(contentsOf: "\\v".utf8)
      case 0x0D: out.append(contentsOf: "\\r".utf8)
      case 0x20 where !spaces, 0x21...0x7E: out.append(byte)
      default: out.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "x"), hex(byte >> 4), hex(byte & 15)])
      }
    }
  }

  private static func hex(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  private static func appendTime(_ nanosecondsSinceEpoch: Int64, to out: inout [UInt8]) {
    let parts = CalendarTime(secondsSinceEpoch: Int(nanosecondsSinceEpoch / 1_000_000_000))
    appendPadded(parts.day, digits: 2, to: &out)
    out.append(UInt8(ascii: "/"))
    out.append(contentsOf: months[parts.month - 1].utf8)
    out.append(UInt8(ascii: "/"))
    appendPadded(parts.year, digits: 4, to: &out)
    for part in [parts.hour, parts.minute, parts.second] {
      out.append(UInt8(ascii: ":"))
      appendPadded(part, digits: 2, to: &out)
    }
    out.append(contentsOf: " +0000".utf8)
  }
}

private enum JSONFormat {
  static func append(_ record: RequestRecord, in batch: RecordBatch, to out: inout [UInt8]) {
    let bill = record.bill
    var json = JSONWriter(appendingTo: &out)
    func text(_ name: StaticString, _ bytes: ArraySlice<UInt8>?) {
      json.key(name)
      if let bytes { json.string(bytes: bytes) } else { json.null() }
    }
    func number(_ name: StaticString, _ value: Int64) {
      json.key(name)
      json.integer(value)
    }
    json.beginObject()
    json.key("time")
    json.string(time(bill.startedAt))
    text("remote", batch.bytes(record.remote))
    text("method", batch.bytes(record.method))
    text("target", batch.bytes(record.target))
    json.key("protocol")
    json.string(record.method.isEmpty ? nil : record.minorVersion == 0 ? "HTTP/1.0" : "HTTP/1.1")
    json.key("status")
    json.integer(bill.status == 0 ? nil : bill.status)
    number("bytes_in", bill.bytesIn)
    number("bytes_out", bill.bytesOut)
    number("body_bytes_out", bill.bodyBytesOut)
    text("referer", batch.bytes(record.referer))
    text("user_agent", batch.bytes(record.userAgent))
    json.key("model")
    json.string("\(bill.model.name)")
    json.key("transfer")
    json.string(bill.model.transfer.map { "\($0)" })
    text("route", batch.bytes(record.route))
    text("script", batch.bytes(record.script))
    text("pool", batch.bytes(record.pool))
    json.key("worker")
    appendWorker(bill.worker, to: &json)
    number("duration_ns", bill.durationNanoseconds)
    json.key("phases")
    appendPhases(bill.phases, to: &json)
    json.key("cost")
    appendCost(bill, to: &json)
    json.key("exit")
    json.processEnd(bill.processEnd)
    json.endObject()
    json.finish(into: &out)
  }

  private static func appendPhases(_ phases: Phases, to json: inout JSONWriter) {
    let named: [(StaticString, Int64?)] = [
      ("head_ns", phases.head), ("body_ns", phases.body), ("queue_ns", phases.queue), ("spawn_ns", phases.spawn),
      ("first_byte_ns", phases.firstByte), ("output_ns", phases.output), ("exit_ns", phases.exit),
    ]
    json.beginObject()
    for (name, value) in named {
      guard let value else { continue }
      json.key(name)
      json.integer(value)
    }
    json.endObject()
  }

  private static func appendWorker(_ worker: WorkerBill?, to json: inout JSONWriter) {
    guard let worker else {
      json.null()
      return
    }
    json.beginObject()
    json.key("pid")
    json.integer(worker.pid)
    json.key("requests")
    json.integer(worker.requests)
    json.endObject()
  }

  /// `null` where nothing was measured: a zero would be a claim.
  private static func appendCost(_ bill: Bill, to json: inout JSONWriter) {
    if let process = bill.process {
      appendCost(process, to: &json)
    } else if let worker = bill.worker {
      guard let cpu = worker.cpuNanoseconds else {
        json.string(WorkerBill.notKnowable)
        return
      }
      json.beginObject()
      json.key("cpu_ns")
      json.integer(cpu)
      json.endObject()
    } else {
      json.null()
    }
  }

  private static func appendCost(_ cost: ResourceUsage, to json: inout JSONWriter) {
    let named: [(StaticString, Int64)] = [
      ("cpu_ns", cost.cpuNanoseconds), ("peak_rss_bytes", cost.peakResidentBytes),
      ("minor_faults", cost.minorFaults), ("major_faults", cost.majorFaults),
      ("voluntary_switches", cost.voluntarySwitches), ("involuntary_switches", cost.involuntarySwitches),
      ("blocks_read", cost.blocksRead), ("blocks_written", cost.blocksWritten),
    ]
    json.beginObject()
    for (name, value) in named {
      json.key(name)
      json.integer(value)
    }
    json.endObject()
  }

  /// RFC 3339 in UTC to the millisecond: `2026-11-24T21:40:00.123Z`.
  private static func time(_ nanosecondsSinceEpoch: Int64) -> String {
    let parts = CalendarTime(secondsSinceEpoch: Int(nanosecondsSinceEpoch / 1_000_000_000))
    var out: [UInt8] = []
    appendPadded(parts.year, digits: 4, to: &out)
    out.append(UInt8(ascii: "-"))
    appendPadded(parts.month, digits: 2, to: &out)
    out.append(UInt8(ascii: "-"))
    appendPadded(parts.day, digits: 2, to: &out)
    out.append(UInt8(ascii: "T"))
    appendPadded(parts.hour, digits: 2, to: &out)
    out.append(UInt8(ascii: ":"))
    appendPadded(parts.minute, digits: 2, to: &out)
    out.append(UInt8(ascii: ":"))
    appendPadded(parts.second, digits: 2, to: &out)
    out.append(UInt8(ascii: "."))
    appendPadded(Int(nanosecondsSinceEpoch / 1_000_000 % 1000), digits: 3, to: &out)
    out.append(UInt8(ascii: "Z"))
    return String(decoding: out, as: UTF8.self)
  }
}

private func appendPadded(_ value: Int, digits: Int, to out: inout [UInt8]) {
  let text = String(value)
  for _ in 0..<max(0, digits - text.utf8.count) { out.append(UInt8(ascii: "0")) }
  out.append(contentsOf: text.utf8)
}

extension JSONWriter {
  /// How a process ended, as the log and `trace` say it: `{"status":0}`, `{"signal":9}`, or `null`.
  public mutating func processEnd(_ end: ProcessEnd?) {
    guard let end else {
      null()
      return
    }
    beginObject()
    switch end {
    case .exited(let status):
      key("status")
      integer(status)
    case .signalled(let signal):
      key("signal")
      integer(signal)
    }
    endObject()
  }
}
