// The end of a worker: SIGTERM and SIGUSR1, seen between two requests and never within one.
//
// libfcgi has handlers of its own for both. They interrupt a read or a write of the request in hand, which it takes for
// a broken connection; and one that comes between its look at the flag and its call of accept(2) is not seen until the
// next request. Hence these: calls are restarted, so that no request breaks; and where the worker waits for one, the
// signal is sent again after a moment, and then interrupts.

import CFCGI
import Glibc
import Synchronization

// What a signal's handler may touch: no lock, no allocation, and nothing that is made when it is first used.
private let isEnding = Atomic(false)
private let isAccepting = Atomic(false)
private let resends = Atomic(false)
private let hasTimer = Atomic(false)
/// A `timer_t`: glibc has a null pointer for the first timer of a process.
private let resendTimer = Atomic<UInt>(0)

/// How long a request whose bytes have begun to come has to come in whole; then again, as long as the worker waits.
private let resendNanoseconds = 100_000_000

/// The handlers of one run of a worker.
final class Termination {
  private var previous: [(signal: Int32, action: sigaction)] = []
  private var previousMask = sigset_t()

  /// Takes the signals over. The calling thread is the one that accepts.
  init() {
    isEnding.store(false, ordering: .relaxed)
    var event = sigevent()
    event.sigev_signo = SIGTERM
    // SIGEV_THREAD_ID: it is this thread's call that is to be interrupted.
    event.sigev_notify = 4
    event._sigev_un._tid = cfcgi_thread()
    var timer: timer_t?
    let isMade = timer_create(CLOCK_MONOTONIC, &event, &timer) == 0
    resendTimer.store(UInt(bitPattern: timer), ordering: .relaxed)
    hasTimer.store(isMade, ordering: .relaxed)
    var unblocked = sigset_t()
    sigemptyset(&unblocked)
    for signal in [SIGTERM, SIGUSR1] {
      sigaddset(&unblocked, signal)
      var old = sigaction()
      sigaction(signal, nil, &old)
      previous.append((signal, old))
      // Without a timer (they have a limit, RLIMIT_SIGPENDING) the first signal interrupts.
      handle(signal, restarts: isMade)
    }
    // Whoever started the program may have blocked them, as a thread of Dispatch does, and a program inherits that.
    pthread_sigmask(SIG_UNBLOCK, &unblocked, &previousMask)
  }

  /// Gives the signals back.
  func forget() {
    pthread_sigmask(SIG_SETMASK, &previousMask, nil)
    for (signal, action) in previous {
      var action = action
      sigaction(signal, &action, nil)
    }
    if hasTimer.exchange(false, ordering: .relaxed) {
      timer_delete(timer_t(bitPattern: resendTimer.load(ordering: .relaxed)))
    }
  }

  /// Waits for a request.
  /// - Returns: whether there is one; else the worker shall end.
  /// - Throws: `FastCGIError.notAccepting`.
  func accept(_ state: UnsafeMutablePointer<FCGX_Request>) throws -> Bool {
    // Before the look at `isEnding`: a signal that comes between them finds that it has to send itself again.
    isAccepting.store(true, ordering: .sequentiallyConsistent)
    defer {
      isAccepting.store(false, ordering: .sequentiallyConsistent)
      if resends.exchange(false, ordering: .relaxed) { stopResending() }
    }
    guard !isEnding.load(ordering: .sequentiallyConsistent) else { return false }
    let result = FCGX_Accept_r(state)
    if result == 0 { return true }
    guard isEnding.load(ordering: .sequentiallyConsistent) else { throw FastCGIError.notAccepting(-result) }
    return false
  }

  private func stopResending() {
    setResending(nanoseconds: 0)
    handle(SIGTERM, restarts: true)
  }
}

/// Runs in the middle of anything.
private func seeSignal(_ signal: Int32) {
  let before = errno
  isEnding.store(true, ordering: .sequentiallyConsistent)
  if isAccepting.load(ordering: .sequentiallyConsistent) {
    if hasTimer.load(ordering: .relaxed), !resends.exchange(true, ordering: .relaxed) {
      handle(SIGTERM, restarts: false)
      setResending(nanoseconds: resendNanoseconds)
    } else {
      // From here on libfcgi accepts no connection; a request that it is reading has been interrupted.
      FCGX_ShutdownPending()
    }
  }
  errno = before
}

private func handle(_ signal: Int32, restarts: Bool) {
  var action = sigaction()
  action.__sigaction_handler.sa_handler = seeSignal
  action.sa_flags = restarts ? SA_RESTART : 0
  sigaction(signal, &action, nil)
}

/// Has SIGTERM sent in every so many nanoseconds; 0 for no more.
private func setResending(nanoseconds: Int) {
  let every = timespec(tv_sec: 0, tv_nsec: nanoseconds)
  var value = itimerspec(it_interval: every, it_value: every)
  timer_settime(timer_t(bitPattern: resendTimer.load(ordering: .relaxed)), 0, &value, nil)
}
