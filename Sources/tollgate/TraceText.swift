// What `trace` shows in a terminal: waterfalls, bills, and two of them side by side.

import Costs
import Presentation

struct TraceText {
  let terminal: Terminal
  private(set) var lines: [String] = []

  init(terminal: Terminal) { self.terminal = terminal }

  /// Bytes that a server sent, without what would steer a terminal.
  static func printable(_ bytes: [UInt8]) -> String {
    Terminal.printable(String(decoding: bytes, as: UTF8.self))
  }

  /// One URL: waterfall, bill, sentence, and the spread where there was more than one request.
  mutating func show(_ series: TraceSeries) {
    let sample = series.median
    lines.append("\(sample.url)  (\(sample.peer))")
    lines += spread(series)
    lines.append("")
    showWaterfall(sample, scale: sample.timings.total)
    lines.append("")
    showBill(sample)
    lines.append("")
    lines.append(TraceSentence.text(sample))
  }

  /// Two URLs: both waterfalls on one scale, their figures side by side with the ratios, both sentences.
  mutating func compare(_ first: TraceSeries, _ second: TraceSeries) {
    let scale = max(first.median.timings.total, second.median.timings.total)
    for (name, series) in [("A", first), ("B", second)] {
      lines.append("\(name)  \(series.median.url)  (\(series.median.peer))")
      lines += spread(series)
      showWaterfall(series.median, scale: scale)
      lines.append("")
    }
    lines += TraceComparison.table(first, second).lines(indent: 2)
    lines += notes(first.median).map { "A: " + $0 } + notes(second.median).map { "B: " + $0 }
    lines.append("")
    lines.append("A: " + TraceSentence.text(first.median))
    lines.append("B: " + TraceSentence.text(second.median))
  }

  private func spread(_ series: TraceSeries) -> [String] {
    guard series.samples.count > 1 else { return [] }
    let total = series.total
    return [
      "\(Words.count(Int64(series.samples.count))) requests: min \(Words.duration(total.minimum)), "
        + "p50 \(Words.duration(total.median)), p99 \(Words.duration(total.percentile99)), "
        + "max \(Words.duration(total.maximum)); below, the one of the median"
    ]
  }

  // MARK: The waterfall

  static func name(_ part: Waterfall.Part) -> String {
    switch part {
    case .firstByte: "first byte"
    case .clientAndNetwork: "client and network"
    default: part.rawValue
    }
  }

  private mutating func showWaterfall(_ sample: TraceSample, scale: Int64) {
    let waterfall = Waterfall(timings: sample.timings, bill: sample.bill)
    let labelWidth = 22
    let figureWidth = 9
    let barWidth = terminal.width - labelWidth - figureWidth - 6
    for segment in waterfall.segments {
      let isInner = Waterfall.serverParts.contains(segment.part) || segment.part == .clientAndNetwork
      let label = (isInner ? "  " : "") + Self.name(segment.part)
      let bar = Bar.text(start: segment.start, length: segment.length, of: scale, width: barWidth)
      lines.append(
        "  " + padded(label, labelWidth) + padded(Words.duration(segment.length), figureWidth, right: true) + "  "
          + trimmed(bar, colour(segment.part)))
    }
    let total = Words.duration(waterfall.total)
    lines.append("  " + padded("total", labelWidth) + padded(total, figureWidth, right: true))
    if sample.bill == nil {
      lines.append("  No bill in the answer (bill = head or full on the route has it sent): only the client's side")
      lines.append("  is known.")
    } else if waterfall.serverExceedsWait {
      lines.append("  The bill's phases are longer than the client waited: they are of another exchange, not drawn.")
    }
  }

  private func colour(_ part: Waterfall.Part) -> Colour {
    switch part {
    case .lookup, .connect, .send, .receive: .blue
    case .wait, .clientAndNetwork: .faint
    case .head, .body: .cyan
    case .queue: .yellow
    case .spawn: .magenta
    case .firstByte: .red
    case .output, .exit: .green
    }
  }

