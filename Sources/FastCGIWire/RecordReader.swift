// The records that an application sends, read as they come (3.3, 4, 5). Content of the streams is told as ranges
// and never kept; only what must be whole before it means something is collected, within limits.

/// What the reader says about the next bytes. Every index counts from the beginning of the span given; `end` is
/// the one from which to call again.
public enum RecordVerdict: Sendable, Equatable {
  /// All bytes were taken, up to the index `consumed`, which is the span's count. Nothing of them is needed
  /// again.
  case needMore(consumed: Int)
  /// The bytes in this range are the next of FCGI_STDOUT; it is never empty. Call again from its upper bound.
  case stdout(Range<Int>)
  /// The same for FCGI_STDERR.
  case stderr(Range<Int>)
  /// FCGI_STDOUT is complete. Told once a request, and not at all by applications that send only
  /// FCGI_END_REQUEST, as PHP does.
  case endOfStdout(end: Int)
  /// FCGI_STDERR is complete. Told once a request; most applications that wrote nothing there do not send it.
  case endOfStderr(end: Int)
  /// The request is over, whether its streams were ended or not: with the status that a CGI program would have
  /// exited with, and whether the application took the request at all.
  case endRequest(appStatus: UInt32, protocolStatus: ProtocolStatus, end: Int)
  /// The answer to FCGI_GET_VALUES. May come at any time.
  case values(ApplicationValues, end: Int)
  /// FCGI_UNKNOWN_TYPE: the application does not know the management records of this type that it was sent.
  case unknownType(UInt8, end: Int)
  /// The application has broken the protocol; the connection can carry nothing further.
  case refused(RecordRefusal)
}

/// Reads the records of one connection, in pieces that may be cut anywhere. One request runs at a time.
public struct RecordReader: Sendable {
  /// The most content of FCGI_GET_VALUES_RESULT that is collected, in bytes.
  public static let maximumValuesBytes = 4096

  private enum Phase { case header, content, padding }

  private var phase = Phase.header
  /// The header, or the content of a record that has eight bytes always, as far as it has come.
  private var word: UInt64 = 0
  private var wordBytes = 0
  /// The record behind the last header: its type, and what is still to come of it.
  private var type = RecordType.stdout
  private var contentLeft = 0
  private var paddingLeft = 0
  private var values: [UInt8] = []
  private var stdoutEnded = false
  private var stderrEnded = false
  private var failure: RecordRefusal?

  /// The id of the request whose records are expected; nil while no request runs.
  public private(set) var requestID: UInt16?

  /// A reader at the beginning of a connection. No request runs.
  public init() {}

  /// Whether the last record has come whole, its padding included. A connection that ends elsewhere was cut off.
  public var isBetweenRecords: Bool { phase == .header && wordBytes == 0 && failure == nil }

  /// Expects records of a request from now on. What is left of the padding of the record before is passed over.
  ///
  /// - Parameter id: 1 to 65,535. The request before it has ended.
  public mutating func expect(id: UInt16) {
    precondition(id != Record.managementID, "the id of a request is not 0")
    precondition(requestID == nil, "one request at a time")
    requestID = id
    stdoutEnded = false
    stderrEnded = false
  }

  /// Takes the bytes from the index `from` on, up to the next thing that the caller must know.
  ///
  /// - Returns: as ``RecordVerdict`` says. After `.refused` every call gives the same refusal.
  public mutating func next(_ bytes: Span<UInt8>, from: Int) -> RecordVerdict {
    precondition((0...bytes.count).contains(from), "an index of these bytes")
    if let failure { return .refused(failure) }
    var index = from
    do throws(RecordRefusal) {
      while true {
        let verdict: RecordVerdict?
        switch phase {
        case .header:
          guard takeWord(bytes, &index) else { return .needMore(consumed: index) }
          try beginRecord()
          verdict = contentLeft == 0 ? try endContent(at: index) : nil
        case .content:
          guard index < bytes.count else { return .needMore(consumed: index) }
          verdict = try takeContent(bytes, &index)
        case .padding:
          let skipped = min(paddingLeft, bytes.count - index)
          index += skipped
          paddingLeft -= skipped
          guard paddingLeft == 0 else { return .needMore(consumed: index) }
          phase = .header
          verdict = nil
        }
        if let verdict { return verdict }
      }
    } catch {
      failure = error
      return .refused(error)
    }
  }

