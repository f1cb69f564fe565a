// Asks a worker what it can do (FCGI_GET_VALUES, FastCGI 1.0, section 4.1), before it gets its first request.

import EventLoop
import FastCGIWire
import Kernel
import WorkerPool

final class WorkerProbe: LoopTarget, WorkerLinkUser {
  /// How long the worker may take. Silence means the defaults: many do not know the question.
  private static let patience = 500 * millisecond

  let slot: WorkerPool.Slot
  /// They hold each other until the probe is over.
  private var keeper: PoolKeeper?
  private let lane: Lane
  private var token: Token?
  private var grant: PoolGrant?
  private var link: WorkerLink?

  init(_ keeper: PoolKeeper, _ slot: WorkerPool.Slot) {
    self.keeper = keeper
    self.slot = slot
    lane = keeper.lane
    token = lane.loop.register(self)
  }

  /// In whose name the worker is taken for the while.
  var asker: PoolAsker { PoolAsker(mailbox: lane.loop.mailbox, token: token!, lane: lane.number) }

  func begin(_ grant: PoolGrant) {
    self.grant = grant
    guard let keeper, case .connected(let descriptor) = startConnecting(to: keeper.pool.address(of: slot)) else {
      return end(nil)
    }
    do {
      link = try WorkerLink(
        WorkerConnection(descriptor), slot: slot, lane: lane, user: self, isConnecting: false)
    } catch {
      return end(nil)
    }
    link?.setDeadline(Clock.monotonic() + Self.patience)
    linkWritable()
  }

  func linkOpened() {}

  func linkFailed(_ error: Errno) { end(nil) }

  /// A few bytes on a new connection: they are taken whole, or it is dead.
  func linkWritable() {
    guard let link else { return }
    var message: [UInt8] = []
    RecordWriter.appendGetValues(to: &message)
    guard case .bytes(message.count) = send(link.raw, message, 0..<message.count) else { return end(nil) }
  }

  func linkReadable() {
    guard let link else { return }
    guard case .bytes(let count) = receive(link.raw, into: &lane.relay, at: 0), count > 0 else { return end(nil) }
    var position = 0
    while position < count {
      switch lane.relay.withSpan({ link.reader.next($0.extracting(0..<count), from: position) }) {
      case .needMore(let consumed): position = consumed
      case .unknownType(_, let end): position = end
      case .values(let values, let after):
        // The record's padding is passed over; a connection on which more follows is good for nothing else.
        let rest = lane.relay.withSpan { link.reader.next($0.extracting(0..<count), from: after) }
        return end(values, keep: rest == .needMore(consumed: count) && link.reader.isBetweenRecords)
      case .refused(let reason):
        lane.shared.log.notice(
          "pool \(keeper?.pool.name ?? ""): its answer to FCGI_GET_VALUES is not understood: \(reason)")
        return end(nil)
      case .stdout, .stderr, .endOfStdout, .endOfStderr, .endRequest: return end(nil)
      }
    }
  }

  func linkTimedOut() { end(nil) }

  func ready(_ readiness: Readiness, role: UInt8) {
    preconditionFailure("a probe's own registration has no descriptor")
  }

  /// The worker, or the pool, has come to its end.
  func giveUp() { end(nil) }

  /// Gives the worker to those who wait for it, with the connection where it is good for more: libfcgi goes on reading
  /// there, PHP closes it.
  private func end(_ values: ApplicationValues?, keep: Bool = false) {
    guard let keeper, let grant else { return }
    self.keeper = nil
    self.grant = nil
    let holder = lane.holder(of: keeper.pool)
    var connectionAt: Int?
    if keep, let link {
      holder.keep(link)
      connectionAt = lane.number
    } else {
      link?.close()
    }
    link = nil
    close()
    keeper.probed(self, values)
    let next = keeper.pool.leave(
      grant, lane: lane.number, connectionAt: connectionAt, answered: false, cost: nil)
    if let next { holder.pass(next.grant, to: next.asker) }
  }

  func close() {
    if let token { lane.loop.unregister(token) }
    token = nil
  }
}
