import Testing

@testable import FastCGIWire

@Suite struct RecordReaderTests {
  static let head = "Content-type: text/html\r\n\r\n<html>\n<head> ... "

  /// Appendix B, example 1: a successful response.
  @Test func aSuccessfulResponseIsReadHoweverItIsCut() {
    let bytes = stdout(Self.head) + stdout("") + endRequest()
    #expect(
      readEveryWay(bytes) == [
        .stdout(array(Self.head)), .endOfStdout(end: bytes.count - 16),
        .endRequest(0, .requestComplete, end: bytes.count),
      ])
  }

  /// Appendix B, example 3: output and errors interleaved, and a status that is not 0.
  @Test func outputAndErrorsMayInterleave() {
    let first = "Content-type: text/html\r\n\r\n<ht"
    let bytes =
      stdout(first) + stderr("config error: missing SI_UID\n") + stdout("ml>\n<head> ... ") + stdout("") + stderr("")
      + endRequest([0, 0, 3, 170])
    #expect(
      readEveryWay(bytes) == [
        .stdout(array(first)), .stderr(array("config error: missing SI_UID\n")), .stdout(array("ml>\n<head> ... ")),
        .endOfStdout(end: bytes.count - 24), .endOfStderr(end: bytes.count - 16),
        .endRequest(938, .requestComplete, end: bytes.count),
      ])
  }

  /// The same bytes as numbers, none of them computed.
  @Test func aResponseWrittenAsNumbersIsRead() {
    let bytes: [UInt8] = [
      1, 6, 0, 1, 0, 3, 5, 0, 0x41, 0x42, 0x43, 0, 0, 0, 0, 0,
      1, 6, 0, 1, 0, 0, 0, 0,
      1, 3, 0, 1, 0, 8, 0, 0, 0xFF, 0xFE, 0xFD, 0xFC, 2, 0, 0, 0,
    ]
    #expect(
      readEveryWay(bytes) == [
        .stdout(array("ABC")), .endOfStdout(end: 24), .endRequest(0xFFFE_FDFC, .overloaded, end: 40),
      ])
  }

  @Test(arguments: ProtocolStatus.allCases) func everyProtocolStatusIsTold(_ status: ProtocolStatus) {
    let bytes = endRequest([0, 0, 0, 1], status.rawValue)
    #expect(readEveryWay(bytes) == [.endRequest(1, status, end: 16)])
  }

  @Test func paddingIsPassedOverBehindEveryRecord() {
    let first = stdout("a", padding: 7) + stderr("b", padding: 255) + stdout("", padding: 3)
    let second = record(11, id: 0, [99, 0, 0, 0, 0, 0, 0, 0], padding: 9)
    let bytes = first + second + stderr("", padding: 1) + endRequest(padding: 8)
    #expect(
      readEveryWay(bytes) == [
        .stdout(array("a")), .stderr(array("b")), .endOfStdout(end: first.count - 3),
        .unknownType(99, end: first.count + 16), .endOfStderr(end: first.count + second.count + 8),
        .endRequest(0, .requestComplete, end: bytes.count - 8),
      ])
  }

  @Test func aResponseMayEndWithoutTheEndOfItsStreams() {
    #expect(
      readEveryWay(stdout("php") + endRequest()) == [.stdout(array("php")), .endRequest(0, .requestComplete, end: 27)])
    #expect(readEveryWay(endRequest()) == [.endRequest(0, .requestComplete, end: 16)])
  }

  @Test func aSecondEndOfAStreamIsPassedOver() {
    let bytes = stdout("") + stdout("", padding: 8) + stderr("") + stderr("") + stdout("") + endRequest()
    #expect(
      readEveryWay(bytes) == [
        .endOfStdout(end: 8), .endOfStderr(end: 32), .endRequest(0, .requestComplete, end: bytes.count),
      ])
  }

  @Test func requestsFollowOneAnotherOnOneConnection() {
    let second = record(6, id: 513, array("b")) + record(6, id: 513)
    let bytes =
      stdout("a") + stdout("") + endRequest(padding: 8) + second + record(3, id: 513, [0, 0, 0, 0, 0, 0, 0, 0])
      + stdout("c") + endRequest()
    #expect(
      readEveryWay(bytes, requests: [1, 513, 1]) == [
        .stdout(array("a")), .endOfStdout(end: 17), .endRequest(0, .requestComplete, end: 33),
        .stdout(array("b")), .endOfStdout(end: 58), .endRequest(0, .requestComplete, end: 74),
        .stdout(array("c")), .endRequest(0, .requestComplete, end: 99),
      ])
  }

  @Test func contentIsHandedOnAsItComes() {
    let content = [UInt8](repeating: 7, count: 65_535)
    let bytes = record(6, id: 1, content)
    var reader = RecordReader()
    reader.expect(id: 1)
    var told = 0
    for start in stride(from: 0, to: bytes.count, by: 1000) {
      let piece = Array(bytes[start..<min(start + 1000, bytes.count)])
      let first = start == 0 ? 8 : 0
      let content = reader.next(piece.span, from: 0)
      #expect(content == .stdout(first..<piece.count))
      let rest = reader.next(piece.span, from: piece.count)
      #expect(rest == .needMore(consumed: piece.count))
      told += piece.count - first
    }
    #expect(told == 65_535)
    #expect(reader.isBetweenRecords)
  }

  @Test func aReaderKnowsWhetherItStandsBetweenRecords() {
    let bytes = stdout("ab", padding: 2) + endRequest(padding: 1) + stdout("")
    let boundaries: Set<Int> = [0, 12, 29]
    for count in 0..<30 {
      var reading = Reading()
      let goesOn = reading.take(Array(bytes[..<count]), from: 0, base: 0)
      #expect(goesOn)
      #expect(reading.reader.isBetweenRecords == boundaries.contains(count), "after \(count) bytes")
      #expect(reading.reader.requestID == (count < 28 ? 1 : nil))
    }
    var reading = Reading()
    let goesOn = reading.take(bytes, from: 0, base: 0)
    #expect(!goesOn)
    #expect(!reading.reader.isBetweenRecords)
  }

  @Test func aReaderStandsBetweenRecordsAsSoonAsOneIsWhole() {
    var reader = RecordReader()
    reader.expect(id: 1)
    let bytes = endRequest()
    let verdict = reader.next(bytes.span, from: 0)
    #expect(verdict == .endRequest(appStatus: 0, protocolStatus: .requestComplete, end: 16))
    #expect(reader.isBetweenRecords)
    #expect(reader.requestID == nil)
  }

  @Test func managementRecordsMayComeWhileNoRequestRuns() {
    let values = record(10, id: 0, shortPair("FCGI_MPXS_CONNS", "0"), padding: 6)
    let unknown = record(11, id: 0, [42, 0, 0, 0, 0, 0, 0, 0])
    let answer = ApplicationValues(multiplexesConnections: false)
    #expect(
      readEveryWay(values + unknown, requests: []) == [.values(answer, end: 26), .unknownType(42, end: 48)])
    // And in the midst of a response.
    #expect(
      readEveryWay(stdout("a") + values + stdout("b")) == [
        .stdout(array("a")), .values(answer, end: 35), .stdout(array("b")),
      ])
  }
}
