import Glibc
import Kernel
import Testing

@testable import EventLoop

@Suite struct RegistrationTests {
  @Test func aReadyDescriptorReachesItsTargetWithItsRoleUntilItIsUnregistered() throws {
    let (test, channel, target) = (try TestLoop(), try Channel(), Target())
    let token = try test.loop.register(channel.readEnd, .readable, target, role: 7)
    channel.write()
    var calls = 0
    target.onReady = { readiness, role in
      #expect(readiness == .readable && role == 7)
      calls += 1
      // Level-triggered: what was not read is said again.
      if calls == 3 { test.loop.unregister(token) }
    }
    test.run(milliseconds: 20)
    #expect(calls == 3)
  }

  @Test func whatIsWaitedForCanBeChanged() throws {
    let (test, target) = (try TestLoop(), Target())
    var ends: [Int32] = [-1, -1]
    try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
    let near = Descriptor(owning: ends[0])
    let far = Descriptor(owning: ends[1])
    let token = try test.loop.register(near.raw, .readable, target)
    #expect(send(far.raw, [1], 0..<1) == .bytes(1))
    var seen: [Readiness] = []
    target.onReady = { readiness, _ in
      seen.append(readiness)
      switch seen.count {
      case 1: test.loop.setInterest(token, .writable)
      case 2:
        test.loop.setInterest(token, .peerClosed)
        shutdownSending(far.raw)
      default: test.loop.stop()
      }
    }
    test.run()
    #expect(seen == [.readable, .writable, .peerClosed])
  }

  @Test func aStaleEventOfTheSameTurnDoesNotReachTheOneWhoTookTheSlot() throws {
    let test = try TestLoop()
    let channels = [try Channel(), try Channel()]
    let silent = try Channel()
    let targets = [Target(), Target()]
    let newcomer = Target()  // Says so when it is called.
    var tokens = try (0..<2).map { try test.loop.register(channels[$0].readEnd, .readable, targets[$0]) }
    // Both are ready before the one wait that will report them.
    for channel in channels { channel.write() }
    var order: [Int] = []
    for index in 0..<2 {
      targets[index].onReady = { _, _ in
        order.append(index)
        let other = 1 - index
        _ = channels[index].drain()
        guard order.count == 1 else { return }
        let old = tokens[other]
        test.loop.unregister(old)
        guard let new = try? test.loop.register(silent.readEnd, .readable, newcomer) else {
          Issue.record("no registration")
          return
        }
        #expect(new.index == old.index && new.generation != old.generation)
        tokens[other] = new
      }
    }
    test.run(milliseconds: 20)
    #expect(order.count == 1)
  }

  @Test func aDescriptorThatCannotBeWatchedIsRefusedAndItsSlotIsFreeAgain() throws {
    let (test, channel, target) = (try TestLoop(), try Channel(), Target())
    let file = try openMemoryFile("test")
    #expect(throws: Errno.notPermitted) { try test.loop.register(file.raw, .readable, target) }
    let first = try test.loop.register(channel.readEnd, .readable, target)
    test.loop.unregister(first)
    let second = try test.loop.register(channel.readEnd, .readable, target)
    #expect(first.index == second.index && first.generation + 1 == second.generation)
  }

  @Test func aTokenSurvivesItsWayThroughTheKernel() {
    for (index, generation) in [(UInt32(0), UInt32(0)), (1, .max), (.max - 1, 0), (0xABCD, 0x1234_5678)] {
      let token = Token(index: index, generation: generation)
      #expect(Token(packed: token.packed) == token)
    }
  }

  @Test func theObserverIsCalledAtTheEndOfEachTurnWithHowLongItWas() throws {
    final class Observer: TurnObserver {
      var log: [String] = []
      var busy: [Int64] = []
      func turnEnded(now: Int64, busyNanoseconds: Int64) {
        log.append("end")
        busy.append(busyNanoseconds)
      }
    }
    let (test, channel, target, observer) = (try TestLoop(), try Channel(), Target(), Observer())
    test.loop.observer = observer
    let token = try test.loop.register(channel.readEnd, .readable, target)
    channel.write()
    target.onReady = { _, _ in
      observer.log.append("ready")
      _ = channel.drain()
      Clock.sleep(milliseconds: 3)
      test.loop.schedule(token, at: 0)
    }
    target.onTimer = { _ in
      observer.log.append("timer")
      test.loop.stop()
    }
    test.run()
    #expect(observer.log == ["ready", "timer", "end"])
    #expect(observer.busy.count == 1 && observer.busy[0] >= 3_000_000)
  }
}
