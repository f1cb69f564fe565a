// What `trace --json` prints; docs/trace.md names the keys. Times are nanoseconds, sizes bytes, what is not known null.

import Admin
import Costs
import Presentation

enum TraceJSON {
  /// One object for one URL.
  static func text(_ series: TraceSeries) -> [UInt8] {
    var json = JSONWriter()
    append(series, to: &json)
    return json.bytes
  }

  /// Both, and the ratios of their medians.
  static func text(comparing first: TraceSeries, _ second: TraceSeries) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.key("a")
    append(first, to: &json)
    json.key("b")
    append(second, to: &json)
    json.key("ratio")
    json.beginObject()
    json.key("total")
    appendRatio(second.total.median, first.total.median, to: &json)
    json.key("cpu")
    appendRatio(second.cpu?.median, first.cpu?.median, to: &json)
    json.endObject()
    json.endObject()
    return json.bytes
  }

  private static func appendRatio(_ numerator: Int64?, _ denominator: Int64?, to json: inout JSONWriter) {
    if let numerator, let denominator, denominator > 0 {
      json.number(Double(numerator) / Double(denominator))
    } else {
      json.null()
    }
  }

  private static func append(_ series: TraceSeries, to json: inout JSONWriter) {
    let sample = series.median
    json.beginObject()
    json.key("url")
    json.string(sample.url)
    json.key("address")
    json.string(sample.peer)
    json.key("requests")
    json.integer(series.samples.count)
    json.key("total_ns")
    append(series.total, to: &json)
    json.key("cpu_ns")
    append(series.cpu, to: &json)
    json.key("median")
    append(sample, to: &json)
    json.endObject()
  }

  private static func append(_ distribution: Distribution?, to json: inout JSONWriter) {
    guard let distribution else {
      json.null()
      return
    }
    json.beginObject()
    integer("min", distribution.minimum, to: &json)
    integer("p50", distribution.median, to: &json)
    integer("p99", distribution.percentile99, to: &json)
    integer("max", distribution.maximum, to: &json)
    json.endObject()
  }

  private static func append(_ sample: TraceSample, to json: inout JSONWriter) {
    let waterfall = Waterfall(timings: sample.timings, bill: sample.bill)
    json.beginObject()
    json.key("status")
    json.integer(sample.status)
    integer("body_bytes", sample.bodyBytes, to: &json)
    integer("wire_bytes", sample.wireBytes, to: &json)
    json.key("client")
    json.beginObject()
    integer("lookup_ns", sample.timings.lookup, to: &json)
    integer("connect_ns", sample.timings.connect, to: &json)
    integer("send_ns", sample.timings.send, to: &json)
    integer("wait_ns", sample.timings.wait, to: &json)
    integer("receive_ns", sample.timings.receive, to: &json)
    integer("total_ns", sample.timings.total, to: &json)
    json.endObject()
    integer("client_and_network_ns", waterfall.length(.clientAndNetwork), to: &json)
    json.key("server_exceeds_wait")
    json.bool(waterfall.serverExceedsWait)
    json.key("bill")
    append(sample.bill, to: &json)
    json.key("sentence")
    json.string(TraceSentence.text(sample))
    json.endObject()
  }

  private static func append(_ bill: TraceBill?, to json: inout JSONWriter) {
    guard let bill else {
      json.null()
      return
    }
    func text(_ name: StaticString, _ bytes: [UInt8]?) {
      json.key(name)
      if let bytes { json.string(bytes: bytes) } else { json.null() }
    }
    json.beginObject()
    json.key("complete")
    json.bool(bill.isComplete)
    json.key("model")
    json.string(bill.model)
    json.key("transfer")
    json.string(bill.transfer)
    text("route", bill.route)
    text("interpreter", bill.interpreter)
    json.key("phases")
    json.beginObject()
    integer("head_ns", bill.phases.head, to: &json)
    integer("body_ns", bill.phases.body, to: &json)
    integer("queue_ns", bill.phases.queue, to: &json)
    integer("spawn_ns", bill.phases.spawn, to: &json)
    integer("first_byte_ns", bill.phases.firstByte, to: &json)
    integer("output_ns", bill.phases.output, to: &json)
    integer("exit_ns", bill.phases.exit, to: &json)
    json.endObject()
    json.key("worker")
    appendWorker(bill, to: &json)
    json.key("cost")
    appendCost(bill, to: &json)
    json.key("exit")
    json.processEnd(bill.processEnd)
    integer("total_ns", bill.totalNanoseconds, to: &json)
    json.endObject()
  }

  private static func appendWorker(_ bill: TraceBill, to json: inout JSONWriter) {
    guard bill.workerPID != nil || bill.workerRequests != nil else {
      json.null()
      return
    }
    json.beginObject()
    json.key("pid")
    json.integer(bill.workerPID)
    integer("requests", bill.workerRequests, to: &json)
    json.endObject()
  }

  private static func appendCost(_ bill: TraceBill, to json: inout JSONWriter) {
    if bill.cpuIsNotKnowable {
      json.string(WorkerBill.notKnowable)
      return
    }
    json.beginObject()
    integer("cpu_ns", bill.cpuNanoseconds, to: &json)
    integer("peak_rss_bytes", bill.peakResidentBytes, to: &json)
    integer("minor_faults", bill.minorFaults, to: &json)
    integer("major_faults", bill.majorFaults, to: &json)
    integer("voluntary_switches", bill.voluntarySwitches, to: &json)
    integer("involuntary_switches", bill.involuntarySwitches, to: &json)
    integer("blocks_read", bill.blocksRead, to: &json)
    integer("blocks_written", bill.blocksWritten, to: &json)
    json.endObject()
  }

  private static func integer(_ name: StaticString, _ value: Int64?, to json: inout JSONWriter) {
    json.key(name)
    json.integer(value)
  }
}
