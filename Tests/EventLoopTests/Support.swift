// What the tests of this module share: a loop that cannot hang, targets made of closures, and pipes.

import Glibc
import Kernel
import Testing

@testable import EventLoop

/// A target whose calls go to closures.
final class Target: LoopTarget {
  var onReady: (Readiness, UInt8) -> Void = { _, _ in Issue.record("ready, and nobody expects it") }
  var onTimer: (UInt8) -> Void = { _ in Issue.record("a timer fired, and nobody expects it") }
  var onMessage: (any Sendable, UInt8) -> Void = { message, _ in Issue.record("received \(message), unexpected") }

  func ready(_ readiness: Readiness, role: UInt8) { onReady(readiness, role) }
  func timerFired(role: UInt8) { onTimer(role) }
  func received(_ message: any Sendable, role: UInt8) { onMessage(message, role) }
}

/// A loop that stops by itself after ten seconds, and says so.
final class TestLoop {
  let loop: EventLoop
  private let watchdog = Target()

  init() throws {
    loop = try EventLoop(mailbox: Mailbox())
    let token = loop.register(watchdog)
    watchdog.onTimer = { [unowned self] _ in
      Issue.record("the loop was not stopped within ten seconds")
      loop.stop()
    }
    loop.schedule(token, at: loop.now + 10_000_000_000)
  }

  /// Runs until a target stops it.
  func run() { loop.run() }

  /// Runs for so long.
  func run(milliseconds: Int64) {
    let end = Target()
    end.onTimer = { [unowned self] _ in loop.stop() }
    loop.schedule(loop.register(end), at: Clock.monotonic() + milliseconds * 1_000_000)
    loop.run()
  }
}

/// A pipe whose read end does not block.
final class Channel {
  private let pipe: Pipe
  var readEnd: Int32 { pipe.readEnd.raw }

  init() throws { pipe = try Pipe() }

  func write(_ count: Int = 1) {
    #expect(writeBytes(pipe.writeEnd.raw, from: [UInt8](repeating: 1, count: count), 0..<count) == .bytes(count))
  }

  /// Takes what is there, and gives how much it was.
  func drain() -> Int {
    var buffer = [UInt8](repeating: 0, count: 4096)
    guard case .bytes(let count) = readBytes(readEnd, into: &buffer, at: 0) else { return 0 }
    return count
  }
}

/// A small generator with a seed, so that a failure can be repeated (the xorshift* family).
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }
}
