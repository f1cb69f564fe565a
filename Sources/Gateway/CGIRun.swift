// One program that runs, or waits to run, for one request: the process's side of CGI. What the client gets of it is
// ProgramAnswer's matter. A run is over when its output, its errors and its exit are all there; until then it keeps
// its place among those that may run.

import CGI
import Costs
import EventLoop
import Kernel
import Log
import Processes

final class CGIRun: LoopTarget {
  /// What the run is at. Changed by `enter` alone.
  enum Stage {
    case new
    /// Waits for a place.
    case queued
    /// Its output is read.
    case running
    /// Its output has ended; its exit is awaited.
    case exiting
    /// It was told to end, and will be killed if it does not.
    case ending
    case over
  }

  enum Role {
    static let base: UInt8 = 0
    static let output: UInt8 = 1
    static let errors: UInt8 = 2
    static let exit: UInt8 = 3
  }

  /// How soon to look again for a pid that the spawner has not written yet.
  private static let pidRetry = 10 * millisecond
  /// How soon to ask a spawner again whose socket was full.
  private static let spawnRetry = 2 * millisecond

  let lane: Lane
  let program: ProgramSettings
  let script: Script
  private let admission: Admission
  private let row: Int
  private var environment: EnvironmentSink
  private(set) var stage = Stage.new
  /// They hold each other until the answer leaves.
  var answer: ProgramAnswer?

  /// The request's bill, from the moment when the program has its body.
  var bill = Bill()
  var draft: RecordDraft?
  var startedAt: Int64 = 0

  private var base: Token?
  /// Kept to the end, since the file that it may be takes room as long as the program has it.
  private var body: BodySpool?
  private var input: BodySpool.SpoolFile?
  private var inputIsOpen = false
  private var process: SpawnedProgram?
  private var output: ProgramPipe?
  private var errors: ProgramErrors?
  private var exitWatch: ProgramPipe?
  private var hasPlace = false
  private var surplusIsFault = false
  /// Whether the output has ended and the spawner not said what became of the program.
  private var isUndecided = false
  private var queuedAt: Int64 = 0
  private var firstByteAt: Int64 = 0
  private var lastByteAt: Int64 = 0
  /// Since when the program's silence is counted.
  private var lastSignOfLife: Int64 = 0
  private var deadline = Int64.max
  private var grace: Int64 = 0
  private var terminated = false
  private var killed = false

  init(_ lane: Lane, _ route: Int, _ program: ProgramSettings, _ script: Script, _ environment: EnvironmentSink) {
    self.lane = lane
    self.program = program
    self.script = script
    self.environment = environment
    admission = lane.shared.admissions[route]!
    row = lane.shared.rows[route]!
  }

  /// The script's name, for the log.
  var name: String { String(decoding: script.name, as: UTF8.self) }

  private func enter(_ next: Stage) { stage = next }

  // MARK: A place

  /// Asks for a place, and runs or waits.
  func start(_ spool: BodySpool) {
    body = spool
    base = lane.loop.register(self, role: Role.base)
    lane.add(self)
    queuedAt = Clock.monotonic()
    switch admission.enter(base!, mailbox: lane.shared.lanes[lane.number].mailbox) {
    case .granted:
      hasPlace = true
      launch()
    case .queued:
      enter(.queued)
      setDeadline(queuedAt + program.queueTimeout)
    case .full:
      lane.shared.log.notice("\(name): 503, the queue is full (queue = \(program.queue))")
      answer?.fail(
        503, "All places are taken, and so is the queue.", limit: NamedLimit("queue", String(program.queue)),
        retryAfter: 1)
      finish()
    }
  }

  func received(_ message: any Sendable, role: UInt8) {
    guard message is Admission.Granted else { preconditionFailure("a run cannot take \(type(of: message))") }
    hasPlace = true
    launch()
  }

  // MARK: The process

  private func launch() {
    bill.phases.queue = Clock.monotonic() - queuedAt
    guard let spawner = lane.spawning.current else { return failToStart("there is no spawner") }
    do {
      try openInput()
      try spawn(by: spawner)
    } catch let error as SpawnError where error == .full {
      awaitSpawner()
    } catch let error as Errno where error.isOutOfDescriptors && lane.giveUpFiles() {
      launch()
    } catch {
      failToStart("\(error)")
    }
  }

