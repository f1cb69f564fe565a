// One program that runs, or waits to run, for one request: the process's side of CGI. What the client gets of it is
// ProgramAnswer's matter. A run is over when its output, its errors and its exit are all there; until then it keeps
// its place among those that may run.

import CGI
import Costs
import EventLoop
import Kernel
import Log
import Processes

final class CGIRun: LoopTarget, ProgramRun {
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
  static let pidRetry = 10 * millisecond
  /// How soon to ask a spawner again whose socket was full.
  static let spawnRetry = 2 * millisecond

  let lane: Lane
  /// With the plan that the request is served by, in which alone its row means something.
  private let serving: LanePlan
  let program: ProgramSettings
  let script: Script
  let admission: Admission
  private let row: Int
  private var environment: EnvironmentSink
  private(set) var stage = Stage.new
  /// They hold each other until the answer leaves.
  var answer: ProgramAnswer?

  /// The request's bill, from the moment when the program has its body.
  var bill = Bill()
  var draft: RecordDraft?
  var startedAt: Int64 = 0

  var base: Token?
  /// Kept to the end, since the file that it may be takes room as long as the program has it.
  var body: BodySpool?
  var input: BodySpool.SpoolFile?
  private var inputIsOpen = false
  var process: SpawnedProgram?
  var output: ProgramPipe?
  var errors: ProgramErrors?
  var exitWatch: ProgramPipe?
  var hasPlace = false
  var surplusIsFault = false
  /// Whether the output has ended and the spawner not said what became of the program.
  var isUndecided = false
  /// What is wrong with its output, to be logged when it is known how it ended.
  var complaint: String?
  var queuedAt: Int64 = 0
  var firstByteAt: Int64 = 0
  var lastByteAt: Int64 = 0
  /// Since when the program's silence is counted.
  var lastSignOfLife: Int64 = 0
  var deadline = Deadline()
  var grace: Int64 = 0
  var terminated = false
  var killed = false

  init(
    _ lane: Lane, _ serving: LanePlan, _ route: Int, _ program: ProgramSettings, _ script: Script,
    _ environment: EnvironmentSink
  ) {
    self.lane = lane
    self.serving = serving
    self.program = program
    self.script = script
    self.environment = environment
    admission = serving.plan.admissions[route]!
    row = serving.plan.rows[route]!
  }

  var plan: Plan { serving.plan }
  var spawning: Spawning { serving.spawning }

  /// The script's name, for the log; its file where it answers for all of the site and so has none.
  var name: String { String(decoding: script.name.isEmpty ? script.filename : script.name, as: UTF8.self) }
  var interpreter: [UInt8]? { script.interpreter }
  var headBytes: Int { program.headBytes }

  func enter(_ next: Stage) { stage = next }

  // MARK: A place

  /// Asks for a place, and runs or waits.
  func start(_ spool: BodySpool) {
    body = spool
    base = lane.loop.register(self, role: Role.base)
    lane.add(self)
    queuedAt = Clock.monotonic()
    switch admission.enter(base!, mailbox: lane.loop.mailbox) {
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

  func launch() {
    bill.phases.queue = Clock.monotonic() - queuedAt
    guard let spawner = spawning.current else { return failToStart("there is no spawner") }
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
      row: row, scriptPath: program.script == nil ? script.path : [], arguments: [], environment: environment.bytes,
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
      answer.feed(lane.relay, 0..<count)
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
    // It may have been stopped for a client that was slow.
    output?.resume()
  }

  /// The program printed more than it had promised.
  func surplus() {
    if surplusIsFault, stage != .ending {
      lane.shared.log.error("\(name): printed more than its Content-Length; the rest is cut off")
    }
    surplusIsFault = false
  }

  private func noteFirstByte() {
    firstByteAt = lastByteAt
    guard let times = noteSpawn() else { return }
    bill.phases.firstByte = firstByteAt - times.execStarted
  }

  /// Of a program that has printed nothing the bill says how long that was waited for.
  func noteSilence() {
    if firstByteAt == 0, let times = noteSpawn() {
      bill.phases.firstByte = Clock.monotonic() - times.execStarted
    }
  }

  @discardableResult
  func noteSpawn() -> SpawnTimes? {
    guard let process, let times = process.times else { return nil }
    spawning.served(by: process.spawner)
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

  func closeErrors() {
    errors?.close()
    errors = nil
  }
}
