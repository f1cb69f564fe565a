import CKernel
import Glibc

/// A file descriptor with one owner; closed when the owner lets go of it.
public struct Descriptor: ~Copyable, Sendable {
  public let raw: CInt

  /// Takes over an open descriptor.
  public init(owning raw: CInt) {
    precondition(raw >= 0, "a descriptor is not negative")
    self.raw = raw
  }

  deinit {
    // After close(2) the number is free whatever the result says; trying again could close somebody else's.
    _ = close(raw)
  }

  /// Stands for another's open file from now on; a write to it that is under way on another thread still goes to the
  /// old one. dup3(2).
  public borrowing func become(_ other: borrowing Descriptor) throws(Errno) {
    let (from, onto) = (other.raw, raw)
    precondition(from != onto, "two owners of one descriptor")
    _ = try throwing { ck_dup_onto(from, onto) }
  }
}

/// The two ends of a pipe, close-on-exec.
public struct Pipe: ~Copyable {
  public let readEnd: Descriptor
  public let writeEnd: Descriptor

  /// The write end, a program's, waits for room.
  /// - Parameter readEndBlocks: whether a read waits for bytes: on a loop never, on a thread that may it can.
  public init(readEndBlocks: Bool = false) throws(Errno) {
    var ends: (CInt, CInt) = (-1, -1)
    let flags = readEndBlocks ? 0 : O_NONBLOCK
    _ = try throwing {
      withUnsafeMutableBytes(of: &ends) { Int(ck_pipe($0.baseAddress!.assumingMemoryBound(to: CInt.self), flags)) }
    }
    readEnd = Descriptor(owning: ends.0)
    writeEnd = Descriptor(owning: ends.1)
    // The flag is each end's own, and the write end has no other.
    let result = fcntl(ends.1, F_SETFL, 0)
    precondition(result == 0, "fcntl(F_SETFL) failed on a new pipe")
  }

  /// Gives the read end away and closes the other, which a program has by now.
  public consuming func takeReadEnd() -> Descriptor { readEnd }
}

/// Reads from a descriptor that does not block into `buffer[offset...]`. read(2).
public func readBytes(_ raw: CInt, into buffer: inout [UInt8], at offset: Int) -> Transfer {
  precondition(offset < buffer.count, "no room to read into")
  return buffer.withUnsafeMutableBytes { bytes in
    let base = bytes.baseAddress! + offset
    let room = bytes.count - offset
    return Transfer(
      retrying {
        let result = read(raw, base, room)
        return result < 0 ? -Int(errno) : result
      })
  }
}

/// Writes `buffer[range]`. write(2).
public func writeBytes(_ raw: CInt, from buffer: [UInt8], _ range: Range<Int>) -> Transfer {
  precondition(range.upperBound <= buffer.count, "a range beyond its buffer")
  return buffer.withUnsafeBytes { bytes in
    Transfer(
      retrying {
        let result = write(raw, bytes.baseAddress! + range.lowerBound, range.count)
        return result < 0 ? -Int(errno) : result
      })
  }
}

/// Writes everything, waiting as long as it takes. For descriptors that block, on threads that may.
public func writeFully(_ raw: CInt, _ buffer: [UInt8]) throws(Errno) {
  var sent = 0
  while sent < buffer.count {
    switch writeBytes(raw, from: buffer, sent..<buffer.count) {
    case .bytes(let count): sent += count
    case .wouldBlock: waitWritable(raw)
    case .failed(let error): throw error
    }
  }
}

/// Waits until a descriptor takes bytes again: standard output may have been made non-blocking by its other holders.
private func waitWritable(_ raw: CInt) {
  var entry = pollfd(fd: raw, events: Int16(POLLOUT), revents: 0)
  _ = poll(&entry, 1, 1000)
}

/// Another descriptor for the same open file. fcntl(2), F_DUPFD_CLOEXEC.
public func duplicate(_ raw: CInt) throws(Errno) -> Descriptor {
  Descriptor(
    owning: CInt(
      try throwing {
        let result = fcntl(raw, F_DUPFD_CLOEXEC, 3)
        return result < 0 ? -Int(errno) : Int(result)
      }))
}
