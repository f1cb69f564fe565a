// A server from its start to its end: what the signals that it gets do.

import Gateway
import Kernel
import Log

/// A gateway that serves, until signals end it. HUP reads the configuration again; the first TERM or INT lets what runs
/// finish, the second ends it, and so does the limit for that.
struct RunningServer {
  let gateway: Gateway
  let log: Logger
  let record: ReloadRecord
  /// Where it was started with one.
  var configuration: ServedConfiguration?
  /// How long what runs may go on after the first signal that ends the server, in nanoseconds; nil where neither flag
  /// nor configuration says it. A configuration wins.
  var drainNanoseconds: Int64?

  /// Returns when everything has ended. The `SteeringSignal`s are held (`ThisProcess.holdSignals`).
  func run() {
    let hadTerminal = ThisProcess.hasControllingTerminal()
    while ThisProcess.nextSignal() == .hangUp {
      // HUP is also what those get whose terminal is closed: nobody is left who could end them there.
      if hadTerminal, !ThisProcess.hasControllingTerminal() { break }
      reload()
    }
    drain()
    if !gateway.hasEnded { end() }
  }

  private func reload() {
    guard let configuration else {
      let words = "there is nothing to read again, the server was started without a configuration"
      log.notice("HUP: \(words)")
      record.begin()
      record.end(code: Sysexits.usage.rawValue, [words])
      return
    }
    record.begin()
    do throws(UnusableConfiguration) {
      let remarks = try configuration.reload(gateway)
      for remark in remarks { log.warning("\(remark)") }
      let words = "\(configuration.path) was read again and is in force"
      log.notice("\(words)")
      record.end(code: 0, remarks + [words])
    } catch {
      let words = "\(configuration.path) was read again and cannot be used, the old configuration stays in force"
      for line in error.lines { log.error("\(line)") }
      log.error("\(words)")
      record.end(code: error.code.rawValue, error.lines + [words])
    }
  }

  private func drain() {
    let limit = configuration?.file.server.drainNanoseconds ?? drainNanoseconds ?? Self.usualDrainNanoseconds
    log.info("ending: what runs may finish, for \(words(limit)); another signal ends it at once")
    gateway.drain()
    let deadline = Clock.monotonic() + limit
    while !gateway.hasEnded, Clock.monotonic() < deadline {
      switch ThisProcess.nextSignal(withinMilliseconds: 20) {
      case .interrupt, .terminate: return
      // A terminal that is closed may say so more than once.
      case .hangUp, nil: break
      }
    }
  }

  private static var usualDrainNanoseconds: Int64 {
    ThisProcess.isTerminal(ThisProcess.standardOutput) ? 2 * second : 30 * second
  }

  private func end() {
    log.notice("ending now: what still runs is ended, and its clients are left")
    gateway.end()
    let deadline = Clock.monotonic() + 5 * second
    while !gateway.hasEnded, Clock.monotonic() < deadline { Clock.sleep(milliseconds: 5) }
  }

  private func words(_ nanoseconds: Int64) -> String {
    nanoseconds % second == 0 ? "\(nanoseconds / second) s" : "\(nanoseconds / millisecond) ms"
  }
}
