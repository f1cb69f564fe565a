// A span's bytes behind those of an array.

extension [UInt8] {
  /// A loop over room that was made at once compiles to one copy of memory; `append` a byte does not.
  mutating func append(copying bytes: Span<UInt8>) {
    append(addingCapacity: bytes.count) { room in
      for index in bytes.indices { room.append(bytes[index]) }
    }
  }
}
