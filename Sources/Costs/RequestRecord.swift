// What a loop hands to the access log: the bill of each request and the texts that belong to it. The texts of a
// whole batch lie in one buffer, so that a request costs no allocation of its own.

/// One finished request. The ranges index the text of the batch it is in; an empty range is absent.
public struct RequestRecord: Sendable {
  public var bill = Bill()
  /// The client's address, as REMOTE_ADDR has it.
  public var remote: Range<Int32> = 0..<0
  /// The method as it was sent; absent where the request ended before its head was understood.
  public var method: Range<Int32> = 0..<0
  /// The target as it was sent, undecoded.
  public var target: Range<Int32> = 0..<0
  public var referer: Range<Int32> = 0..<0
  public var userAgent: Range<Int32> = 0..<0
  /// The path of the route that answered; absent where none was found.
  public var route: Range<Int32> = 0..<0
  /// The script that ran, as SCRIPT_NAME has it.
  public var script: Range<Int32> = 0..<0
  /// The pool whose worker had the request.
  public var pool: Range<Int32> = 0..<0
  /// HTTP/1.0 or HTTP/1.1.
  public var minorVersion: UInt8 = 1

  public init() {}
}

/// The records of one loop since it last handed some over.
public struct RecordBatch: Sendable {
  public var records: [RequestRecord] = []
  /// The texts of all of them, one after another.
  public var text: [UInt8] = []

  public init() {}

  public var isEmpty: Bool { records.isEmpty }

  /// Copies part of a buffer into the batch's text and gives the range that a record keeps.
  @inlinable
  public mutating func keep(_ bytes: [UInt8], _ range: Range<Int>) -> Range<Int32> {
    let start = Int32(text.count)
    text.append(contentsOf: bytes[range])
    return start..<Int32(text.count)
  }

  /// Copies all of a buffer.
  @inlinable
  public mutating func keep(_ bytes: [UInt8]) -> Range<Int32> { keep(bytes, 0..<bytes.count) }

  /// The bytes of a record's range, or nil where it is absent.
  public func bytes(_ range: Range<Int32>) -> ArraySlice<UInt8>? {
    range.isEmpty ? nil : text[Int(range.lowerBound)..<Int(range.upperBound)]
  }

  /// Forgets everything and keeps the memory.
  public mutating func removeAll() {
    records.removeAll(keepingCapacity: true)
    text.removeAll(keepingCapacity: true)
  }
}
