// Where lines go that people or programs read later. No loop ever waits for them: what a loop has to say is handed
// over in pieces, bounded, and one thread makes lines of them and writes them out. What finds no room is counted, and
// the count is said as soon as there is room again.

import Kernel

/// One destination of lines, written by a thread of its own.
public final class LogWriter<Piece: Sendable>: Sendable {
  private struct State: Sendable {
    var pending: [Piece] = []
    var dropped = 0
    var closing = false
    var closed = false
  }

  private enum Work {
    case write([Piece], dropped: Int)
    case finish
  }

  private let state = Condition(State())
  private let pendingLimit: Int
  private let owner: Owner

  /// - Parameters:
  ///   - destination: where the lines go; closed with the writer.
  ///   - name: of the thread.
  ///   - pendingLimit: how many pieces may wait.
  ///   - render: makes lines of a piece; called on the writer's thread.
  ///   - renderDropped: makes the line that says how many pieces found no room.
  public init(
    destination: consuming sending Descriptor, name: String, pendingLimit: Int,
    render: @escaping @Sendable (Piece, inout [UInt8]) -> Void,
    renderDropped: @escaping @Sendable (Int, inout [UInt8]) -> Void
  ) {
    self.pendingLimit = pendingLimit
    let state = self.state
    let owner = Owner(destination)
    self.owner = owner
    Threads.start(name: name) {
      var lines: [UInt8] = []
      while case .write(let pieces, let dropped) = state.wait(Self.takeWork) {
        for piece in pieces { render(piece, &lines) }
        if dropped > 0 { renderDropped(dropped, &lines) }
        // A destination that fails (a full disk, a reader that left) must not end the server; the next lines may
        // find it well again.
        try? writeFully(owner.descriptor.raw, lines)
        lines.removeAll(keepingCapacity: true)
      }
      state.change { state in state.closed = true }
    }
  }

  private static func takeWork(_ state: inout State) -> Work? {
    if !state.pending.isEmpty || state.dropped > 0 {
      let work = Work.write(state.pending, dropped: state.dropped)
      state.pending = []
      state.dropped = 0
      return work
    }
    return state.closing ? .finish : nil
  }

  /// Hands a piece over. Never waits.
  public func write(_ piece: Piece) {
    state.change { state in
      if state.pending.count >= pendingLimit {
        state.dropped += 1
      } else {
        state.pending.append(piece)
      }
    }
  }

  /// Has the lines go elsewhere from now on: to another file, or to a new one in the place of one that was renamed.
  public func redirect(to destination: consuming Descriptor) throws(Errno) {
    try owner.descriptor.become(destination)
  }

  /// Writes what waits and ends, or gives up after so long where the destination takes nothing.
  public func close(withinMilliseconds limit: Int) {
    state.change { state in state.closing = true }
    let deadline = Clock.monotonic() + Int64(limit) * 1_000_000
    while Clock.monotonic() < deadline {
      if state.change({ $0.closed }) { return }
      Clock.sleep(milliseconds: 1)
    }
  }
}

/// Keeps a descriptor for a closure, which cannot hold one by itself.
private final class Owner: Sendable {
  let descriptor: Descriptor
  init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
}