  /// Collects eight bytes, the first the most significant.
  ///
  /// - Returns: whether they are all there. Then the next call begins anew.
  private mutating func takeWord(_ bytes: Span<UInt8>, _ index: inout Int) -> Bool {
    while wordBytes < 8 {
      guard index < bytes.count else { return false }
      word = word << 8 | UInt64(bytes[index])
      wordBytes += 1
      index += 1
    }
    wordBytes = 0
    return true
  }

  /// Judges the header in `word` (3.3 and appendix A).
  private mutating func beginRecord() throws(RecordRefusal) {
    let version = UInt8(truncatingIfNeeded: word >> 56)
    guard version == Record.version else { throw .version(version) }
    let typeNumber = UInt8(truncatingIfNeeded: word >> 48)
    guard let type = RecordType(rawValue: typeNumber) else { throw .undefinedType(typeNumber) }
    guard !type.isSentByServer else { throw .serverType(type) }
    try judge(id: UInt16(truncatingIfNeeded: word >> 32), of: type)
    let content = Int(UInt16(truncatingIfNeeded: word >> 16))
    switch type {
    case .endRequest, .unknownType:
      guard content == 8 else { throw .contentLength(type, bytes: content) }
    case .getValuesResult:
      guard content <= Self.maximumValuesBytes else { throw .valuesTooLong(bytes: content) }
    default:
      let ended = type == .stdout ? stdoutEnded : stderrEnded
      guard !ended || content == 0 else { throw .dataAfterEnd(type) }
    }
    self.type = type
    contentLeft = content
    paddingLeft = Int(UInt8(truncatingIfNeeded: word >> 8))
    phase = .content
  }

  private func judge(id: UInt16, of type: RecordType) throws(RecordRefusal) {
    if type.isManagement {
      guard id == Record.managementID else { throw .managementRecordOfRequest(type, id: id) }
    } else {
      guard let requestID else { throw .noRequest(type, id: id) }
      guard id == requestID else { throw .otherRequest(type, id: id, expected: requestID) }
    }
  }

  /// Takes content of the record, of which at least one byte is there.
  private mutating func takeContent(
    _ bytes: Span<UInt8>, _ index: inout Int
  ) throws(RecordRefusal) -> RecordVerdict? {
    let start = index
    let end = start + min(contentLeft, bytes.count - start)
    contentLeft -= end - start
    switch type {
    case .stdout, .stderr:
      index = end
      if contentLeft == 0 { leaveContent() }
      return type == .stdout ? .stdout(start..<end) : .stderr(start..<end)
    case .getValuesResult:
      index = end
      values.append(copying: bytes.extracting(start..<end))
      return contentLeft == 0 ? try endContent(at: end) : nil
    default:
      return takeWord(bytes, &index) ? try endContent(at: end) : nil
    }
  }

  private mutating func leaveContent() { phase = paddingLeft > 0 ? .padding : .header }

  /// Tells of a record that means something once its content is whole, or of a stream whose record has none.
  ///
  /// - Returns: nil for a second end of a stream: it says nothing that is not known, so it is passed over.
  private mutating func endContent(at end: Int) throws(RecordRefusal) -> RecordVerdict? {
    leaveContent()
    switch type {
    case .stdout:
      defer { stdoutEnded = true }
      return stdoutEnded ? nil : .endOfStdout(end: end)
    case .stderr:
      defer { stderrEnded = true }
      return stderrEnded ? nil : .endOfStderr(end: end)
    case .endRequest:
      let number = UInt8(truncatingIfNeeded: word >> 24)
      guard let status = ProtocolStatus(rawValue: number) else { throw .protocolStatus(number) }
      requestID = nil
      return .endRequest(appStatus: UInt32(truncatingIfNeeded: word >> 32), protocolStatus: status, end: end)
    case .unknownType:
      return .unknownType(UInt8(truncatingIfNeeded: word >> 56), end: end)
    default:
      // An answer comes once a connection, if at all: its storage is given back.
      let content = values
      values = []
      return .values(try ApplicationValues(content.span), end: end)
    }
  }
}