  /// The body becomes the program's standard input, and its length a variable where it came in chunks.
  private func openInput() throws(Errno) {
    if inputIsOpen { return }
    input = try body?.openInput()
    inputIsOpen = true
    if chunked, let body, body.count > 0 { MetaVariables.addContentLength(body.count, into: &environment) }
  }

  /// The socket to the spawner holds all that it can: the place is kept, and the request made again in a moment.
  private func awaitSpawner() {
    if Clock.monotonic() - queuedAt > program.queueTimeout + Spawning.patience {
      return failToStart("the spawner takes no request")
    }
    enter(.queued)
    setDeadline(Clock.monotonic() + Self.spawnRetry)
  }

  private func spawn(by spawner: Spawner) throws {
    let out = try Pipe()
    let err = try Pipe()
    let ticket = try spawner.spawn(
      row: row, scriptPath: script.path, arguments: [], environment: environment.bytes,
      environmentCount: environment.count, standardInput: input?.descriptor.raw ?? -1,
      standardOutput: out.writeEnd.raw, standardError: err.writeEnd.raw)
    process = SpawnedProgram(spawner, ticket)
    input = nil
    environment.reset()
    enter(.running)
    lastSignOfLife = Clock.monotonic()
    output = try ProgramPipe(out.takeReadEnd(), lane.loop, self, role: Role.output)
    errors = ProgramErrors(
      try ProgramPipe(err.takeReadEnd(), lane.loop, self, role: Role.errors), of: name,
      lineLimit: program.errorLineBytes, log: lane.shared.log)
    setDeadline(Clock.monotonic() + min(program.timeout, Spawning.patience))
  }

  /// Whether the body came in chunks, so that CONTENT_LENGTH is not among the variables yet.
  var chunked = false

  private func failToStart(_ words: String) {
    lane.shared.log.error("\(name): 503, not started: \(words)")
    answer?.fail(503, "The program could not be started.", retryAfter: 1)
    // Where the process was made all the same, it is ended; else there is nothing to wait for.
    if process == nil { finish() } else { end(grace: program.killGrace) }
  }

  func ready(_ readiness: Readiness, role: UInt8) {
    switch role {
    case Role.output: readOutput()
    case Role.errors: if errors?.read(into: &lane.relay) == .ended { closeErrors() }
    default: leaderEnded()
    }
  }

  private func readOutput() {
    guard let output else { return }
    switch readBytes(output.raw, into: &lane.relay, at: 0) {
    case .bytes(0): outputEnded()
    case .bytes(let count):
      lastByteAt = Clock.monotonic()
      if firstByteAt == 0 { noteFirstByte() }
      guard let answer else { return surplus() }
      // What is printed behind the answer's end is no sign of life: it could go on for ever.
      lastSignOfLife = lastByteAt
      if stage == .running { setDeadline(lastByteAt + program.timeout) }
      answer.feed(lane.relay, count)
      if let answer = self.answer, !answer.canTake { output.pause() }
    case .wouldBlock: break
    case .failed(let error):
      lane.shared.log.error("\(name): reading its output: \(error)")
      outputEnded()
    }
  }

  /// The answer is complete; what still comes is read, so that the program is not stopped, and let go.
  func answerIsComplete(surplusIsFault: Bool) {
    answer = nil
    self.surplusIsFault = surplusIsFault
  }

  /// The program printed more than it had promised.
  func surplus() {
    if surplusIsFault, stage == .running {
      lane.shared.log.error("\(name): printed more than its Content-Length; the rest is cut off")
    }
    surplusIsFault = false
  }

  private func noteFirstByte() {
    firstByteAt = lastByteAt
    guard let times = noteSpawn() else { return }
    bill.phases.firstByte = firstByteAt - times.execStarted
  }

  @discardableResult
  private func noteSpawn() -> SpawnTimes? {
    guard let times = process?.times else { return nil }
    bill.phases.spawn = times.execStarted - times.requested
    return times
  }

  /// The client has taken what waited for it.
  func outputDrained() {
    guard let output, output.isPaused else { return }
    lastSignOfLife = Clock.monotonic()
    if stage == .running { setDeadline(lastSignOfLife + program.timeout) }
    output.resume()
  }

  private func closeErrors() {
    errors?.close()
    errors = nil
  }

