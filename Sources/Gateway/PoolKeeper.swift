// Keeps the workers of one pool: starts them, asks the first what it can do, sees them end, and ends them. On the
// first lane, whichever lane has the requests.

import EventLoop
import FastCGIWire
import Kernel
import Log
import Processes
import WorkerPool

final class PoolKeeper: LoopTarget {
  private struct Ended {
    let process: WorkerProcess
    let report: ProcessReport?
    let since: Int64
  }

  /// How long a request may take to read the last words of a worker that has ended, and how often that is asked.
  private static let lastWords = 20 * millisecond
  private static let lastWordsLook = 2 * millisecond

  let pool: Pool
  let lane: Lane
  /// The spawner that starts the workers, and the row of its table: of the last plan that has the pool. It starts them
  /// as long as requests of an earlier plan want the pool.
  private(set) var hold: SpawningHold
  private(set) var row: Int
  private var token: Token?
  private var processes: [WorkerProcess?]
  private var pausedUntil: [Int64?]
  private var probes: [WorkerProbe?]
  /// By slot: a process that has ended while a request had it, as long as it may turn out that it has answered that.
  private var unjudged: [Ended?]
  /// What the program said of itself; nil until one of its workers was asked and its time to answer is over.
  private var values: ApplicationValues?
  /// What the log has said of a program that does not work, since it last did.
  private var complaints: Set<String> = []
  private var isStopping = false
  private var total = WorkerFigures()
  private var totalProcessor: Int64 = 0

  /// Starts the workers.
  init(_ pool: Pool, _ lane: Lane, _ plan: LanePlan) {
    self.pool = pool
    hold = plan.hold
    row = plan.row(of: pool)!
    self.lane = lane
    let slots = pool.settings.slots
    processes = [WorkerProcess?](repeating: nil, count: slots)
    probes = [WorkerProbe?](repeating: nil, count: slots)
    pausedUntil = [Int64?](repeating: nil, count: slots)
    unjudged = [Ended?](repeating: nil, count: slots)
    token = lane.loop.register(self)
    pool.setKeeper(PoolAsker(mailbox: lane.loop.mailbox, token: token!, lane: lane.number))
    for slot in 0..<slots { perform([.start(slot)]) }
  }

  /// Another plan has the pool, too.
  func follow(_ plan: LanePlan) {
    hold = plan.hold
    row = plan.row(of: pool)!
  }

  private func perform(_ actions: [WorkerPool.Action]) {
    for action in actions {
      switch action {
      case .start(let slot): start(slot)
      case .pause(let slot, let until):
        pausedUntil[slot] = until
        if let token { lane.loop.schedule(token, at: until) }
      case .end(let slot): processes[slot]?.end(grace: pool.settings.killGrace)
      case .grant, .refuse, .forsake: preconditionFailure("the pool tells those who ask")
      }
    }
  }

  func received(_ message: any Sendable, role: UInt8) {
    switch message as? PoolOrder {
    case .end(let worker):
      if pool.isRetiring(worker) { processes[worker.slot]?.end(grace: pool.settings.killGrace) }
    case .stop: stop()
    case nil: preconditionFailure("a keeper cannot take \(type(of: message))")
    }
  }

  func timerFired(role: UInt8) {
    let now = lane.loop.now
    judgeEnded(now: now)
    for slot in pausedUntil.indices {
      guard let until = pausedUntil[slot], until <= now else { continue }
      pausedUntil[slot] = nil
      perform(pool.pauseEnded(slot, now: now))
    }
  }

  func ready(_ readiness: Readiness, role: UInt8) {
    preconditionFailure("a keeper has no descriptor")
  }

  // MARK: Starting

  private func start(_ slot: WorkerPool.Slot) {
    let process = WorkerProcess(self, slot)
    processes[slot] = process
    process.start()
  }

  /// The spawner has said that the process is there.
  func started(_ process: WorkerProcess, pid: Int32) {
    let slot = process.slot
    lane.shared.log.debug("worker \(pid) of the pool \(pool.name) started")
    if values != nil || isStopping {
      _ = pool.started(slot, pid: pid, probe: nil)
    } else {
      let probe = WorkerProbe(self, slot)
      if let grant = pool.started(slot, pid: pid, probe: probe.asker) {
        probes[slot] = probe
        probe.begin(grant)
      } else {
        probe.close()
      }
    }
    if isStopping { process.end(grace: pool.settings.killGrace) }
  }

