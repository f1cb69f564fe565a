import Testing

@testable import FastCGIWire

@Suite struct RefusalTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var bytes: [UInt8]
    var refusal: RecordRefusal
    var words: String
    var testDescription: String { words }
  }

  private static let eight = [UInt8](repeating: 0, count: 8)

  static let cases: [Case] = [
    Case(
      bytes: array("HTTP/1.1 400 Bad Request"), refusal: .version(72),
      words: "a record of version 72, where FastCGI has version 1"),
    Case(
      bytes: record(6, id: 1, version: 0), refusal: .version(0),
      words: "a record of version 0, where FastCGI has version 1"),
    Case(
      bytes: record(12, id: 1), refusal: .undefinedType(12),
      words: "a record of type 12, which FastCGI does not define"),
    Case(
      bytes: record(0, id: 0), refusal: .undefinedType(0), words: "a record of type 0, which FastCGI does not define"),
    Case(
      bytes: record(1, id: 1, [0, 1, 1, 0, 0, 0, 0, 0]), refusal: .serverType(.beginRequest),
      words: "FCGI_BEGIN_REQUEST, which only a web server sends"),
    Case(
      bytes: record(2, id: 1), refusal: .serverType(.abortRequest),
      words: "FCGI_ABORT_REQUEST, which only a web server sends"),
    Case(
      bytes: record(4, id: 1), refusal: .serverType(.params), words: "FCGI_PARAMS, which only a web server sends"),
    Case(
      bytes: record(5, id: 1, [1]), refusal: .serverType(.stdin), words: "FCGI_STDIN, which only a web server sends"),
    Case(bytes: record(8, id: 1), refusal: .serverType(.data), words: "FCGI_DATA, which only a web server sends"),
    Case(
      bytes: record(9, id: 0), refusal: .serverType(.getValues),
      words: "FCGI_GET_VALUES, which only a web server sends"),
    Case(
      bytes: record(10, id: 1), refusal: .managementRecordOfRequest(.getValuesResult, id: 1),
      words: "FCGI_GET_VALUES_RESULT with the request id 1, where it has 0"),
    Case(
      bytes: record(11, id: 256, eight), refusal: .managementRecordOfRequest(.unknownType, id: 256),
      words: "FCGI_UNKNOWN_TYPE with the request id 256, where it has 0"),
    Case(
      bytes: endRequest() + stdout("late"), refusal: .noRequest(.stdout, id: 1),
      words: "FCGI_STDOUT for request 1 while no request runs"),
    Case(
      bytes: endRequest() + endRequest(), refusal: .noRequest(.endRequest, id: 1),
      words: "FCGI_END_REQUEST for request 1 while no request runs"),
    // Appendix B, example 4: the application answers a second request first, which nobody has sent.
    Case(
      bytes: record(6, id: 2, array("x")), refusal: .otherRequest(.stdout, id: 2, expected: 1),
      words: "FCGI_STDOUT for request 2 while request 1 runs"),
    Case(
      bytes: record(3, id: 0, eight), refusal: .otherRequest(.endRequest, id: 0, expected: 1),
      words: "FCGI_END_REQUEST for request 0 while request 1 runs"),
    Case(
      bytes: record(3, id: 1, [0, 0, 0, 0, 0]), refusal: .contentLength(.endRequest, bytes: 5),
      words: "FCGI_END_REQUEST with 5 bytes of content, where it has 8"),
    Case(
      bytes: record(3, id: 1, eight + [0]), refusal: .contentLength(.endRequest, bytes: 9),
      words: "FCGI_END_REQUEST with 9 bytes of content, where it has 8"),
    Case(
      bytes: record(11, id: 0), refusal: .contentLength(.unknownType, bytes: 0),
      words: "FCGI_UNKNOWN_TYPE with 0 bytes of content, where it has 8"),
    Case(
      bytes: stdout("a") + stdout("") + stdout("b"), refusal: .dataAfterEnd(.stdout),
      words: "content of FCGI_STDOUT behind the end of that stream"),
    Case(
      bytes: stderr("") + stdout("a") + stderr("b"), refusal: .dataAfterEnd(.stderr),
      words: "content of FCGI_STDERR behind the end of that stream"),
    Case(
      bytes: endRequest([0, 0, 0, 0], 4), refusal: .protocolStatus(4),
      words: "FCGI_END_REQUEST with the protocol status 4, which FastCGI does not define"),
    Case(
      bytes: record(10, id: 0, [UInt8](repeating: 0, count: 4097)), refusal: .valuesTooLong(bytes: 4097),
      words: "FCGI_GET_VALUES_RESULT with 4097 bytes, over the limit of 4096"),
    Case(
      bytes: record(10, id: 0, shortPair("FCGI_MAX_REQS", "10").dropLast()), refusal: .valuesTruncated,
      words: "FCGI_GET_VALUES_RESULT that ends within a name-value pair"),
    Case(
      bytes: record(10, id: 0, shortPair("FCGI_MAX_CONNS", "many")), refusal: .malformedValue(.maximumConnections),
      words: "FCGI_MAX_CONNS with a value that is not a number"),
    Case(
      bytes: record(10, id: 0, shortPair("FCGI_MPXS_CONNS", "2")), refusal: .malformedValue(.multiplexesConnections),
      words: "FCGI_MPXS_CONNS with a value that is neither 0 nor 1"),
  ]

  @Test(arguments: cases) func whatBreaksTheProtocolIsRefusedInWordsHoweverItIsCut(_ one: Case) {
    // The longest one is cut at some places only.
    let events =
      one.bytes.count < 1000 ? readEveryWay(one.bytes) : read(one.bytes, cuts: [0, 3, 7, 8, 9, 4104])
    #expect(events.last == .refused(one.refusal))
    #expect(one.refusal.description == one.words)
  }

  @Test func beforeAnyRequestNoRecordOfOneIsAccepted() {
    #expect(readEveryWay(stdout("x"), requests: []) == [.refused(.noRequest(.stdout, id: 1))])
    #expect(readEveryWay(record(7, id: 0), requests: []) == [.refused(.noRequest(.stderr, id: 0))])
  }

  @Test func whatCameBeforeARefusalIsTold() {
    let bytes = stdout("a") + stdout("") + record(5, id: 1)
    #expect(
      readEveryWay(bytes) == [.stdout(array("a")), .endOfStdout(end: 17), .refused(.serverType(.stdin))])
  }
}