  // MARK: The end of its output

  private func outputEnded() {
    output?.close()
    output = nil
    if lastByteAt == 0 { lastByteAt = Clock.monotonic() }
    if let first = firstByteAt == 0 ? nil : firstByteAt { bill.phases.output = lastByteAt - first }
    if stage == .running {
      enter(.exiting)
      judgeEnd()
    } else {
      lane.reapable.append(self)
    }
  }

  /// What the end of the output means: of a program, or of one that never ran.
  private func judgeEnd() {
    switch process?.state {
    case .waiting:
      // A spawner that is killed lets go of what it had received a moment before its socket hangs up.
      isUndecided = true
      setDeadline(Clock.monotonic() + Self.pidRetry)
      return
    case .failed(let stage, let errno, _): failedToExecute(stage, errno)
    case .running, nil:
      // Of one that printed nothing it is not known yet.
      noteSpawn()
      answer?.outputEnded()
    }
    isUndecided = false
    setDeadline(Clock.monotonic() + program.timeout)
    lane.reapable.append(self)
  }

  private func failedToExecute(_ stage: SpawnStage, _ errno: Int32) {
    let words = describe(errno: errno)
    if stage == .message || stage == .clone {
      // The spawner died before it came to it, or the system has no process to give: another time it may go.
      lane.shared.log.error("\(name): 503, no process was made: \(words) (errno \(errno))")
      answer?.fail(503, "No program can be started now.", retryAfter: 1)
      return
    }
    lane.shared.log.error("\(name): 500, \(stage) failed: \(words) (errno \(errno))\(hint(stage, errno))")
    answer?.fail(500, "The program could not be executed.")
  }

  private func hint(_ stage: SpawnStage, _ errno: Int32) -> String {
    guard stage == .exec, let interpreter = script.interpreter else { return "" }
    let name = String(decoding: interpreter, as: UTF8.self)
    return Errno(rawValue: errno) == .noSuchFileOrDirectory ? "; its first line names «\(name)», which is not there" : ""
  }

  /// Called at the end of the turn in which the output ended: by then most programs have exited.
  func reapAfterOutput() {
    // One that is being ended is reaped after its group was killed: until then its number is the group's.
    if stage == .over || (stage == .ending && !killed) { return }
    if !reap(), let pid = process?.pid { watchExit(pid) }
  }

  /// Whether the process is gone.
  private func reap() -> Bool {
    guard let process else { return false }
    switch process.poll() {
    case .lives: return false
    case .ended(let report): exited(report)
    case .neverWas: exited(nil)
    case .lost(let error):
      lane.shared.log.error("\(name): cannot be waited for: \(error)")
      exited(nil)
    }
    return true
  }

  private func watchExit(_ pid: Int32) {
    if exitWatch != nil { return }
    do {
      exitWatch = try ProgramPipe(Descriptor(owning: try Reaper.openPidfd(pid)), lane.loop, self, role: Role.exit)
    } catch {
      // Without a pidfd it is looked at again when its time is over.
      lane.shared.log.error("\(name): pidfd: \(error)")
    }
  }

  /// The leader of the group is a zombie now.
  private func leaderEnded() {
    exitWatch?.close()
    exitWatch = nil
    if stage == .ending, let pid = process?.pid { killGroup(pid) }
    _ = reap()
  }

  private func exited(_ report: ProcessReport?) {
    if let report {
      bill.process = ProcessCost(report)
      bill.processEnd = ProcessEnd(report.end)
      bill.phases.exit = max(0, Clock.monotonic() - lastByteAt)
    }
    // What it still had to say; a descendant that holds its standard error is not waited for.
    errors?.drain(into: &lane.relay)
    closeErrors()
    process?.release()
    process = nil
    answer?.exited()
    finish()
  }

  /// The one end of every run.
  private func finish() {
    if stage == .over { return }
    enter(.over)
    output?.close()
    output = nil
    closeErrors()
    exitWatch?.close()
    exitWatch = nil
    if hasPlace { admission.leave() }
    hasPlace = false
    if let base { lane.loop.unregister(base) }
    base = nil
    body = nil
    input = nil
    bill.durationNanoseconds = Clock.monotonic() - startedAt
    if let draft { lane.recorder.add(draft, bill) }
    draft = nil
    lane.remove(self)
  }

