// The end of a program: of its output, by itself, because its time is over, or because its client has left.

import Costs
import EventLoop
import Kernel
import Log
import Processes

extension CGIRun {
  // MARK: The end of its output

  func outputEnded() {
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
    case .running, nil: answer?.outputEnded()
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
    let hint = stage == .exec ? Scripts.hint(program.root, script.path, Errno(rawValue: errno)) : ""
    lane.shared.log.error("\(name): 500, \(stage) failed: \(words) (errno \(errno))\(hint)")
    answer?.fail(500, "The program could not be executed.")
  }

  /// Has the log say what is wrong with the program's output, together with how the program ended.
  func complain(_ words: String) { complaint = words }

  private func logEnd() {
    if let complaint {
      lane.shared.log.error("\(name): \(complaint)\(bill.processEnd.map { "; it ended by \($0.words)" } ?? "")")
    } else if case .signalled = bill.processEnd, !terminated, !killed {
      lane.shared.log.error("\(name): ended by \(bill.processEnd!.words)")
    }
    complaint = nil
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
  func leaderEnded() {
    exitWatch?.close()
    exitWatch = nil
    if stage == .ending, let pid = process?.pid { killGroup(pid) }
    _ = reap()
  }

  private func exited(_ report: ProcessReport?) {
    if let report {
      bill.process = report.usage
      bill.processEnd = report.end
      bill.phases.exit = max(0, Clock.monotonic() - lastByteAt)
    }
    // What it still had to say; a descendant that holds its standard error is not waited for.
    errors?.drain(into: &lane.relay)
    closeErrors()
    process?.release()
    process = nil
    // Before the client hears of it: its next request may want this very place.
    giveBackPlace()
    answer?.exited()
    finish()
  }

  private func giveBackPlace() {
    if hasPlace { admission.leave() }
    hasPlace = false
  }

  /// The one end of every run.
  func finish() {
    if stage == .over { return }
    enter(.over)
    output?.close()
    output = nil
    closeErrors()
    exitWatch?.close()
    exitWatch = nil
    giveBackPlace()
    if let base { lane.loop.unregister(base) }
    base = nil
    body = nil
    input = nil
    logEnd()
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
    if !hasPlace, let base { admission.cancel(base, mailbox: lane.loop.mailbox) }
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

  func endEarly() { end(grace: program.killGrace) }

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

  func setDeadline(_ time: Int64) {
    if let base { deadline.set(time, for: base, on: lane.loop) }
  }

  func timerFired(role: UInt8) {
    guard let base, deadline.hasCome(for: base, on: lane.loop) else { return }
    switch stage {
    case .queued: if hasPlace { launch() } else { queueTimedOut() }
    case .running: runTimedOut(lane.loop.now)
    case .exiting: if isUndecided { judgeEnd() } else { exitTimedOut() }
    case .ending: endTimedOut()
    case .new, .over: break
    }
  }

  private func queueTimedOut() {
    let limit = NamedLimit("queue_timeout", nanoseconds: program.queueTimeout)
    lane.shared.log.notice("\(name): 503, waited too long for a place (\(limit.key) = \(limit.value))")
    answer?.fail(503, "No place became free in time.", limit: limit, retryAfter: 1)
    cancelQueued()
  }

  private func runTimedOut(_ now: Int64) {
    if let process, case .waiting = process.state {
      let patience = lastSignOfLife + Spawning.patience
      if now < patience { return setDeadline(patience) }
      answer?.fail(503, "No program can be started now.", retryAfter: 1)
      spawning.giveUp(on: process.spawner)
      return end(grace: program.killGrace)
    }
    if now - lastSignOfLife < program.timeout { return setDeadline(lastSignOfLife + program.timeout) }
    if let output, output.isPaused {
      // The silence is the client's: its own limit ends it.
      return setDeadline(now + program.timeout)
    }
    let limit = NamedLimit("timeout", nanoseconds: program.timeout)
    let status = answer?.hasBegun == false ? "504, " : ""
    lane.shared.log.warning(
      "\(name): \(status)silent for too long (\(limit.key) = \(limit.value)), the program is ended")
    answer?.fail(504, "The program took too long.", limit: limit)
    end(grace: program.killGrace)
  }

  private func exitTimedOut() {
    let limit = NamedLimit("timeout", nanoseconds: program.timeout)
    lane.shared.log.warning(
      "\(name): closed its output and lives on (\(limit.key) = \(limit.value)), the program is ended")
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
