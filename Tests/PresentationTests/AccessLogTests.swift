import Costs
import Foundation
import Kernel
import Testing

@testable import Admin

@Suite struct AccessLogTests {
  private func record(
    in batch: inout RecordBatch, target: [UInt8] = Array("/cgi-bin/env.pl?a=b".utf8), agent: String = "curl/7.88.1"
  ) -> RequestRecord {
    var record = RequestRecord()
    record.remote = batch.keep(Array("127.0.0.1".utf8))
    record.method = batch.keep(Array("GET".utf8))
    record.target = batch.keep(target)
    record.userAgent = batch.keep(Array(agent.utf8))
    record.route = batch.keep(Array("/cgi-bin/".utf8))
    record.script = batch.keep(Array("/cgi-bin/env.pl".utf8))
    record.bill.model = .cgi
    record.bill.status = 200
    record.bill.bytesIn = 120
    record.bill.bytesOut = 1_500
    record.bill.bodyBytesOut = 1_234
    record.bill.startedAt = 1_795_556_400_123_456_789
    record.bill.durationNanoseconds = 16_912_345
    record.bill.phases.head = 12_345
    record.bill.phases.firstByte = 15_100_000
    record.bill.processEnd = .exited(status: 0)
    record.bill.process = ResourceUsage(
      cpuNanoseconds: 13_200_001, peakResidentBytes: 1_363_968, minorFaults: 123, majorFaults: 0,
      voluntarySwitches: 3, involuntarySwitches: 1, blocksRead: 8, blocksWritten: 16)
    return record
  }

  private func line(_ format: AccessLogFormat, _ record: RequestRecord, _ batch: RecordBatch) -> String {
    var out: [UInt8] = []
    format.append(record, in: batch, to: &out)
    return String(decoding: out, as: UTF8.self)
  }

  /// The same request, answered by a worker of a pool.
  private func workersRecord(in batch: inout RecordBatch, pid: Int32?, cpu: Int64?, requests: Int?) -> RequestRecord {
    var record = record(in: &batch)
    record.script = 0..<0
    record.pool = batch.keep(Array("guestbook".utf8))
    record.bill.model = .fastcgi
    record.bill.process = nil
    record.bill.processEnd = nil
    record.bill.worker = WorkerBill()
    record.bill.worker?.pid = pid
    record.bill.worker?.cpuNanoseconds = cpu
    record.bill.worker?.requests = requests
    return record
  }

  private func object(_ line: String) throws -> [String: Any] {
    #expect(line.hasSuffix("}\n"))
    #expect(line.dropLast().allSatisfy { !$0.isNewline })
    return try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
  }

