// The chunked transfer coding (RFC 9112 7.1), decoded in place: what is data is told as ranges, nothing is
// copied. Extensions and trailers are checked, counted and dropped.

/// What the decoder says about the next bytes. Every index counts from the beginning of the span given.
public enum ChunkVerdict: Sendable, Equatable {
  /// All bytes were taken, up to the index `consumed`, which is the span's count. Nothing of them is needed
  /// again.
  case needMore(consumed: Int)
  /// The bytes in this range are data; it is never empty. Call again from its upper bound.
  case data(Range<Int>)
  /// The body is complete, and `end` is the index just behind it.
  case finished(end: Int)
  /// The body is refused; the connection can carry no further request.
  case refused(Refusal)
}

/// Decodes one chunked body, in pieces that may be cut anywhere.
public struct ChunkedDecoder: Sendable {
  private enum Phase: UInt8 {
    case sizeStart, size, extensionSpace, extensionText, sizeEnd, data, dataReturn, dataEnd
    case trailerStart, trailerName, trailerValue, trailerEnd, bodyEnd, finished
  }

  private let limits: ChunkLimits
  private var phase = Phase.sizeStart
  /// The size that is being read, then what is left of the chunk, in bytes.
  private var remaining = 0
  private var sizeDigits = 0
  private var extensionBytes = 0
  private var extensionTotalBytes = 0
  private var trailerBytes = 0
  private var trailerCount = 0
  private var failure: Refusal?

  /// A decoder at the beginning of a body.
  public init(limits: ChunkLimits = .init()) { self.limits = limits }

  /// Takes the bytes from the index `from` on, up to the next thing that the caller must know.
  ///
  /// - Returns: as ``ChunkVerdict`` says. A refusal has 400, or 431 for a trailer section over its limits.
  ///   After `.finished` every call gives `.finished(end: from)`, after `.refused` the same refusal.
  public mutating func next(_ bytes: Span<UInt8>, from: Int) -> ChunkVerdict {
    if let failure { return .refused(failure) }
    var index = from
    do throws(Refusal) {
      while phase != .finished, index < bytes.count {
        if phase == .data {
          let end = index + min(remaining, bytes.count - index)
          remaining -= end - index
          if remaining == 0 { phase = .dataReturn }
          return .data(index..<end)
        }
        if phase.rawValue < Phase.data.rawValue {
          try takeSizeLine(bytes[index])
        } else if phase.rawValue < Phase.trailerStart.rawValue {
          try takeDataEnd(bytes[index])
        } else {
          try takeTrailer(bytes[index])
        }
        index += 1
      }
    } catch {
      failure = error
      return .refused(error)
    }
    return phase == .finished ? .finished(end: index) : .needMore(consumed: index)
  }

  /// `chunk-size [ chunk-ext ] CRLF`.
  private mutating func takeSizeLine(_ byte: UInt8) throws(Refusal) {
    switch phase {
    case .sizeStart, .size:
      if let digit = ASCII.hexValue(byte) { return try takeSizeDigit(digit) }
      guard phase == .size else { throw .malformed("a chunk without a size") }
      try endSize(byte)
    case .extensionSpace:
      // White space may stand before a semicolon only (BWS in RFC 9112 7.1.1), not before the line's end.
      guard ASCII.isWhitespace(byte) || byte == UInt8(ascii: ";") else {
        throw .malformed("white space behind a chunk's size")
      }
      try countExtension()
      if byte == UInt8(ascii: ";") { phase = .extensionText }
    case .extensionText:
      if byte == ASCII.carriageReturn {
        phase = .sizeEnd
        return
      }
      guard ASCII.isFieldContent(byte) else {
        if byte == ASCII.lineFeed { throw .malformed(Refusal.bareLineFeed) }
        throw .malformed("a control character in a chunk extension")
      }
      try countExtension()
    default:
      guard byte == ASCII.lineFeed else { throw .malformed(Refusal.bareCarriageReturn) }
      sizeDigits = 0
      extensionBytes = 0
      phase = remaining == 0 ? .trailerStart : .data
    }
  }

  private mutating func takeSizeDigit(_ digit: UInt8) throws(Refusal) {
    // Sixteen digits hold any size; more of them are zeros in front that say nothing.
    guard sizeDigits < 16, remaining <= Int.max >> 4 else {
      throw .malformed("a chunk size out of range")
    }
    remaining = remaining << 4 | Int(digit)
    sizeDigits += 1
    phase = .size
  }

  private mutating func endSize(_ byte: UInt8) throws(Refusal) {
    switch byte {
    case ASCII.carriageReturn:
      phase = .sizeEnd
    case UInt8(ascii: ";"):
      try countExtension()
      phase = .extensionText
    case ASCII.space, ASCII.tab:
      try countExtension()
      phase = .extensionSpace
    case ASCII.lineFeed:
      throw .malformed(Refusal.bareLineFeed)
    default:
      throw .malformed("a chunk size that is not hexadecimal")
    }
  }

  private mutating func countExtension() throws(Refusal) {
    extensionBytes += 1
    extensionTotalBytes += 1
    if extensionBytes > limits.extensionBytes {
      let limit = LimitHit(key: "chunk_extension", value: limits.extensionBytes)
      throw Refusal(status: 400, reason: "a chunk extension over its limit", limit: limit)
    }
    if extensionTotalBytes > limits.extensionTotalBytes {
      let limit = LimitHit(key: "chunk_extensions", value: limits.extensionTotalBytes)
      throw Refusal(status: 400, reason: "the chunk extensions of a body over their limit", limit: limit)
    }
  }

  /// The CRLF behind a chunk's data.
  private mutating func takeDataEnd(_ byte: UInt8) throws(Refusal) {
    if phase == .dataReturn {
      guard byte == ASCII.carriageReturn else { throw .malformed("a chunk longer than its size") }
      phase = .dataEnd
    } else {
      guard byte == ASCII.lineFeed else { throw .malformed(Refusal.bareCarriageReturn) }
      phase = .sizeStart
    }
  }

  /// `*( field-line CRLF ) CRLF` (RFC 9112 7.1.2). The fields are dropped: to merge them into the head
  /// would let a sender add fields that the head was already judged without.
  private mutating func takeTrailer(_ byte: UInt8) throws(Refusal) {
    trailerBytes += 1
    if trailerBytes > limits.trailerBytes {
      let limit = LimitHit(key: "chunk_trailer", value: limits.trailerBytes)
      throw Refusal(status: 431, reason: "a trailer section over its limit", limit: limit)
    }
    switch phase {
    case .trailerStart where byte == ASCII.carriageReturn:
      phase = .bodyEnd
    case .trailerStart:
      guard ASCII.isToken(byte) else { throw .malformed("a trailer line that does not begin with a name") }
      trailerCount += 1
      if trailerCount > limits.trailerCount {
        let limit = LimitHit(key: "chunk_trailer_fields", value: limits.trailerCount)
        throw Refusal(status: 431, reason: "too many trailer fields", limit: limit)
      }
      phase = .trailerName
    case .trailerName:
      if byte == UInt8(ascii: ":") {
        phase = .trailerValue
      } else if !ASCII.isToken(byte) {
        throw .malformed("a trailer line without a name and a colon")
      }
    case .trailerValue:
      if byte == ASCII.carriageReturn {
        phase = .trailerEnd
      } else if !ASCII.isFieldContent(byte) {
        throw .malformed("a control character in a trailer field")
      }
    default:
      guard byte == ASCII.lineFeed else { throw .malformed(Refusal.bareCarriageReturn) }
      phase = phase == .bodyEnd ? .finished : .trailerStart
    }
  }
}
