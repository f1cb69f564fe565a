import CKernel
import Glibc

public enum Clock {
  /// Nanoseconds of CLOCK_MONOTONIC: for durations and deadlines.
  @inline(__always)
  public static func monotonic() -> Int64 { ck_clock(CLOCK_MONOTONIC) }

  /// Nanoseconds since the epoch, CLOCK_REALTIME: for dates that people read.
  @inline(__always)
  public static func realtime() -> Int64 { ck_clock(CLOCK_REALTIME) }

  /// Sleeps the calling thread. Never on a loop.
  public static func sleep(milliseconds: Int) {
    let until = monotonic() + Int64(milliseconds) * 1_000_000
    while true {
      let left = until - monotonic()
      if left <= 0 { return }
      var pause = timespec(tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
      nanosleep(&pause, nil)
    }
  }
}
