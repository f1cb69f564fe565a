// Random events against a model that is simple enough to be believed: it knows which requests are where and which
// processes were asked for, and nothing of how the policy chooses.

import Testing

@testable import WorkerPool

private struct Model {
  /// What has become of a request.
  enum Fate: Equatable {
    case waiting
    case working(WorkerPool.Worker)
    case released, cancelled, refused, full, noWorker
    var isEnd: Bool {
      switch self {
      case .waiting, .working: false
      case .released, .cancelled, .refused, .full, .noWorker: true
      }
    }
  }

  /// What the keeper of the processes knows of a slot.
  enum Kept: Equatable {
    case asked, runs
    case paused(Int64)
    case none
  }

  var pool: WorkerPool
  var random: Seeded
  let limits: WorkerPool.Limits
  var fates: [Fate] = []
  /// Those who may wait beyond the queue's length.
  var again: Set<Int> = []
  /// In the order in which they stand.
  var line: [Int] = []
  /// How often the first was passed over in a row.
  var passed = 0
  var kept: [Kept]
  var endAsked: [Bool]
  var now: Int64 = 0
  var stopped = false
  var faults: [String] = []
  var counts: [String: Int] = [:]

  init(seed: UInt64) {
    random = Seeded(state: seed)
    let (slots, queue) = (Int.random(in: 1...5, using: &random), Int.random(in: 0...8, using: &random))
    var limits = WorkerPool.Limits(slots: slots, queue: queue)
    limits.passes = Int.random(in: 0...4, using: &random)
    limits.window = Int.random(in: 1...10, using: &random)
    self.limits = limits
    pool = WorkerPool(limits)
    kept = [Kept](repeating: .asked, count: limits.slots)
    endAsked = [Bool](repeating: false, count: limits.slots)
  }

  mutating func fault(_ words: String) { faults.append(words) }
  private mutating func count(_ name: String) { counts[name, default: 0] += 1 }

  // MARK: Events

  mutating func step() {
    now += Int64.random(in: 0...40_000_000, using: &random)
    switch Int.random(in: 0..<20, using: &random) {
    case 0...5: arrive(again: Int.random(in: 0..<10, using: &random) == 0)
    case 6...9: release()
    case 10: cancel()
    case 11...14: startOrFail()
    case 15: exit()
    case 16...17: endPause()
    case 18: retire()
    default: exitIfTold()
    }
    check()
  }

  private mutating func arrive(again isAgain: Bool) {
    let request = fates.count
    if isAgain { again.insert(request) }
    let couldWait = line.count { !again.contains($0) }
    let idle = pool.idleCount
    let arrival = pool.arrive(request, owner: Int.random(in: 0..<3, using: &random), again: isAgain)
    count("\(arrival)".prefix { $0 != "(" }.description)
    switch arrival {
    case .granted(let worker):
      if idle == 0 { fault("a worker where none was idle") }
      fates.append(.working(worker))
      take(worker, request)
    case .queued:
      if idle > 0 { fault("one waits beside an idle worker") }
      fates.append(.waiting)
      if isAgain {
        line.insert(request, at: 0)
        passed = 0
      } else {
        line.append(request)
      }
    case .full:
      if isAgain { fault("one that waits again was turned away") }
      if couldWait < limits.queue, line.count < limits.queue { fault("full with \(line.count) of \(limits.queue)") }
      fates.append(.full)
    case .noWorker:
      if !stopped, kept.contains(where: { $0 == .asked || $0 == .runs }) { fault("no worker, and one was hoped for") }
      fates.append(.noWorker)
    }
  }

  /// A request gets a worker.
  private mutating func take(_ worker: WorkerPool.Worker, _ request: Int) {
    if kept[worker.slot] != .runs { fault("a worker that does not run: slot \(worker.slot)") }
    if endAsked[worker.slot] { fault("a worker that is to end") }
    if worker != pool.worker(of: worker.slot) { fault("a worker of before") }
    let sharers = fates.indices.filter { other in
      if other != request, case .working(let its) = fates[other] { return its.slot == worker.slot }
      return false
    }
    if !sharers.isEmpty { fault("a slot for \(request) and \(sharers)") }
  }

  private var working: [(Int, WorkerPool.Worker)] {
    fates.indices.compactMap { request in
      if case .working(let worker) = fates[request] { return (request, worker) }
      return nil
    }
  }

