// The bill's form on the wire: the value of Server-Timing (W3C Server Timing, section 2). Writer and reader stand in
// one file, so that they stay in step. Times are milliseconds with up to six decimals, which are whole nanoseconds;
// what is not a time is a decimal number in `desc`.

import Kernel

/// Writes and reads the value of a Server-Timing field.
public enum ServerTiming {
  /// Appends the field's value, without name and line end. It allocates nothing but what the buffer grows by.
  /// - Parameters:
  ///   - route: the route's path; absent where no route was found.
  ///   - complete: whether the bill is whole: the answer was held until the process had ended or the worker was done,
  ///     or neither had it.
  ///     Without it only what is known when the head leaves is written.
  ///   - interpreter: what the first byte was waited for (`perl`), shown at `first-byte`.
  public static func append(
    _ bill: Bill, route: [UInt8]?, complete: Bool, interpreter: [UInt8]?, to out: inout [UInt8]
  ) {
    out.append("model;desc=\"")
    out.append(bill.model.name)
    out.append(UInt8(ascii: "\""))
    if let transfer = bill.model.transfer {
      out.append(", transfer;desc=\"")
      out.append(transfer)
      out.append(UInt8(ascii: "\""))
    }
    if let route {
      out.append(", route")
      appendDescription(route, to: &out)
    }
    if let pid = bill.worker?.pid { appendNumber(", worker", Int64(pid), to: &out) }
    if let requests = bill.worker?.requests { appendNumber(", worker-requests", Int64(requests), to: &out) }
    appendTime(", head", bill.phases.head, to: &out)
    appendTime(", body", bill.phases.body, to: &out)
    appendTime(", queue", bill.phases.queue, to: &out)
    appendTime(", spawn", bill.phases.spawn, to: &out)
    if let firstByte = bill.phases.firstByte {
      appendTime(", first-byte", firstByte, to: &out)
      if let interpreter { appendDescription(interpreter, to: &out) }
    }
    if complete {
      appendEnd(bill, to: &out)
    } else if let worker = bill.worker, worker.pid == nil {
      // Of somebody else's worker that is known beforehand.
      appendCPU(of: worker, to: &out)
    }
  }

  /// What is known only when the request is over.
  private static func appendEnd(_ bill: Bill, to out: inout [UInt8]) {
    appendTime(", output", bill.phases.output, to: &out)
    appendTime(", exit", bill.phases.exit, to: &out)
    switch bill.processEnd {
    case .exited(let status): appendNumber(", exit-status", Int64(status), to: &out)
    case .signalled(let signal): appendNumber(", exit-signal", Int64(signal), to: &out)
    case nil: break
    }
    if let process = bill.process {
      appendTime(", cpu", process.cpuNanoseconds, to: &out)
      appendNumber(", peak-rss", process.peakResidentBytes, to: &out)
      appendNumber(", minor-faults", process.minorFaults, to: &out)
      appendNumber(", major-faults", process.majorFaults, to: &out)
      appendNumber(", voluntary-switches", process.voluntarySwitches, to: &out)
      appendNumber(", involuntary-switches", process.involuntarySwitches, to: &out)
      appendNumber(", blocks-read", process.blocksRead, to: &out)
      appendNumber(", blocks-written", process.blocksWritten, to: &out)
    } else if let worker = bill.worker {
      appendCPU(of: worker, to: &out)
    }
    appendTime(", total", bill.durationNanoseconds, to: &out)
  }

  private static func appendCPU(of worker: WorkerBill, to out: inout [UInt8]) {
    if let cpu = worker.cpuNanoseconds {
      appendTime(", cpu", cpu, to: &out)
    } else {
      out.append(", cpu;desc=\"")
      out.append(contentsOf: WorkerBill.notKnowable.utf8)
      out.append(UInt8(ascii: "\""))
    }
  }

  private static func appendTime(_ name: StaticString, _ nanoseconds: Int64?, to out: inout [UInt8]) {
    guard let nanoseconds else { return }
    out.append(name)
    out.append(";dur=")
    let whole = max(0, nanoseconds)
    appendDecimal(whole / 1_000_000, to: &out)
    var fraction = whole % 1_000_000
    guard fraction > 0 else { return }
    out.append(UInt8(ascii: "."))
    var place: Int64 = 100_000
    while fraction > 0 {
      out.append(UInt8(ascii: "0") + UInt8(fraction / place))
      fraction %= place
      place /= 10
    }
  }

