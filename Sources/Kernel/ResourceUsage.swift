import Glibc

/// What a process took, and the children that it waited for, as the kernel counted it. getrusage(2).
public struct ResourceUsage: Sendable, Equatable {
  /// User and system time together. Their split is a sample by clock ticks and is not kept.
  public var cpuNanoseconds: Int64
  /// The resident peak of the largest process among them, never a sum.
  public var peakResidentBytes: Int64
  public var minorFaults: Int64
  public var majorFaults: Int64
  public var voluntarySwitches: Int64
  public var involuntarySwitches: Int64
  /// In blocks of 512 bytes, those that a disk moved.
  public var blocksRead: Int64
  public var blocksWritten: Int64

  public init(
    cpuNanoseconds: Int64, peakResidentBytes: Int64, minorFaults: Int64, majorFaults: Int64,
    voluntarySwitches: Int64, involuntarySwitches: Int64, blocksRead: Int64, blocksWritten: Int64
  ) {
    self.cpuNanoseconds = cpuNanoseconds
    self.peakResidentBytes = peakResidentBytes
    self.minorFaults = minorFaults
    self.majorFaults = majorFaults
    self.voluntarySwitches = voluntarySwitches
    self.involuntarySwitches = involuntarySwitches
    self.blocksRead = blocksRead
    self.blocksWritten = blocksWritten
  }

  public init(_ usage: rusage) {
    let seconds = Int64(usage.ru_utime.tv_sec) + Int64(usage.ru_stime.tv_sec)
    let microseconds = Int64(usage.ru_utime.tv_usec) + Int64(usage.ru_stime.tv_usec)
    cpuNanoseconds = seconds * 1_000_000_000 + microseconds * 1000
    peakResidentBytes = Int64(usage.ru_maxrss) * 1024
    minorFaults = Int64(usage.ru_minflt)
    majorFaults = Int64(usage.ru_majflt)
    voluntarySwitches = Int64(usage.ru_nvcsw)
    involuntarySwitches = Int64(usage.ru_nivcsw)
    blocksRead = Int64(usage.ru_inblock)
    blocksWritten = Int64(usage.ru_oublock)
  }
}

/// How a process ended.
public enum ProcessEnd: Sendable, Equatable {
  case exited(status: Int32)
  case signalled(signal: Int32)

  /// - Parameter waitStatus: as wait(2) gives it. Its layout is the kernel's ABI; its macros do not reach Swift.
  public init(waitStatus: Int32) {
    let signal = waitStatus & 0x7f
    self = signal == 0 ? .exited(status: (waitStatus >> 8) & 0xff) : .signalled(signal: signal)
  }
}
