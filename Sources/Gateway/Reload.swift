// Another configuration while the gateway runs.

import EventLoop
import Kernel
import Log
import Processes

/// Posted to every lane when everything that could fail has been done.
struct PlanOrder: Sendable {
  var plan: Plan
  var pools: [PoolHandle]
  var spawner: Handoff<Spawner>
  /// What to listen on, for the lane that accepts.
  var listeners: [ListenerBox]
  /// How many lanes have it.
  var taken: Condition<Int>
}

extension Gateway {
  /// Puts other settings in force, and returns when every loop has them.
  ///
  /// A request that was dispatched before is served to its end by the settings that it found, and by a spawner that
  /// was started for them; a connection takes the new ones with its next request. No connection is dropped. Of the
  /// listeners those stay open whose addresses stay; one that goes hands over the connections that wait there. Both
  /// settings' programs may run at once, each counted in its own `concurrency`.
  ///
  /// The number of loops stays what it is, whatever the settings want.
  /// - Throws: `GatewayError`, where an address or a spawner cannot be had, or the gateway ends already; everything is
  ///   as it was then.
  public func reload(_ settings: Settings) throws(GatewayError) {
    if isEnding { throw .ending }
    let nextPools = try Self.pools(settings, reusing: pools)
    let next = Self.plan(settings, nextPools, descriptors: ThisProcess.descriptorLimit(), log: shared.log)
    let spawners = try Self.startSpawners(
      next, count: shared.lanes.count, descriptors: shared.programDescriptors, log: shared.log)
    let bound: [ListenerBox]
    do {
      // Last, since somebody may connect at once.
      bound = try takeOver(settings.listen)
    } catch {
      Self.discard(spawners)
      throw error
    }
    plan = next
    pools = nextPools
    // A listener that goes is the accepting lane's alone from here.
    listeners = bound
    let taken = Condition(0)
    for (lane, spawner) in zip(shared.lanes, spawners) {
      lane.mailbox.post(
        PlanOrder(plan: next, pools: nextPools, spawner: spawner, listeners: bound, taken: taken), to: lane.token)
    }
    let all = shared.lanes.count
    _ = taken.wait { $0 == all ? $0 : nil }
  }

  /// The listeners of these addresses: the present one where there is one, else a new one.
  private func takeOver(_ addresses: [SocketAddress]) throws(GatewayError) -> [ListenerBox] {
    var present = listeners
    let kept = addresses.map { address in
      present.firstIndex { $0.wanted == address || $0.listener.address == address }.map { present.remove(at: $0) }
    }
    var next: [ListenerBox] = []
    for (address, listener) in zip(addresses, kept) {
      do throws(GatewayError) {
        if let listener { next.append(listener) } else { next.append(try Self.bind(address)) }
      } catch {
        guard case .addressInUse(let text) = error else { throw error }
        // As 127.0.0.1:80 is while 0.0.0.0:80 is listened on. To close that one first would be to be without either.
        let inTheWay = listeners.first { box in
          !address.isUnix && box.wanted.family == address.family && box.listener.address.port == address.port
        }
        throw inTheWay.map { .addressOccupied(text, by: $0.listener.address.text) } ?? .addressInUse(text)
      }
    }
    return next
  }

  /// Ends spawners that nobody has asked for anything, and waits for that.
  static func discard(_ spawners: [Handoff<Spawner>]) {
    for handoff in spawners {
      guard let spawner = handoff.take() else { continue }
      spawner.close()
      // It sees at once that its socket is closed.
      let deadline = Clock.monotonic() + second
      while (try? Reaper.poll(pid: spawner.pid)) == .some(nil), Clock.monotonic() < deadline {
        Clock.sleep(milliseconds: 1)
      }
    }
  }
}
