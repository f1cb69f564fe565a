/// A time at which its holder looks again: moved often, reached seldom. A loop's timers are not taken back, so one that
/// is under way for an earlier time serves a later one too: moving a deadline back costs no timer, and there is never
/// more than one that matters.
public struct Deadline {
  private var time = Int64.max
  /// When the timer that matters falls due.
  private var armedUntil = Int64.max

  public init() {}

  /// Sets the time, by the loop's clock.
  public mutating func set(_ time: Int64, for token: Token, on loop: EventLoop) {
    self.time = time
    if time < armedUntil {
      armedUntil = time
      loop.schedule(token, at: time)
    }
  }

  /// There is nothing to look at until it is set again.
  public mutating func clear() { time = .max }

  /// To be asked when a timer of the registration has fired: whether the time has come. It is then cleared.
  public mutating func hasCome(for token: Token, on loop: EventLoop) -> Bool {
    // A timer that an earlier one has overtaken.
    if loop.now < armedUntil { return false }
    armedUntil = .max
    if loop.now < time {
      if time != .max { set(time, for: token, on: loop) }
      return false
    }
    time = .max
    return true
  }
}
