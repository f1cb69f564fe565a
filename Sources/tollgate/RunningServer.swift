// A server from its start to its end: what the signals that it gets do.

import Gateway
import Kernel
import Log

/// Why a configuration cannot be used: what its reader says, for people.
struct UnusableConfiguration: Error, CustomStringConvertible {
  let description: String
}

/// A gateway that serves, until signals end it. HUP reads the configuration again; the first TERM or INT lets what runs
/// finish, the second ends it, and so does the limit for that.
struct RunningServer {
  let gateway: Gateway
  let log: Logger
  /// How long what runs may go on after the first signal that ends the server, in nanoseconds.
  var drainNanoseconds: Int64 = ThisProcess.isTerminal(ThisProcess.standardOutput) ? 2 * second : 30 * second
  /// Reads the configuration again; nil where the server was started without one.
  var configuration: (() throws(UnusableConfiguration) -> Settings)?

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
      log.notice("HUP: there is nothing to read again, the server was started without a configuration")
      return
    }
    do {
      try gateway.reload(try configuration())
      log.notice("the configuration was read again and is in force")
    } catch {
      log.error("the configuration was read again and cannot be used, the old one stays in force: \(error)")
    }
  }

  private func drain() {
    log.info("ending: what runs may finish, for \(words(drainNanoseconds)); another signal ends it at once")
    gateway.drain()
    let deadline = Clock.monotonic() + drainNanoseconds
    while !gateway.hasEnded, Clock.monotonic() < deadline {
      switch ThisProcess.nextSignal(withinMilliseconds: 20) {
      case .interrupt, .terminate: return
      // A terminal that is closed may say so more than once.
      case .hangUp, nil: break
      }
    }
  }

  private func end() {
    gateway.end()
    let deadline = Clock.monotonic() + 5 * second
    while !gateway.hasEnded, Clock.monotonic() < deadline { Clock.sleep(milliseconds: 5) }
  }

  private func words(_ nanoseconds: Int64) -> String {
    nanoseconds % second == 0 ? "\(nanoseconds / second) s" : "\(nanoseconds / millisecond) ms"
  }
}