  private func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
    let padding = String(repeating: " ", count: max(0, width - text.count))
    return right ? padding + text : text + padding
  }

  private func trimmed(_ bar: String, _ colour: Colour) -> String {
    var bar = bar[...]
    while bar.last == " " { bar.removeLast() }
    return terminal.coloured(String(bar), colour)
  }

  // MARK: The bill

  private mutating func showBill(_ sample: TraceSample) {
    var table = TextTable(columns: [.left, .left])
    for row in TraceComparison.rows where row.isOfBill {
      if let value = row.value(sample) { table.add(row.name, value) }
    }
    lines += table.lines(indent: 2)
    lines += notes(sample).map { "  " + $0 }
  }

  /// What is missing from a bill, and why.
  private func notes(_ sample: TraceSample) -> [String] {
    guard let bill = sample.bill else { return [] }
    let isOfWorker = bill.isOfWorker
    guard isOfWorker || bill.model == "cgi" else { return ["no process ran for this answer"] }
    if let words = bill.notKnowable { return [words] }
    if bill.cpuNanoseconds != nil {
      guard isOfWorker else { return [] }
      return ["cpu is the worker's own; its children's is not knowable, its memory is held all day and no request's"]
    }
    let figures = isOfWorker ? "cpu" : "cpu, memory, faults, switches"
    if bill.isComplete { return ["\(figures): not measured for this \(isOfWorker ? "request" : "process")"] }
    let missing = "\(figures): not in this answer: "
    // What `full` holds back is bounded (`bill` in the reference): beyond that it can say no more than `head`.
    if sample.bodyBytes > 65_536 {
      let end = isOfWorker ? "the worker is done" : "the process ends"
      return [missing + "one of more than 64 KiB is not held until \(end); the access log has the whole bill"]
    }
    return [
      missing
        + "the route's bill is \"head\"; \(isOfWorker ? "bill = \"full\"" : "tollgate serve --bill full") shows it"
    ]
  }
}

/// The figures of a request by name, for one bill or for two side by side.
enum TraceComparison {
  struct Row {
    let name: String
    /// Whether it belongs to the bill, and not to the waterfall.
    let isOfBill: Bool
    /// nil where the answer does not say.
    let value: (TraceSample) -> String?
  }

  static var rows: [Row] {
    Waterfall.Part.allCases.map { part in
      Row(name: TraceText.name(part), isOfBill: false) { sample in
        Waterfall(timings: sample.timings, bill: sample.bill).length(part).map(Words.duration)
      }
    } + billRows
  }

  private static var billRows: [Row] {
    func row(_ name: String, _ value: @escaping (TraceSample) -> String?) -> Row {
      Row(name: name, isOfBill: true, value: value)
    }
    return [
      row("model") { sample in
        sample.bill?.model.map { model in
          Terminal.printable(model + (sample.bill?.transfer.map { " (\($0))" } ?? ""))
        }
      },
      row("route") { $0.bill?.route.map(TraceText.printable) },
      row("status") { Terminal.printable($0.reason.isEmpty ? "\($0.status)" : "\($0.status) \($0.reason)") },
      row("body") { Words.size($0.bodyBytes) },
      row("with head") { Words.size($0.wireBytes) },
      row("worker") { $0.bill?.workerPID.map { "pid \($0)" } },
      row("its requests") { $0.bill?.workerRequests.map(Words.count) },
      row("cpu") { sample in
        sample.bill?.cpuNanoseconds.map(Words.duration)
          ?? (sample.bill?.cpuIsNotKnowable == true ? WorkerBill.notKnowable : nil)
      },
      row("peak memory") { $0.bill?.peakResidentBytes.map(Words.size) },
      row("minor faults") { $0.bill?.minorFaults.map(Words.count) },
      row("major faults") { $0.bill?.majorFaults.map(Words.count) },
      row("voluntary switches") { $0.bill?.voluntarySwitches.map(Words.count) },
      row("involuntary switches") { $0.bill?.involuntarySwitches.map(Words.count) },
      row("blocks read") { $0.bill?.blocksRead.map(Words.count) },
      row("blocks written") { $0.bill?.blocksWritten.map(Words.count) },
      row("end") { sample in
        switch sample.bill?.processEnd {
        case .exited(let status): "exit status \(status)"
        case .signalled(let signal): "signal \(signal)"
        case nil: nil
        }
      },
    ]
  }

  /// Both requests' figures; totals and cpu, which are medians over all requests, with their ratio.
  static func table(_ first: TraceSeries, _ second: TraceSeries) -> TextTable {
    var table = TextTable(columns: [.left, .right, .right, .right])
    table.add("", "A", "B", "B / A")
    table.add(
      "total", Words.duration(first.total.median), Words.duration(second.total.median),
      ratio(second.total.median, first.total.median) ?? "")
    for row in rows {
      if row.name == "cpu", first.cpu != nil || second.cpu != nil {
        let figures = [first, second].map { series in
          series.cpu.map { Words.duration($0.median) } ?? row.value(series.median) ?? "–"
        }
        table.add(["cpu"] + figures + [ratio(second.cpu?.median, first.cpu?.median) ?? ""])
        continue
      }
      let values = (row.value(first.median), row.value(second.median))
      if values.0 == nil, values.1 == nil { continue }
      table.add(row.name, values.0 ?? "–", values.1 ?? "–")
    }
    return table
  }

  static func ratio(_ numerator: Int64?, _ denominator: Int64?) -> String? {
    guard let numerator, let denominator, denominator > 0 else { return nil }
    return Words.significant(Double(numerator) / Double(denominator)) + " ×"
  }
}