  @Test func combinedIsWhatLogReadersExpect() {
    var batch = RecordBatch()
    let record = record(in: &batch)
    #expect(
      line(.combined, record, batch)
        == "127.0.0.1 - - [24/Nov/2026:21:40:00 +0000] \"GET /cgi-bin/env.pl?a=b HTTP/1.1\" 200 1234 \"-\" "
        + "\"curl/7.88.1\"\n")
  }

  @Test func aRequestWithoutAnUnderstoodHeadHasDashes() throws {
    var batch = RecordBatch()
    var record = RequestRecord()
    record.remote = batch.keep(Array("::1".utf8))
    record.bill.status = 408
    #expect(line(.combined, record, batch) == "::1 - - [01/Jan/1970:00:00:00 +0000] \"-\" 408 - \"-\" \"-\"\n")
    let object = try object(line(.json, record, batch))
    for key in [
      "method", "target", "protocol", "referer", "user_agent", "route", "script", "pool", "worker", "transfer", "cost",
      "exit",
    ] {
      #expect(object[key] is NSNull, "\(key)")
    }
  }

  @Test func aHostileRequestCannotForgeALineOrAColumn() {
    var batch = RecordBatch()
    let agent = "x\" 200 5 \"-\" \"y\n10.0.0.1 - - [now] \"GET /admin\u{1B}[2J\\\r\t\u{7F}é"
    var record = record(in: &batch, agent: agent)
    record.remote = batch.keep(Array("unix:/a b".utf8))
    let line = line(.combined, record, batch)
    #expect(line.utf8.filter { $0 == 0x0A }.count == 1)
    #expect(line.dropLast().utf8.allSatisfy { (0x20..<0x7F).contains($0) })
    #expect(line.hasPrefix("unix:/a\\x20b - - ["))
    #expect(
      line.hasSuffix(
        #""x\" 200 5 \"-\" \"y\n10.0.0.1 - - [now] \"GET /admin\x1b[2J\\\r\t\x7f\xc3\xa9""# + "\n"))
  }

  @Test func everyByteInATargetStaysOnOneLine() throws {
    var batch = RecordBatch()
    let record = record(in: &batch, target: Array(UInt8.min...UInt8.max))
    let combined = line(.combined, record, batch)
    #expect(combined.dropLast().utf8.allSatisfy { (0x20..<0x7F).contains($0) })
    let object = try object(line(.json, record, batch))
    let target = try #require(object["target"] as? String)
    #expect(target.unicodeScalars.prefix(128).map(\.value) == Array(0..<128))
  }

  @Test func jsonHasTheDocumentedKeysAndValues() throws {
    var batch = RecordBatch()
    let object = try object(line(.json, record(in: &batch), batch))
    #expect(
      Set(object.keys) == [
        "time", "remote", "method", "target", "protocol", "status", "bytes_in", "bytes_out", "body_bytes_out",
        "referer", "user_agent", "model", "transfer", "route", "script", "pool", "worker", "duration_ns", "phases",
        "cost",
        "exit",
      ])
    #expect(object["time"] as? String == "2026-11-24T21:40:00.123Z")
    #expect(object["protocol"] as? String == "HTTP/1.1")
    #expect(object["model"] as? String == "cgi")
    #expect(object["route"] as? String == "/cgi-bin/")
    #expect(object["script"] as? String == "/cgi-bin/env.pl")
    #expect(object["pool"] is NSNull && object["worker"] is NSNull)
    #expect(object["duration_ns"] as? Int == 16_912_345)
    #expect(object["phases"] as? [String: Int] == ["head_ns": 12_345, "first_byte_ns": 15_100_000])
    #expect(object["exit"] as? [String: Int] == ["status": 0])
    let cost = try #require(object["cost"] as? [String: Int])
    #expect(
      cost == [
        "cpu_ns": 13_200_001, "peak_rss_bytes": 1_363_968, "minor_faults": 123, "major_faults": 0,
        "voluntary_switches": 3, "involuntary_switches": 1, "blocks_read": 8, "blocks_written": 16,
      ])
  }

  @Test func everyKeyOfTheJSONFormIsDocumented() throws {
    var batch = RecordBatch()
    var record = record(in: &batch)
    record.bill.phases = Phases()
    let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("docs/access-log.md")
    let text = try String(contentsOf: page, encoding: .utf8)
    let object = try object(line(.json, record, batch))
    let cost = try #require(object["cost"] as? [String: Any])
    let phases = ["head", "body", "queue", "spawn", "first_byte", "output", "exit"].map { $0 + "_ns" }
    let worker = try #require(
      self.object(line(.json, workersRecord(in: &batch, pid: 1, cpu: 1, requests: 1), batch))["worker"]
        as? [String: Any])
    for key in Array(object.keys) + Array(worker.keys) + Array(cost.keys) + phases {
      #expect(text.contains("`\(key)`"), "\(key)")
    }
  }

  @Test func aWorkersLineNamesItsPoolAndProcessAndHasItsProcessorTimeAlone() throws {
    var batch = RecordBatch()
    let record = workersRecord(in: &batch, pid: 4711, cpu: 90_001, requests: 57)
    let object = try object(line(.json, record, batch))
    #expect(object["model"] as? String == "fastcgi")
    #expect(object["transfer"] is NSNull && object["script"] is NSNull && object["exit"] is NSNull)
    #expect(object["pool"] as? String == "guestbook")
    #expect(object["worker"] as? [String: Int] == ["pid": 4711, "requests": 57])
    #expect(object["cost"] as? [String: Int] == ["cpu_ns": 90_001])
    #expect(line(.combined, record, batch).hasSuffix("200 1234 \"-\" \"curl/7.88.1\"\n"))
  }

  @Test func whatNobodyCanKnowOfAWorkerIsSaidInWordsAndNotAsZero() throws {
    var batch = RecordBatch()
    let elsewhere = try object(
      line(.json, workersRecord(in: &batch, pid: nil, cpu: nil, requests: nil), batch))
    #expect(elsewhere["pool"] as? String == "guestbook")
    let worker = try #require(elsewhere["worker"] as? [String: Any])
    #expect(Set(worker.keys) == ["pid", "requests"] && worker.values.allSatisfy { $0 is NSNull })
    #expect(elsewhere["cost"] as? String == "not knowable")
    let gone = try object(line(.json, workersRecord(in: &batch, pid: 4711, cpu: nil, requests: 3), batch))
    #expect(gone["worker"] as? [String: Int] == ["pid": 4711, "requests": 3])
    #expect(gone["cost"] as? String == "not knowable")
  }

  @Test func aPoolsRequestThatNoWorkerHadCostNothingThatWasMeasured() throws {
    var batch = RecordBatch()
    var record = workersRecord(in: &batch, pid: nil, cpu: nil, requests: nil)
    record.bill.worker = nil
    record.bill.status = 503
    let object = try object(line(.json, record, batch))
    #expect(object["pool"] as? String == "guestbook")
    #expect(object["worker"] is NSNull && object["cost"] is NSNull)
  }

  @Test func aPoolsNameCannotForgeALine() throws {
    var batch = RecordBatch()
    var record = workersRecord(in: &batch, pid: 1, cpu: 1, requests: 1)
    record.pool = batch.keep(Array("a\"},\n\u{1B}".utf8))
    #expect(try object(line(.json, record, batch))["pool"] as? String == "a\"},\n\u{1B}")
  }

  @Test func aSignalAndAFileAreToldApart() throws {
    var batch = RecordBatch()
    var record = record(in: &batch)
    record.bill.processEnd = .signalled(signal: 15)
    #expect(try object(line(.json, record, batch))["exit"] as? [String: Int] == ["signal": 15])
    record.bill.model = .staticSendfile
    record.bill.process = nil
    record.bill.processEnd = nil
    let file = try object(line(.json, record, batch))
    #expect(file["model"] as? String == "static" && file["transfer"] as? String == "sendfile")
    #expect(file["cost"] is NSNull && file["exit"] is NSNull)
  }

  @Test func linesAreAppendedBehindOneAnother() {
    var batch = RecordBatch()
    let record = record(in: &batch)
    var out = Array("earlier\n".utf8)
    for format in AccessLogFormat.allCases { format.append(record, in: batch, to: &out) }
    let lines = out.split(separator: 0x0A)
    #expect(lines.count == 3)
    #expect(String(decoding: lines[0], as: UTF8.self) == "earlier")
    batch.removeAll()
    #expect(batch.isEmpty && batch.text.isEmpty)
  }
}