  private mutating func release() {
    guard let (request, worker) = working.randomElement(using: &random) else { return }
    let answered = Int.random(in: 0..<4, using: &random) > 0
    fates[request] = .released
    count(answered ? "answered" : "unanswered")
    let owner = Int.random(in: 0..<3, using: &random)
    perform(pool.release(worker, owner: owner, answered: answered))
  }

  private mutating func cancel() {
    let live = fates.indices.filter { !fates[$0].isEnd }
    guard let request = live.randomElement(using: &random) else { return }
    switch (pool.cancel(request), fates[request]) {
    case (.left, .waiting):
      if line.first == request { passed = 0 }
      line.removeAll { $0 == request }
      fates[request] = .cancelled
      count("cancelled waiting")
    case (.granted(let worker), .working(let had)):
      if worker.slot != had.slot { fault("cancelled with another's worker") }
      fates[request] = .cancelled
      count("cancelled granted")
      perform(pool.release(worker, owner: 0, answered: false))
    case (let said, let was): fault("cancel said \(said) of one that was \(was)")
    }
  }

  private mutating func startOrFail() {
    let asked = kept.indices.filter { kept[$0] == .asked }
    guard let slot = asked.randomElement(using: &random) else { return }
    if Int.random(in: 0..<4, using: &random) == 0 {
      kept[slot] = .none
      count("start failed")
      for action in pool.startFailed(slot, now: now) { perform(action) }
      return
    }
    kept[slot] = .runs
    count("started")
    if Bool.random(using: &random) { return perform(pool.started(slot)) }
    // The starter asks it something first.
    let request = fates.count
    let action = pool.started(slot, reservedFor: request)
    if pool.request(of: slot) == request {
      fates.append(.working(pool.worker(of: slot)))
      take(pool.worker(of: slot), request)
      count("reserved")
    }
    perform(action)
  }

  private mutating func exit() {
    let running = kept.indices.filter { kept[$0] == .runs }
    if let slot = running.randomElement(using: &random) { exit(slot) }
  }

  private mutating func exitIfTold() {
    let told = kept.indices.filter { kept[$0] == .runs && endAsked[$0] }
    if let slot = told.randomElement(using: &random) { exit(slot) }
  }

  private mutating func exit(_ slot: Int) {
    kept[slot] = .none
    let wasTold = endAsked[slot]
    endAsked[slot] = false
    let wasProven = pool.process(of: slot) == .up(answered: true)
    let actions = pool.exited(slot, now: now)
    let restarts = actions.contains(.start(slot))
    if stopped {
      if !actions.isEmpty { fault("\(actions) after the stop") }
    } else if restarts != (wasTold || wasProven) {
      fault("\(actions) of one that was \(wasTold ? "told to end" : wasProven ? "proven" : "fresh")")
    }
    count(restarts ? "replaced" : "died early")
    for action in actions { perform(action) }
  }

  private mutating func endPause() {
    let paused = kept.indices.filter { if case .paused = kept[$0] { true } else { false } }
    guard let slot = paused.randomElement(using: &random), case .paused(let until) = kept[slot] else { return }
    let actions = pool.pauseEnded(slot, now: now)
    if now < until {
      if actions != [.pause(slot, until: until)] { fault("\(actions) before the pause was over") }
    } else {
      if actions != [.start(slot)] { fault("\(actions) when the pause was over") }
      for action in actions { perform(action) }
    }
  }

  private mutating func retire() {
    let slot = Int.random(in: 0..<limits.slots, using: &random)
    let back = Int.random(in: 0..<3, using: &random) == 0 ? 1 : 0
    let worker = WorkerPool.Worker(slot: slot, generation: pool.worker(of: slot).generation - back)
    let action = pool.retire(worker)
    let wanted = back == 0 && kept[slot] == .runs && !endAsked[slot]
    if (action == .end(slot)) != wanted { fault("retire gave \(String(describing: action))") }
    if action != nil { count("retired") }
    perform(action)
  }

  mutating func stop() {
    stopped = true
    for action in pool.stop() { perform(action) }
    for slot in kept.indices { if case .paused = kept[slot] { kept[slot] = .none } }
    check()
  }

  // MARK: Actions

