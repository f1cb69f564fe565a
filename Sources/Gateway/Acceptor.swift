import EventLoop
import Kernel

/// A listener that a loop's objects can hold.
final class ListenerBox: Sendable {
  let listener: Listener
  /// As it was asked for; the listener knows the port that it got.
  let wanted: SocketAddress

  init(_ address: SocketAddress) throws(Errno) {
    wanted = address
    listener = try Listener(address)
  }
}

/// Takes connections in, for all lanes.
final class Acceptor: LoopTarget {
  /// Posted to the accepting lane when a connection closed elsewhere and there is room again.
  struct Resume: Sendable {}

  /// How many are taken at one go, so that a burst of arrivals does not hold up those who are being served.
  private static let batch = 64
  private static let pauseNanoseconds = 100 * millisecond
  private static let quietNanoseconds = 10 * second

  private let lane: Lane
  private var listeners: [ListenerBox]
  private var tokens: [Token] = []
  private var timer: Token?
  private var paused = false
  private var quietUntil: Int64 = 0

  init(_ lane: Lane, _ listeners: [ListenerBox]) {
    self.lane = lane
    self.listeners = listeners
    timer = lane.loop.register(self)
    resume()
  }

  func close() {
    pause()
    if let timer { lane.loop.unregister(timer) }
    timer = nil
  }

  /// Listens on these from now on. Who waits at one that goes was let in by the kernel, and is served all the same.
  func exchange(_ next: [ListenerBox]) {
    for box in listeners where !next.contains(where: { $0 === box }) {
      while take(from: box) {}
    }
    pause()
    listeners = next
    resume()
  }

  /// There may be room again.
  func connectionClosed() {
    if paused, timer != nil { resume() }
  }

  private func pause() {
    for token in tokens { lane.loop.unregister(token) }
    tokens = []
    paused = true
  }

  private func resume() {
    paused = false
    for (index, box) in listeners.enumerated() {
      do {
        tokens.append(
          try lane.loop.register(box.listener.descriptor.raw, .readable, self, role: UInt8(truncatingIfNeeded: index)))
      } catch {
        lane.shared.log.critical("cannot listen on \(box.listener.address.text) for now: \(error)")
        pauseForAWhile()
        return
      }
    }
  }

  func ready(_ readiness: Readiness, role: UInt8) {
    let box = listeners[Int(role)]
    for _ in 0..<Self.batch where !take(from: box) { return }
  }

  /// Takes one connection in.
  /// - Returns: whether another may be taken at once.
  private func take(from box: ListenerBox) -> Bool {
    guard lane.shared.admitConnection(limit: lane.plan.limits.connections) else {
      sayFull()
      pauseForAWhile()
      return false
    }
    switch accept(on: box.listener.descriptor.raw) {
    case .connection(let descriptor, let address):
      if !address.isUnix { setNoDelay(descriptor.raw) }
      place(AcceptedSocket(descriptor, address: address, local: box.listener.address))
      return true
    case .none:
      lane.shared.releaseConnection()
    case .failed(let error):
      lane.shared.releaseConnection()
      refused(error)
    }
    return false
  }

  /// A full house stays full for long, each place taken as soon as it is free: it is said now and then.
  private func sayFull() {
    let now = lane.loop.now
    if now < quietUntil { return }
    quietUntil = now + Self.quietNanoseconds
    lane.shared.log.warning("accepting pauses: connections = \(lane.plan.limits.connections) are open")
  }

  private func place(_ socket: AcceptedSocket) {
    // At the end another lane may have said already that it owes nothing.
    let chosen = lane.draining ? lane.number : Packing.choose(lane.shared.lanes, now: lane.loop.now)
    if chosen == lane.number {
      lane.adopt(socket)
    } else {
      lane.shared.lanes[chosen].mailbox.post(socket, to: lane.shared.lanes[chosen].token)
    }
  }

  /// EMFILE and its like: the connection stays in the backlog, and trying again at once would spin.
  private func refused(_ error: Errno) {
    if error.isOutOfDescriptors, lane.giveUpFiles() { return }
    lane.shared.log.error("accepting pauses for 100 ms: \(error)")
    pauseForAWhile()
  }

  /// A place that becomes free on another lane is told of; that two at once are not missed, the timer sees to.
  private func pauseForAWhile() {
    pause()
    if let timer { lane.loop.schedule(timer, at: lane.loop.now + Self.pauseNanoseconds) }
  }

  func timerFired(role: UInt8) { connectionClosed() }
}
