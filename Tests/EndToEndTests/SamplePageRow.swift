// One row of the sample site's page as a browser shows it, and what it must be by the answer it stands for.

import Foundation
import Testing

/// What a row shows, and beside it what the browser itself made of the answer's Server-Timing field.
struct PageRow: Decodable {
  /// A metric by the browser's own reader, PerformanceServerTiming.
  struct Metric: Decodable {
    var duration: Double
    var description: String
    /// As the list of the last bill has it.
    var shown: String
  }

  /// A piece of the bar.
  struct Part: Decodable {
    var phase: String
    var milliseconds: Double
    var pixels: Double
  }

  var target: String
  var metrics: [String: Metric]
  var figures: String
  /// What stands out among the figures.
  var strong: String
  var parts: [Part]
  var barPixels: Double
  var trackPixels: Double
  /// What the whole track stands for, by the scale's last label.
  var scaleMilliseconds: Double

  /// The time that the bar stands for.
  var length: Double { max(parts.reduce(0) { $0 + $1.milliseconds }, metrics["total"]?.duration ?? 0) }

  /// The script that lists the targets of all rows.
  static let readingTargets = "return [...document.querySelectorAll('.rows > li > a')].map((link) => link.pathname)"

  /// The row of this target.
  static func selector(_ target: String) -> String { ".rows > li:has(> a[href=\"\(target)\"])" }

  /// A time as the page words it: three digits that count.
  static func words(_ milliseconds: Double) -> String {
    if milliseconds == 0 { return "0 ms" }
    if milliseconds >= 100 { return "\(Int(milliseconds.rounded())) ms" }
    // Of the rounded number: 9.996 is 10.0.
    let rounded = Double(String(format: "%.2e", milliseconds)) ?? milliseconds
    let decimals = max(0, 2 - Int(log10(rounded).rounded(.down)))
    return String(format: "%.\(decimals)f ms", milliseconds)
  }

  /// The script that reads a row.
  static func reading(_ target: String) -> String {
    """
    const row = document.querySelector('\(selector(target))');
    const link = row.querySelector('a');
    const bar = row.querySelector('.bar');
    const entry = performance.getEntriesByName(link.href).at(-1);
    const metrics = row.dataset.bill === undefined ? [] : entry.serverTiming;
    const shown = ({ name, duration, description }) => {
      const time = new RegExp(`(?:^|, )${name};dur=([\\\\d.]+)`).exec(row.dataset.bill)?.[1];
      const rest = description === '' ? [] : [name === 'peak-rss' ? `${description} bytes` : description];
      return [...(time === undefined ? [] : [`${time} ms`]), ...rest].join(', ');
    };
    return {
      target: link.pathname, figures: row.querySelector('.figures').textContent,
      strong: row.querySelector('.figures b')?.textContent ?? '',
      metrics: Object.fromEntries(metrics.map((metric) => [metric.name, {
        duration: metric.duration, description: metric.description, shown: shown(metric),
      }])),
      parts: [...bar.children].map((part) => ({
        phase: part.dataset.phase, milliseconds: Number(part.dataset.milliseconds),
        pixels: part.getBoundingClientRect().width,
      })),
      barPixels: bar.getBoundingClientRect().width, trackPixels: bar.parentElement.clientWidth,
      scaleMilliseconds: parseFloat(document.querySelector('.ticks span:last-child')?.textContent ?? '0'),
    };
    """
  }

  /// The script that reads the list of the last bill.
  static let readingBill = """
    return Object.fromEntries(
      [...document.querySelectorAll('#bill dd')].map((value) => [value.dataset.metric, value.textContent]))
    """

  /// Holds the row against what the browser read of the answer's head, and against the access log's line of it.
  func expectTruth(_ entry: AccessEntry, sourceLocation: SourceLocation = #_sourceLocation) {
    expectFigures(entry, sourceLocation)
    expectBar(sourceLocation)
  }

  private func expectFigures(_ entry: AccessEntry, _ sourceLocation: SourceLocation) {
    #expect(metrics["model"]?.description == entry.model, "\(target)", sourceLocation: sourceLocation)
    #expect(strong == Self.words(length), "\(target): \(figures)", sourceLocation: sourceLocation)
    for part in parts where part.phase != "rest" {
      // PerformanceServerTiming keeps every digit of the field.
      #expect(metrics[part.phase]?.duration == part.milliseconds, "\(target)", sourceLocation: sourceLocation)
    }
    for (name, nanoseconds) in entry.phases {
      let phase = name.replacing("_ns", with: "").replacing("_", with: "-")
      let shown = parts.first { $0.phase == phase }?.milliseconds
      #expect(
        shown.map { Int64(($0 * 1e6).rounded()) } == nanoseconds, "\(target): \(name)", sourceLocation: sourceLocation)
    }
    let absent = entry.model == "static" ? "not measured" : "not knowable"
    let processor = entry.cost.map { Self.words(Double($0.cpuNs) / 1e6) } ?? absent
    #expect(figures.contains("processor time \(processor)"), "\(target): \(figures)", sourceLocation: sourceLocation)
    let peak = entry.cost?.peakRssBytes.map { String(format: "peak memory %.1f MiB", Double($0) / 1_048_576) }
    let memory = entry.model == "fastcgi" ? "memory held all day" : peak ?? "peak memory \(absent)"
    #expect(figures.contains(memory), "\(target): \(figures)", sourceLocation: sourceLocation)
  }

  /// A pixel is as exact as it gets; a bar is never shorter than two, so that there is something to see.
  private func expectBar(_ sourceLocation: SourceLocation) {
    let expected = max(2, trackPixels * length / scaleMilliseconds)
    #expect(scaleMilliseconds >= length && length > 0, "\(target)", sourceLocation: sourceLocation)
    #expect(abs(barPixels - expected) <= 1, "\(target): \(barPixels), not \(expected)", sourceLocation: sourceLocation)
    for part in parts {
      let share = barPixels * part.milliseconds / length
      #expect(
        abs(part.pixels - share) <= 1, "\(target): \(part.phase) \(part.pixels), not \(share)",
        sourceLocation: sourceLocation)
    }
  }
}
