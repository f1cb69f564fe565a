// The end of a child: its exit, its bill, and the group that it leads.

import Glibc
import SpawnProtocol

/// How a child ended and what it took, as the kernel counted it: its own and that of the children it waited for.
public struct ProcessReport: Sendable, Equatable {
  /// How a process ended.
  public enum End: Sendable, Equatable {
    case exited(status: Int32)
    case signalled(signal: Int32)
  }

  public var end: End
  /// User and system time together; their split is a sample by clock ticks and is not kept.
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

  init(status: Int32, usage: rusage) {
    // The layout of a wait status is the kernel's ABI; its macros do not reach Swift.
    let signal = status & 0x7f
    end = signal == 0 ? .exited(status: (status >> 8) & 0xff) : .signalled(signal: signal)
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

/// A system call on a child failed; ECHILD where it is none of this process, or was reaped already.
public struct ProcessError: Error, Equatable {
  public let errno: Int32
}

/// Signals and reaps children. Nothing here waits.
public enum Reaper {
  /// Reaps a child if it has ended. wait4(2) with WNOHANG: at the end of a program's output it may still run, and a
  /// loop does not wait for it.
  ///
  /// - Returns: nil while it runs.
  /// - Throws: `ProcessError`.
  public static func poll(pid: Int32) throws(ProcessError) -> ProcessReport? {
    precondition(pid > 0, "a pid names one process")
    var status: Int32 = 0
    var usage = rusage()
    let reaped = wait4(pid, &status, WNOHANG, &usage)
    guard reaped >= 0 else { throw ProcessError(errno: errno) }
    return reaped == 0 ? nil : ProcessReport(status: status, usage: usage)
  }

  /// Whether a child has ended, without reaping it: as long as it is not reaped its number, and that of its group,
  /// is nobody else's, and `signalGroup` reaches what it left behind. waitid(2) with WNOWAIT.
  ///
  /// - Throws: `ProcessError`.
  public static func hasEnded(pid: Int32) throws(ProcessError) -> Bool {
    precondition(pid > 0, "a pid names one process")
    var information = siginfo_t()
    guard waitid(P_PID, id_t(pid), &information, WEXITED | WNOHANG | WNOWAIT) == 0 else {
      throw ProcessError(errno: errno)
    }
    return information.si_signo != 0
  }

  /// A descriptor that is readable when the process has ended; close-on-exec, and the caller's. pidfd_open(2).
  ///
  /// - Throws: `ProcessError`: ESRCH, EMFILE, ENFILE.
  public static func openPidfd(_ pid: Int32) throws(ProcessError) -> Int32 {
    let descriptor = spawn_pidfd_open(pid)
    guard descriptor >= 0 else { throw ProcessError(errno: -descriptor) }
    return descriptor
  }

  /// Signals every process of the group that the child leads. To be called before the child is reaped: afterwards
  /// the number may name another group. kill(2).
  ///
  /// - Returns: whether there was anyone to signal.
  @discardableResult
  public static func signalGroup(_ pid: Int32, _ signal: Int32) -> Bool {
    // kill(-1) would reach every process there is, kill(0) this one's own group.
    precondition(pid > 1, "a group is named by its leader")
    return kill(-pid, signal) == 0
  }
}