  func startFailed(_ process: WorkerProcess, _ words: String) {
    processes[process.slot] = nil
    complain("\(process.program) cannot be started: \(words)")
    perform(pool.startFailed(process.slot, now: lane.loop.now, trouble: "it cannot be started: \(words)"))
    stopIfDone()
  }

  /// Said once for each reason, until the program has worked again: it is tried all day.
  private func complain(_ words: String) {
    if isStopping { return }
    if complaints.insert(words).inserted {
      lane.shared.log.error("pool \(pool.name): \(words); it is tried again, the pauses growing to 30 s")
    } else {
      lane.shared.log.debug("pool \(pool.name): \(words)")
    }
  }

  /// A probe is over.
  func probed(_ probe: WorkerProbe, _ found: ApplicationValues?) {
    probes[probe.slot] = nil
    if values == nil, let found {
      lane.shared.log.debug("pool \(pool.name): its program says of itself: \(found)")
    }
    values = values ?? found ?? ApplicationValues()
  }

  // MARK: Ending

  /// Its end is often seen before its last answer has been read, on another lane perhaps: one that ends with its first
  /// answer would pass for one that does not work.
  func exited(_ process: WorkerProcess, _ report: ProcessReport?) {
    let slot = process.slot
    processes[slot] = nil
    let wasAsked = probes[slot] != nil
    // Whom it asked is no more.
    probes[slot]?.giveUp()
    if isStopping || wasAsked || !pool.owesFirstAnswer(slot) { return judge(process, report) }
    unjudged[slot] = Ended(process: process, report: report, since: lane.loop.now)
    lookAgain()
  }

  private func lookAgain() {
    if let token { lane.loop.schedule(token, at: lane.loop.now + Self.lastWordsLook) }
  }

  private func judgeEnded(now: Int64) {
    for slot in unjudged.indices {
      guard let ended = unjudged[slot] else { continue }
      if !isStopping, pool.owesFirstAnswer(slot), now - ended.since < Self.lastWords {
        lookAgain()
      } else {
        unjudged[slot] = nil
        judge(ended.process, ended.report)
      }
    }
  }

  private func judge(_ process: WorkerProcess, _ report: ProcessReport?) {
    let slot = process.slot
    let answered = pool.hasAnswered(slot)
    let figures = pool.figures(of: slot)
    let words = report.map { "ended by \($0.end.words)" } ?? "is gone"
    let whole = report?.usage.cpuNanoseconds ?? figures.processor
    total.add(figures)
    totalProcessor += whole
    let line = "worker \(process.pid ?? 0) of the pool \(pool.name) \(words) after \(figures.words(of: whole))"
    if process.isEnding {
      lane.shared.log.debug("\(line)")
    } else if !answered {
      complain("a worker \(words) before its first answer")
    } else if report?.end == .exited(status: 0) {
      lane.shared.log.info("\(line)")
    } else {
      lane.shared.log.error("\(line)")
    }
    if answered { complaints = [] }
    let trouble = answered ? nil : "its workers end before their first answer (\(words))"
    perform(pool.exited(slot, now: lane.loop.now, trouble: trouble))
    stopIfDone()
  }

  /// The pool is no longer wanted, or the gateway ends: the workers are told to.
  /// - Parameter grace: from TERM to KILL; 0 kills at once.
  func stop(grace: Int64? = nil) {
    if !isStopping {
      isStopping = true
      for probe in probes { probe?.giveUp() }
      perform(pool.stop())
      judgeEnded(now: lane.loop.now)
    }
    if let grace { for process in processes { process?.end(grace: grace) } }
    stopIfDone()
  }

  private func stopIfDone() {
    guard isStopping, processes.allSatisfy({ $0 == nil }), let token else { return }
    if total.requests > 0 {
      lane.shared.log.info("the pool \(pool.name) has ended after \(total.words(of: totalProcessor))")
    }
    lane.loop.unregister(token)
    self.token = nil
    lane.ended(self)
  }
}
