import EventLoop
import Kernel
import Testing

@testable import Gateway

@Suite struct PackingTests {
  private let start: Int64 = 1_000_000_000_000
  private let window = Packing.windowNanoseconds

  /// Lanes that have just published how busy they are.
  private func lanes(_ busy: [Int]) throws -> [LaneStatus] {
    try busy.map { permille in
      let lane = LaneStatus(mailbox: try Mailbox())
      lane.publish(busyPermille: permille, now: start)
      return lane
    }
  }

  /// The loops that connections go to in the window that follows one of `permille`.
  private func handovers(_ lane: Int, _ permille: Int, connections: Int, _ lanes: [LaneStatus]) -> [Int] {
    var packing = Packing(lane: lane, now: start - window)
    packing.turnEnded(
      now: start, busyNanoseconds: window * Int64(permille) / 1000, connections: connections, lanes: lanes)
    return all(&packing)
  }

  private func all(_ packing: inout Packing) -> [Int] {
    var targets: [Int] = []
    while let target = packing.handover(now: start), targets.count < 10_000 { targets.append(target) }
    return targets
  }

  @Test func aMeasureIsPublishedOnceAWindowAndIsOfThatWindowAlone() throws {
    let lanes = [LaneStatus(mailbox: try Mailbox())]
    var packing = Packing(lane: 0, now: start)
    packing.turnEnded(now: start + window / 2, busyNanoseconds: window / 4, connections: 5, lanes: lanes)
    packing.turnEnded(now: start + window - 1, busyNanoseconds: window / 4, connections: 5, lanes: lanes)
    #expect(lanes[0].busyPermille(now: start + window - 1) == 0)
    packing.turnEnded(now: start + window, busyNanoseconds: 0, connections: 5, lanes: lanes)
    #expect(lanes[0].busyPermille(now: start + window) == 500)
    packing.turnEnded(now: start + 3 * window, busyNanoseconds: window / 2, connections: 5, lanes: lanes)
    #expect(lanes[0].busyPermille(now: start + 3 * window) == 250)
  }

  @Test func anOldMeasureMeansThatTheLoopSleeps() throws {
    let lane = try lanes([800])[0]
    #expect(lane.busyPermille(now: start) == 800)
    #expect(lane.busyPermille(now: start + Packing.staleNanoseconds) == 800)
    #expect(lane.busyPermille(now: start + Packing.staleNanoseconds + 1) == 0)
  }

  @Test(arguments: [
    ([0, 0, 0], 0), ([900, 0, 0], 0), ([901, 0, 0], 1), ([901, 950, 10], 2), ([901, 900, 0], 1),
    ([1000, 950, 980], 1), ([1000, 1000, 1000], 0), ([0], 0), ([1000], 0),
  ])
  func aNewConnectionGoesToTheFirstLoopThatIsNotSaturatedElseToTheLeastBusy(_ busy: [Int], _ chosen: Int) throws {
    #expect(Packing.choose(try lanes(busy), now: start) == chosen)
    // All asleep again: from the beginning.
    #expect(Packing.choose(try lanes(busy), now: start + Packing.staleNanoseconds + 1) == 0)
  }

  @Test func aSaturatedLoopHandsAnEighthToTheNextThatHasRoom() throws {
    #expect(handovers(0, 950, connections: 80, try lanes([0, 0, 0])) == [Int](repeating: 1, count: 10))
    #expect(handovers(0, 950, connections: 2, try lanes([0, 0])) == [1])
    #expect(handovers(0, 950, connections: 16, try lanes([0, 700, 699])) == [2, 2])
    #expect(handovers(1, 950, connections: 16, try lanes([0, 0, 0])) == [2, 2], "not to one before")
  }

  @Test func nothingIsHandedOnWithoutNeedOrRoom() throws {
    #expect(handovers(0, 900, connections: 80, try lanes([0, 0])).isEmpty, "not saturated")
    #expect(handovers(0, 950, connections: 1, try lanes([0, 0])).isEmpty, "its only connection")
    #expect(handovers(0, 950, connections: 80, try lanes([0, 700, 900])).isEmpty, "no room")
    #expect(handovers(0, 950, connections: 80, try lanes([0])).isEmpty, "nobody else")
  }

  @Test func twoLoopsThatTogetherAreLessThanOneBecomeOne() throws {
    #expect(handovers(1, 200, connections: 24, try lanes([200, 0])) == [0, 0, 0])
    #expect(handovers(1, 10, connections: 1, try lanes([0, 0])) == [0])
    #expect(handovers(1, 250, connections: 24, try lanes([250, 0])).isEmpty, "together as much as one may")
    #expect(handovers(2, 100, connections: 8, try lanes([800, 100, 0])) == [1], "to the one before")
    #expect(handovers(0, 10, connections: 8, try lanes([0, 10])).isEmpty, "the first has none before")
  }

  @Test func anAllowanceEndsWithItsWindow() throws {
    let lanes = try lanes([0, 0])
    var packing = Packing(lane: 0, now: start - window)
    packing.turnEnded(now: start, busyNanoseconds: window, connections: 80, lanes: lanes)
    #expect(packing.handover(now: start) == 1)
    #expect(packing.handover(now: start + Packing.staleNanoseconds + 1) == nil, "a decision from before a long sleep")
    packing.turnEnded(now: start + window, busyNanoseconds: window / 2, connections: 79, lanes: lanes)
    #expect(packing.handover(now: start + window) == nil)
  }

  @Test func aLoopThatIsHardlyBusyTakesFromNobodyWhoseFigureIsOld() throws {
    let lanes = try lanes([0, 990])
    var packing = Packing(lane: 0, now: start)
    let now = start + Packing.staleNanoseconds + 1
    packing.turnEnded(now: now, busyNanoseconds: now - start, connections: 8, lanes: lanes)
    #expect(all(&packing) == [1], "an old figure means room")
  }
}
