import CKernel
import Glibc

private final class Body {
  let run: () -> Void
  init(_ run: @escaping () -> Void) { self.run = run }
}

public enum Threads {
  /// Starts a thread that nobody waits for. It has all signals blocked that the starting thread has.
  /// - Parameters:
  ///   - name: as `ps -L` shows it, cut to 15 bytes.
  ///   - body: what it does; nothing of it stays with the caller.
  public static func start(name: String, _ body: sending @escaping () -> Void) {
    let box = Unmanaged.passRetained(Body(body))
    var handle = pthread_t()
    let result = pthread_create(&handle, nil, startThread, box.toOpaque())
    precondition(result == 0, "pthread_create failed")
    // The thread may have ended before it gets its name; then there is nothing to name.
    _ = ck_name_thread(handle, String(name.prefix(15)))
    pthread_detach(handle)
  }
}

private func startThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
  return nil
}

/// A lock to sleep under until another thread has something to tell.
public final class Condition<State>: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var state: State

  public init(_ state: sending State) {
    self.state = state
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Changes the state and wakes one sleeper, if there is one, to look at it.
  public func change<R>(_ change: (inout State) -> R) -> R {
    pthread_mutex_lock(mutex)
    let result = change(&state)
    // Where nobody sleeps this is a look at a word of memory, and no system call.
    pthread_cond_signal(condition)
    pthread_mutex_unlock(mutex)
    return result
  }

  /// Sleeps until `take` gives something.
  public func wait<R>(_ take: (inout State) -> R?) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = take(&state) { return result }
      pthread_cond_wait(condition, mutex)
    }
  }
}