  // MARK: Ending it

  /// The client has left: the whole group goes.
  func clientLeft() {
    answer = nil
    switch stage {
    case .new: break
    case .queued: cancelQueued()
    case .running, .exiting:
      lane.shared.log.info("\(name): the client left, the program is ended")
      end(grace: program.leaveGrace)
    case .ending, .over: break
    }
  }

  private func cancelQueued() {
    if !hasPlace, let base { admission.cancel(base, mailbox: lane.shared.lanes[lane.number].mailbox) }
    finish()
  }

  /// The gateway ends.
  func endNow() {
    switch stage {
    case .queued: cancelQueued()
    case .running, .exiting, .ending: end(grace: 0)
    case .new, .over: break
    }
  }

  /// TERM to the group; KILL when its leader is gone, or after the grace.
  func end(grace: Int64) {
    enter(.ending)
    self.grace = grace
    signalEnd()
  }

  private func signalEnd() {
    guard let pid = process?.pid else { return setDeadline(Clock.monotonic() + Self.pidRetry) }
    if grace > 0 {
      terminated = true
      _ = Reaper.signalGroup(pid, Signal.terminate)
    } else {
      killGroup(pid)
    }
    watchExit(pid)
    setDeadline(Clock.monotonic() + grace)
  }

  private func killGroup(_ pid: Int32) {
    killed = true
    _ = Reaper.signalGroup(pid, Signal.kill)
    // What escaped from the group may hold the pipes for ever; nobody waits for it.
    if output != nil { outputEnded() }
  }

  // MARK: Time

  private func setDeadline(_ time: Int64) {
    let earlier = time < deadline
    deadline = time
    if earlier || !timerSet, let base {
      timerSet = true
      lane.loop.schedule(base, at: time)
    }
  }

  private var timerSet = false

  func timerFired(role: UInt8) {
    let now = lane.loop.now
    if now < deadline {
      if deadline != .max, let base { lane.loop.schedule(base, at: deadline) }
      return
    }
    timerSet = false
    deadline = .max
    switch stage {
    case .queued: if hasPlace { launch() } else { queueTimedOut() }
    case .running: runTimedOut(now)
    case .exiting: if isUndecided { judgeEnd() } else { exitTimedOut() }
    case .ending: endTimedOut()
    case .new, .over: break
    }
  }

  private func queueTimedOut() {
    let limit = NamedLimit("queue_timeout", "\(program.queueTimeout / second)s")
    lane.shared.log.notice("\(name): 503, waited too long for a place (\(limit.key) = \(limit.value))")
    answer?.fail(503, "No place became free in time.", limit: limit, retryAfter: 1)
    cancelQueued()
  }

  private func runTimedOut(_ now: Int64) {
    if let process, case .waiting = process.state {
      let patience = lastSignOfLife + Spawning.patience
      if now < patience { return setDeadline(patience) }
      answer?.fail(503, "No program can be started now.", retryAfter: 1)
      lane.spawning.giveUp(on: process.spawner)
      return end(grace: program.killGrace)
    }
    if now - lastSignOfLife < program.timeout { return setDeadline(lastSignOfLife + program.timeout) }
    if let output, output.isPaused {
      // The silence is the client's: its own limit ends it.
      return setDeadline(now + program.timeout)
    }
    let limit = NamedLimit("timeout", "\(program.timeout / second)s")
    let status = answer == nil ? "" : "504, "
    lane.shared.log.warning(
      "\(name): \(status)silent for too long (\(limit.key) = \(limit.value)), the program is ended")
    answer?.fail(504, "The program took too long.", limit: limit)
    end(grace: program.killGrace)
  }

  private func exitTimedOut() {
    lane.shared.log.warning(
      "\(name): closed its output and lives on (timeout = \(program.timeout / second)s), the program is ended")
    end(grace: program.killGrace)
  }

  private func endTimedOut() {
    if !terminated, !killed {
      // By now the spawner may have said that there is no process to end.
      if process?.pid != nil || !reap() { signalEnd() }
      return
    }
    if !killed, let pid = process?.pid {
      lane.shared.log.debug("\(name): did not end in time and is killed")
      killGroup(pid)
    }
    if !reap() { setDeadline(lane.loop.now + second) }
  }
}
