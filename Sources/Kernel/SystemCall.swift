// One retry policy for every system call: EINTR is tried again; EBADF and EFAULT are our own broken invariants and
// end the program; everything else is the caller's to judge.

import CKernel
import Glibc
import SystemPackage

public typealias Errno = SystemPackage.Errno

/// Calls until the call is not interrupted. `call` gives its result or the negated errno, as CKernel's functions do.
@inline(__always)
func retrying(_ call: () -> Int) -> Int {
  while true {
    let result = call()
    if result >= 0 { return result }
    if result == -Int(EINTR) { continue }
    precondition(result != -Int(EBADF) && result != -Int(EFAULT), "a system call met EBADF or EFAULT")
    return result
  }
}

/// The same, for calls whose failure is exceptional.
@inline(__always)
func throwing(_ call: () -> Int) throws(Errno) -> Int {
  let result = retrying(call)
  if result < 0 { throw Errno(rawValue: CInt(-result)) }
  return result
}

extension Errno {
  /// This process, or the whole system, has no descriptor left (EMFILE, ENFILE).
  public var isOutOfDescriptors: Bool { self == .tooManyOpenFiles || self == .tooManyOpenFilesInSystem }
}

/// What a transfer on a descriptor that does not block came to.
public enum Transfer: Equatable {
  /// So many bytes moved; none is the end of the stream where bytes were read.
  case bytes(Int)
  case wouldBlock
  case failed(Errno)

  @inline(__always)
  init(_ result: Int) {
    if result >= 0 {
      self = .bytes(result)
    } else if result == -Int(EAGAIN) {
      self = .wouldBlock
    } else {
      self = .failed(Errno(rawValue: CInt(-result)))
    }
  }
}

/// What the kernel says of an errno, in words («No such file or directory»).
public func describe(errno: CInt) -> String {
  Errno(rawValue: errno).description
}
