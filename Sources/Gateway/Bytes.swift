extension [UInt8] {
  /// Lends the bytes to a decoder. A class's property cannot hand out its span by itself.
  @inline(__always)
  func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result { body(span) }
}