  private mutating func perform(_ action: WorkerPool.Action?) {
    switch action {
    case nil: break
    case .start(let slot):
      let mayStart = if case .paused = kept[slot] { true } else { kept[slot] == .none }
      if !mayStart { fault("a process beside the slot's own") }
      if stopped { fault("a start after the stop") }
      kept[slot] = .asked
    case .pause(let slot, let until):
      if kept[slot] != .none { fault("a pause of a slot that is \(kept[slot])") }
      if until <= now || until - now > limits.longestPause { fault("a pause of \(until - now)") }
      kept[slot] = .paused(until)
    case .end(let slot):
      if kept[slot] != .runs { fault("the end of what does not run") }
      endAsked[slot] = true
    case .grant(let worker, let request): grant(worker, request)
    case .refuse(let request):
      if fates[request] != .waiting { fault("\(request) refused, which was \(fates[request])") }
      if !stopped, kept.contains(where: { $0 == .asked || $0 == .runs }) { fault("refused while there is hope") }
      fates[request] = .refused
      line.removeAll { $0 == request }
      count("refused")
    case .forsake(let worker, let request):
      guard case .working(let had) = fates[request], had.slot == worker.slot, had.generation <= worker.generation else {
        return fault("\(request) forsaken, which was \(fates[request])")
      }
      if case .paused = kept[worker.slot] {} else { fault("forsaken by a process that is \(kept[worker.slot])") }
      count("forsaken")
    }
  }

  private mutating func grant(_ worker: WorkerPool.Worker, _ request: Int) {
    guard fates[request] == .waiting, let index = line.firstIndex(of: request) else {
      return fault("\(request) granted, which was \(fates[request])")
    }
    line.remove(at: index)
    if index == 0 {
      passed = 0
    } else {
      passed += 1
      count("passed over")
      if passed > limits.passes { fault("the first was passed over \(passed) times") }
      if index >= limits.window { fault("one was sought out at place \(index)") }
    }
    fates[request] = .working(worker)
    take(worker, request)
  }

  // MARK: What always holds

  private mutating func check() {
    if pool.idleCount > 0, !line.isEmpty { fault("an idle worker beside \(line.count) who wait") }
    if pool.waitingCount != line.count { fault("\(pool.waitingCount) wait, not \(line.count)") }
    if line.count(where: { !again.contains($0) }) > limits.queue { fault("\(line.count) wait") }
    var holders: [Int: Int] = [:]
    for (request, worker) in working {
      if holders.updateValue(request, forKey: worker.slot) != nil { fault("a slot for two") }
    }
    for slot in kept.indices where pool.request(of: slot) != holders[slot] {
      fault("slot \(slot) has \(String(describing: pool.request(of: slot))), not \(String(describing: holders[slot]))")
    }
    let free = kept.indices.filter { kept[$0] == .runs && !endAsked[$0] && holders[$0] == nil }.count
    if pool.idleCount != free { fault("\(pool.idleCount) idle, not \(free)") }
  }

  /// After the stop: everything comes to its end, in any order.
  mutating func finish() {
    while let (request, worker) = working.randomElement(using: &random) {
      fates[request] = .released
      perform(pool.release(worker, owner: 0, answered: true))
      check()
    }
    while let slot = kept.indices.filter({ kept[$0] != .none }).randomElement(using: &random) {
      if pool.isStopped { fault("stopped before all had ended") }
      if kept[slot] == .asked { startOrFail() } else { exit(slot) }
      check()
    }
    if !pool.isStopped { fault("not stopped when all had ended") }
    for request in fates.indices where !fates[request].isEnd { fault("\(request) is \(fates[request]) at the end") }
  }
}

@Suite struct PropertyTests {
  @Test(arguments: Array(1...24) as [UInt64])
  func whateverHappensTheModelAgrees(_ seed: UInt64) {
    var model = Model(seed: seed &* 0x9E37_79B9_7F4A_7C15)
    for _ in 0..<1_000 {
      model.step()
      if !model.faults.isEmpty { break }
    }
    model.stop()
    for _ in 0..<20 { model.step() }
    model.finish()
    #expect(model.faults.isEmpty, "\(model.faults.prefix(5)), \(model.limits)")
    // The sequence was a real one.
    for name in ["answered", "started"] { #expect(model.counts[name, default: 0] > 5, "\(model.counts)") }
  }

  @Test func theSequencesTogetherReachEverything() {
    var counts: [String: Int] = [:]
    for seed in 1...24 as ClosedRange<UInt64> {
      var model = Model(seed: seed &* 0x9E37_79B9_7F4A_7C15)
      for _ in 0..<1_000 { model.step() }
      counts.merge(model.counts, uniquingKeysWith: +)
    }
    for name in [
      "queued", "full", "noWorker", "refused", "forsaken", "passed over", "reserved", "cancelled waiting",
      "cancelled granted", "start failed", "replaced", "died early", "retired",
    ] { #expect(counts[name, default: 0] > 30, "\(name): \(counts)") }
  }
}