  private static func appendNumber(_ name: StaticString, _ value: Int64, to out: inout [UInt8]) {
    out.append(name)
    out.append(";desc=\"")
    appendDecimal(value, to: &out)
    out.append(UInt8(ascii: "\""))
  }

  private static func appendDecimal(_ value: Int64, to out: inout [UInt8]) {
    if value < 0 { out.append(UInt8(ascii: "-")) }
    var rest = value.magnitude
    var place: UInt64 = 1
    while rest / place >= 10 { place *= 10 }
    while place > 0 {
      out.append(UInt8(ascii: "0") + UInt8(rest / place))
      rest %= place
      place /= 10
    }
  }

  /// A quoted-string (RFC 9110 5.6.4). What a field's value must not or should not hold leaves as `%HH`, and `%`
  /// itself too, so that the reader finds the same bytes again.
  private static func appendDescription(_ bytes: [UInt8], to out: inout [UInt8]) {
    out.append(";desc=\"")
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        out.append(UInt8(ascii: "\\"))
        out.append(byte)
      case UInt8(ascii: "%"), 0..<0x20, 0x7F...0xFF:
        out.append(UInt8(ascii: "%"))
        out.append(hexDigit(byte >> 4))
        out.append(hexDigit(byte & 15))
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }
}

extension [UInt8] {
  fileprivate mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { append(contentsOf: $0) }
  }
}

/// What a client can read of a bill. Everything may be absent.
public struct TraceBill: Sendable, Equatable {
  public var model: String?
  /// How the body left, for the models that have a choice: `cache`, `sendfile`.
  public var transfer: String?
  public var route: [UInt8]?
  /// What the first byte was waited for: `perl`.
  public var interpreter: [UInt8]?
  public var phases = Phases()
  /// Of the process; of a worker, between BEGIN_REQUEST and END_REQUEST.
  public var cpuNanoseconds: Int64?
  /// Whether the answer says that nobody can know the processor time: somebody else runs the worker, or, where
  /// `workerPID` is there, its process was gone.
  public var cpuIsNotKnowable = false
  public var peakResidentBytes: Int64?
  public var minorFaults: Int64?
  public var majorFaults: Int64?
  public var voluntarySwitches: Int64?
  public var involuntarySwitches: Int64?
  public var blocksRead: Int64?
  public var blocksWritten: Int64?
  public var processEnd: ProcessEnd?
  /// The process of the pool's worker; absent where somebody else runs it.
  public var workerPID: Int32?
  /// How many requests the worker has answered since its start, this one included.
  public var workerRequests: Int64?
  /// The gateway's own figure for the whole; present only where the bill is complete.
  public var totalNanoseconds: Int64?

  public init() {}

  /// Whether the answer carried the whole bill, and not only what was known when the head left.
  public var isComplete: Bool { totalNanoseconds != nil }
}

extension ServerTiming {
  /// Reads the values of an answer's Server-Timing fields, in their order. The first value that names a `model` is
  /// the gateway's; others, a script's own for example, are left alone.
  /// - Returns: nil where none of them is the gateway's. A metric that cannot be read is absent, as is one that is
  ///   unknown; of two with one name the first counts.
  public static func parse(_ values: [String]) -> TraceBill? {
    for value in values {
      var reader = ServerTimingReader(bytes: Array(value.utf8))
      let bill = reader.read()
      if bill.model != nil { return bill }
    }
    return nil
  }
}

private struct ServerTimingReader {
  let bytes: [UInt8]
  var position = 0
  var seen: Set<String> = []

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func read() -> TraceBill {
    var bill = TraceBill()
    while position < bytes.count {
      let name = token().lowercased()
      var duration: Int64?
      var description: [UInt8]?
      while skip(UInt8(ascii: ";")) {
        let parameter = token().lowercased()
        guard skip(UInt8(ascii: "=")) else { continue }
        let value = tokenOrQuoted()
        switch parameter {
        case "dur": duration = duration ?? Self.nanoseconds(value)
        case "desc": description = description ?? Self.percentDecoded(value)
        default: break
        }
      }
      // A name counts once, whatever it said: a second one could only contradict it.
      if !name.isEmpty, seen.insert(name).inserted { Self.take(name, duration, description, into: &bill) }
      // On to the next metric, over whatever the grammar has no place for.
      while position < bytes.count, bytes[position] != UInt8(ascii: ",") { position += 1 }
      position += 1
    }
    return bill
  }

