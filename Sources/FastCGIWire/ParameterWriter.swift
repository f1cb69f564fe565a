// FCGI_PARAMS, the stream of name-value pairs that tells an application about a request (5.2), written in its
// records straight away: what comes before and behind it stands in the same buffer, so that a request with a
// short body leaves in one write.

/// Writes the pairs of one FCGI_PARAMS stream behind what its buffer holds already.
///
/// A request is written so: ``RecordWriter/appendBeginRequest(id:role:keepConnection:to:)`` to ``bytes``,
/// ``begin(id:)``, ``add(_:_:)`` for each variable, ``finish()``, and then FCGI_STDIN to ``bytes`` by
/// ``RecordWriter/appendStream(_:id:_:to:)`` and ``RecordWriter/appendEndOfStream(_:id:to:)``.
public struct ParameterWriter: Sendable {
  /// The buffer. Between ``begin(id:)`` and ``finish()`` nobody else may change it.
  public var bytes: [UInt8] = []
  private var id: UInt16 = 0
  /// Where the header of the record stands that is being filled; nil while no stream is open.
  private var recordStart: Int?

  /// A writer with an empty buffer.
  public init() {}

  /// Begins the stream of a request.
  ///
  /// - Parameter id: 1 to 65,535.
  public mutating func begin(id: UInt16) {
    precondition(recordStart == nil, "the stream before has been finished")
    self.id = id
    openRecord()
  }

  /// Adds a pair. One that fits a record is never cut: where the open record has no room for it, the next begins.
  ///
  /// - Parameters:
  ///   - name: up to ``NameValuePair/maximumBytes``, without NUL (6.1).
  ///   - value: the same; may be empty.
  public mutating func add(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    precondition(name.count <= NameValuePair.maximumBytes, "a name whose length can be written")
    precondition(value.count <= NameValuePair.maximumBytes, "a value whose length can be written")
    let lengthBytes = NameValuePair.lengthBytes(name.count) + NameValuePair.lengthBytes(value.count)
    let size = lengthBytes + name.count + value.count
    if size > freeBytes {
      // The specification lets a pair straddle records (appendix B, example 2), but PHP reads each record by
      // itself and drops the connection.
      startRecord()
      if size > freeBytes { return addInPieces(name, value) }
    }
    bytes.append(addingCapacity: size) { room in
      NameValuePair.encodeLength(name.count) { room.append($0) }
      NameValuePair.encodeLength(value.count) { room.append($0) }
      for index in name.indices { room.append(name[index]) }
      for index in value.indices { room.append(value[index]) }
    }
  }

  /// Ends the stream with its empty record.
  public mutating func finish() {
    // An open record without content is the one that ends the stream.
    startRecord()
    recordStart = nil
  }

  /// How much content the open record has, in bytes.
  private var contentBytes: Int {
    guard let recordStart else { preconditionFailure("a stream has been begun") }
    return bytes.count - recordStart - Record.headerBytes
  }

  private var freeBytes: Int { Record.maximumContentBytes - contentBytes }

  /// Adds a pair that is longer than any record.
  private mutating func addInPieces(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    // The record is empty, and has room for the lengths at least.
    NameValuePair.encodeLength(name.count) { bytes.append($0) }
    NameValuePair.encodeLength(value.count) { bytes.append($0) }
    addContent(name)
    addContent(value)
  }

  private mutating func addContent(_ content: Span<UInt8>) {
    var index = 0
    while index < content.count {
      if freeBytes == 0 { startRecord() }
      let size = min(freeBytes, content.count - index)
      bytes.append(copying: content.extracting(index..<index + size))
      index += size
    }
  }

  /// Goes on with an empty record, which the open one may be already.
  private mutating func startRecord() {
    if contentBytes > 0 {
      closeRecord()
      openRecord()
    }
  }

  private mutating func openRecord() {
    recordStart = bytes.count
    RecordWriter.appendHeader(.params, id: id, contentBytes: 0, to: &bytes)
  }

  /// Writes the content's length into the header of the open record.
  private mutating func closeRecord() {
    let length = contentBytes
    precondition((0...Record.maximumContentBytes).contains(length), "nobody else has changed the buffer")
    let header = bytes.count - length - Record.headerBytes
    bytes[header + 4] = UInt8(length >> 8)
    bytes[header + 5] = UInt8(length & 0xFF)
  }
}
