// The end of a child: its exit, its bill, and the group that it leads.

import Glibc
import Kernel
import SpawnProtocol

/// How a child ended and what it took: it, and the children that it waited for.
public struct ProcessReport: Sendable, Equatable {
  public var end: ProcessEnd
  public var usage: ResourceUsage
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
    return reaped == 0 ? nil : ProcessReport(end: ProcessEnd(waitStatus: status), usage: ResourceUsage(usage))
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