  private static func take(
    _ name: String, _ duration: Int64?, _ description: [UInt8]?, into bill: inout TraceBill
  ) {
    let number = description.flatMap { Int64(String(decoding: $0, as: UTF8.self)) }
    switch name {
    case "model": bill.model = description.map { String(decoding: $0, as: UTF8.self) }
    case "transfer": bill.transfer = description.map { String(decoding: $0, as: UTF8.self) }
    case "route": bill.route = description
    case "worker": bill.workerPID = number.flatMap { Int32(exactly: $0) }
    case "worker-requests": bill.workerRequests = number
    case "head": bill.phases.head = duration
    case "body": bill.phases.body = duration
    case "queue": bill.phases.queue = duration
    case "spawn": bill.phases.spawn = duration
    case "first-byte":
      bill.phases.firstByte = duration
      bill.interpreter = description
    case "output": bill.phases.output = duration
    case "exit": bill.phases.exit = duration
    case "exit-status":
      if let status = number.flatMap({ Int32(exactly: $0) }) { bill.processEnd = .exited(status: status) }
    case "exit-signal":
      if let signal = number.flatMap({ Int32(exactly: $0) }) { bill.processEnd = .signalled(signal: signal) }
    case "cpu":
      bill.cpuNanoseconds = duration
      bill.cpuIsNotKnowable = duration == nil && description?.elementsEqual(WorkerBill.notKnowable.utf8) == true
    case "peak-rss": bill.peakResidentBytes = number
    case "minor-faults": bill.minorFaults = number
    case "major-faults": bill.majorFaults = number
    case "voluntary-switches": bill.voluntarySwitches = number
    case "involuntary-switches": bill.involuntarySwitches = number
    case "blocks-read": bill.blocksRead = number
    case "blocks-written": bill.blocksWritten = number
    case "total": bill.totalNanoseconds = duration
    default: break
    }
  }

  private mutating func skipSpace() {
    while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
  }

  /// Steps over a delimiter and the space around it, if it comes next.
  private mutating func skip(_ delimiter: UInt8) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == delimiter else { return false }
    position += 1
    skipSpace()
    return true
  }

  /// Up to the next delimiter; empty where one comes next.
  private mutating func token() -> String {
    skipSpace()
    let start = position
    while position < bytes.count, !Self.isDelimiter(bytes[position]) { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private static func isDelimiter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="), UInt8(ascii: "\""), 0x20, 0x09: true
    default: false
    }
  }

  private mutating func tokenOrQuoted() -> [UInt8] {
    guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return Array(token().utf8) }
    position += 1
    var value: [UInt8] = []
    while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
      if bytes[position] == UInt8(ascii: "\\"), position + 1 < bytes.count { position += 1 }
      value.append(bytes[position])
      position += 1
    }
    position += 1
    return value
  }

  /// Milliseconds as a plain decimal number to nanoseconds; digits beyond the sixth decimal are cut.
  private static func nanoseconds(_ text: [UInt8]) -> Int64? {
    var total: Int64 = 0
    var decimals: Int?
    guard text.contains(where: isDigit) else { return nil }
    for byte in text {
      if byte == UInt8(ascii: "."), decimals == nil {
        decimals = 0
        continue
      }
      guard isDigit(byte) else { return nil }
      if let places = decimals {
        if places == 6 { continue }
        decimals = places + 1
      }
      let (tens, overflow) = total.multipliedReportingOverflow(by: 10)
      let (sum, carried) = tens.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
      if overflow || carried { return nil }
      total = sum
    }
    for _ in (decimals ?? 0)..<6 {
      let (tens, overflow) = total.multipliedReportingOverflow(by: 10)
      if overflow { return nil }
      total = tens
    }
    return total
  }

  private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

  private static func percentDecoded(_ text: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    var index = 0
    while index < text.count {
      if text[index] == UInt8(ascii: "%"), index + 2 < text.count,
        let high = hexValue(text[index + 1]), let low = hexValue(text[index + 2])
      {
        out.append(high << 4 | low)
        index += 3
      } else {
        out.append(text[index])
        index += 1
      }
    }
    return out
  }

  private static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
