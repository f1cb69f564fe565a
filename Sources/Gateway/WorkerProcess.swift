// A worker's process, from the request to the spawner until it is reaped.

import CGI
import EventLoop
import Kernel
import Log
import Processes
import WorkerPool

final class WorkerProcess: LoopTarget {
  private enum Role {
    static let base: UInt8 = 0
    static let errors: UInt8 = 1
    static let exit: UInt8 = 2
  }

  /// How soon to ask whether the spawner has made it: soon, for a request may wait; then less and less often.
  private static let firstLook = millisecond
  private static let longestLook = 16 * millisecond

  let slot: WorkerPool.Slot
  /// They hold each other until `finish`.
  private var keeper: PoolKeeper?
  private let lane: Lane
  private let settings: PoolSettings
  /// The spawner that made it must live as long as it does, since it takes what it has made along.
  private var hold: SpawningHold?
  private var process: SpawnedProgram?
  private var errors: ProgramErrors?
  private var exitWatch: ProgramPipe?
  private var token: Token?
  private var look = firstLook
  private var askedAt: Int64 = 0
  private var isRunning = false
  private(set) var isEnding = false
  private var isKilled = false
  private var deadline = Deadline()

  init(_ keeper: PoolKeeper, _ slot: WorkerPool.Slot) {
    self.keeper = keeper
    self.slot = slot
    lane = keeper.lane
    settings = keeper.pool.settings
    token = lane.loop.register(self, role: Role.base)
  }

  var program: String {
    guard case .command(let program, _, _, _, _) = settings.source else { preconditionFailure("no program") }
    return program
  }

  private(set) var pid: Int32?

  // MARK: Starting

  func start() {
    askedAt = Clock.monotonic()
    spawn()
  }

  private func spawn() {
    guard let keeper, let spawner = keeper.hold.spawning.current else {
      return failed("there is no spawner for it")
    }
    do {
      try spawn(keeper, spawner)
      setDeadline(Clock.monotonic() + look)
    } catch let error as SpawnError where error == .full && Clock.monotonic() - askedAt < Spawning.patience {
      // The spawner's socket is full: again in a moment.
      setDeadline(Clock.monotonic() + look)
    } catch {
      failed("\(error)")
    }
  }

  private func spawn(_ keeper: PoolKeeper, _ spawner: Spawner) throws {
    guard case .command(_, let arguments, _, let variables, _) = settings.source else { return }
    var environment = EnvironmentSink()
    if !variables.contains(where: { $0.name.elementsEqual("PATH".utf8) }) {
      environment.add("PATH".utf8.span, MetaVariables.searchPath.utf8.span)
    }
    for variable in variables { environment.add(variable.name.span, variable.value.span) }
    let stderr = try Pipe()
    let ticket = try spawner.spawn(
      row: keeper.row, scriptPath: [], arguments: arguments.map { Array($0.utf8) }, environment: environment.bytes,
      environmentCount: environment.count, standardInput: keeper.pool.listeners[slot].listener.descriptor.raw,
      standardOutput: -1, standardError: stderr.writeEnd.raw)
    process = SpawnedProgram(spawner, ticket)
    hold = keeper.hold
    do {
      errors = ProgramErrors(
        try ProgramPipe(stderr.takeReadEnd(), lane.loop, self, role: Role.errors), of: "pool \(settings.name)",
        lineLimit: settings.errorLineBytes, log: lane.shared.log)
    } catch {
      // The process was asked for, and is not forgotten for that.
      lane.shared.log.error("pool \(settings.name): what a worker says on standard error is lost: \(error)")
    }
  }

  /// Whether the spawner has made it by now.
  private func judge() {
    guard let process else { return spawn() }
    switch process.state {
    case .waiting:
      if Clock.monotonic() - askedAt > Spawning.patience {
        hold?.spawning.giveUp(on: process.spawner)
        askedAt = Clock.monotonic()
      }
      look = min(look * 2, Self.longestLook)
      setDeadline(Clock.monotonic() + look)
    case .failed(_, let errno, _):
      if case .lives = process.poll() { return setDeadline(Clock.monotonic() + look) }
      process.release()
      failed("\(describe(errno: errno)) (errno \(errno))")
    case .running(let pid): running(pid)
    }
  }

  private func running(_ pid: Int32) {
    isRunning = true
    self.pid = pid
    hold?.spawning.served(by: process!.spawner)
    do {
      exitWatch = try ProgramPipe(Descriptor(owning: try Reaper.openPidfd(pid)), lane.loop, self, role: Role.exit)
    } catch {
      // Without a pidfd it is looked at now and then.
      lane.shared.log.error("pool \(settings.name): pidfd: \(error)")
      setDeadline(Clock.monotonic() + second)
    }
    keeper?.started(self, pid: pid)
  }

  private func failed(_ words: String) {
    let keeper = self.keeper
    finish()
    keeper?.startFailed(self, words)
  }

  // MARK: Running

  func ready(_ readiness: Readiness, role: UInt8) {
    if role == Role.errors {
      if errors?.read(into: &lane.relay) == .ended { closeErrors() }
    } else {
      reap()
    }
  }

  func timerFired(role: UInt8) {
    guard let token, deadline.hasCome(for: token, on: lane.loop) else { return }
    if !isRunning { return judge() }
    if isEnding, !isKilled { return kill() }
    reap()
    if self.token != nil { setDeadline(lane.loop.now + second) }
  }

  private func setDeadline(_ time: Int64) {
    if let token { deadline.set(time, for: token, on: lane.loop) }
  }

  // MARK: Ending

  /// TERM to its group; KILL after the grace. Again with a shorter one, if it is to go sooner.
  func end(grace: Int64) {
    isEnding = true
    // Where it is not there yet, the keeper ends it when it is.
    guard isRunning, !isKilled, let pid else { return }
    if grace == 0 { return kill() }
    _ = Reaper.signalGroup(pid, Signal.terminate)
    setDeadline(lane.loop.now + grace)
  }

  private func kill() {
    guard let pid else { return }
    isKilled = true
    _ = Reaper.signalGroup(pid, Signal.kill)
    setDeadline(lane.loop.now + second)
  }

  private func reap() {
    guard let process, let pid else { return }
    // Before it is reaped, while the number is the group's: what it has started goes with it.
    if (try? Reaper.hasEnded(pid: pid)) == true { _ = Reaper.signalGroup(pid, Signal.kill) }
    switch process.poll() {
    case .lives: break
    case .ended(let report): exited(report)
    case .neverWas, .lost: exited(nil)
    }
  }

  private func exited(_ report: ProcessReport?) {
    errors?.drain(into: &lane.relay)
    process?.release()
    let keeper = self.keeper
    finish()
    keeper?.exited(self, report)
  }

  private func closeErrors() {
    errors?.close()
    errors = nil
  }

  private func finish() {
    closeErrors()
    exitWatch?.close()
    exitWatch = nil
    if let token { lane.loop.unregister(token) }
    token = nil
    process = nil
    hold = nil
    keeper = nil
  }
}
