import EventLoop
import Kernel

/// A descriptor that says something about a program, watched by a loop.
final class ProgramPipe {
  private var descriptor: Descriptor?
  private let loop: EventLoop
  private let target: any LoopTarget
  private let role: UInt8
  private var token: Token?
  let raw: Int32

  /// Takes the descriptor over and watches whether it can be read.
  init(_ descriptor: consuming Descriptor, _ loop: EventLoop, _ target: any LoopTarget, role: UInt8) throws(Errno) {
    raw = descriptor.raw
    self.descriptor = consume descriptor
    self.loop = loop
    self.target = target
    self.role = role
    token = try loop.register(raw, .readable, target, role: role)
  }

  var isPaused: Bool { token == nil }

  /// Stops to watch. The registration goes whole, since a pipe whose writer is gone is reported whatever was asked.
  func pause() {
    if let token { loop.unregister(token) }
    token = nil
  }

  func resume() {
    if token == nil { token = try? loop.register(raw, .readable, target, role: role) }
  }

  func close() {
    pause()
    descriptor = nil
  }
}
