import CKernel
import Glibc

/// The signals that the gateway sends, by name.
public enum Signal {
  public static let terminate = SIGTERM
  public static let kill = SIGKILL
}

/// The signals that end or steer a server.
public enum SteeringSignal: CInt, Sendable, CaseIterable {
  /// SIGHUP: to read the configuration again, or that the terminal is gone.
  case hangUp = 1
  /// SIGINT.
  case interrupt = 2
  /// SIGTERM.
  case terminate = 15
}

/// What concerns the process as a whole.
public enum ThisProcess {
  public static var pid: CInt { getpid() }

  /// The processors that this process may run on. sched_getaffinity(2).
  public static func processors() -> Int {
    max(1, retrying { ck_processors() })
  }

  /// Sets the signals' dispositions that a server needs, whatever it inherited: a write to a closed socket or pipe is
  /// an error and not the end, and the kernel keeps ended children until they are asked for.
  public static func setDispositions() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGCHLD, SIG_DFL)
  }

  /// Opens /dev/null in the place of each of standard input, output and error that is closed: else the next file that
  /// is opened gets its number, and what is meant for people is written into it.
  public static func openStandardDescriptors() {
    // open(2) gives the least number that is free. Programs that are started inherit them, as they would the real ones.
    while true {
      let raw = open("/dev/null", O_RDWR)
      if raw > standardError { close(raw) }
      guard (0...standardError).contains(raw) else { return }
    }
  }

  /// Has the heaps of this process's threads keep what is taken and given back all the time. mallopt(3).
  public static func keepHeaps() { ck_keep_heaps() }

  /// Blocks the `SteeringSignal`s, for this thread and those it starts, so that `nextSignal` gets
  /// them.
  public static func holdSignals() {
    var set = Self.signals
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// Waits for a signal. sigwait(3).
  public static func nextSignal() -> SteeringSignal {
    var set = Self.signals
    var signal: CInt = 0
    sigwait(&set, &signal)
    guard let known = SteeringSignal(rawValue: signal) else { preconditionFailure("a signal that is not waited for") }
    return known
  }

  /// Waits for a signal, at most so long; nil where none came. sigtimedwait(2).
  public static func nextSignal(withinMilliseconds limit: Int) -> SteeringSignal? {
    var set = Self.signals
    var time = timespec(tv_sec: limit / 1000, tv_nsec: limit % 1000 * 1_000_000)
    return SteeringSignal(rawValue: sigtimedwait(&set, nil, &time))
  }

  private static var signals: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in SteeringSignal.allCases { sigaddset(&set, signal.rawValue) }
    return set
  }

  /// The soft limit of open descriptors of this process as it is now. prlimit(2).
  public static func descriptorLimit() -> Int { retrying { ck_get_descriptor_limit(0) } }

  /// The soft limit that this process was started with, which `raiseDescriptorLimit` leaves behind.
  public static let inheritedDescriptorLimit = descriptorLimit()

  /// Sets the soft limit of another process of this user. prlimit(2).
  public static func setDescriptorLimit(of pid: CInt, _ soft: Int) throws(Errno) {
    _ = try throwing { ck_set_descriptor_limit(pid, UInt(soft)) }
  }

  /// Raises the soft limit of open descriptors to the hard one, and gives it; again does no harm. setrlimit(2).
  @discardableResult
  public static func raiseDescriptorLimit() -> Int {
    _ = inheritedDescriptorLimit
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return descriptorLimit()
  }

  /// The path of the program that runs.
  public static func executablePath() -> String {
    (try? canonicalPath("/proc/self/exe")) ?? CommandLine.arguments[0]
  }

  public static func isTerminal(_ raw: CInt) -> Bool { isatty(raw) == 1 }

  /// Whether it has a controlling terminal: one that has hung up is none any more. tty(4).
  public static func hasControllingTerminal() -> Bool {
    let terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC)
    if terminal >= 0 { close(terminal) }
    return terminal >= 0
  }

  /// An environment variable of this process; nil where it is not set.
  public static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }

  public static let standardOutput: CInt = 1
  public static let standardError: CInt = 2
}
