import Glibc

/// The processor time that a whole process, all its threads, has taken; its children are not part of it.
/// clock_getcpuclockid(3): one system call of some hundred nanoseconds, exact and not by ticks.
public struct ProcessClock: Sendable {
  private let clock: clockid_t

  /// The clock of a process; nil where there is none of that number, or none that may be asked.
  public init?(pid: Int32) {
    var clock: clockid_t = 0
    guard clock_getcpuclockid(pid, &clock) == 0 else { return nil }
    self.clock = clock
  }

  /// Nanoseconds so far, also of a process that has ended; nil once it has been reaped.
  public func nanoseconds() -> Int64? {
    var time = timespec()
    guard clock_gettime(clock, &time) == 0 else { return nil }
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
