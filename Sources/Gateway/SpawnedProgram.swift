import Costs
import Kernel
import Processes

/// A process that a spawner was asked for, from the request until it is reaped.
final class SpawnedProgram {
  enum Poll {
    case lives
    case ended(ProcessReport)
    /// It was never made.
    case neverWas
    case lost(ProcessError)
  }

  let spawner: Spawner
  private let ticket: SpawnTicket

  init(_ spawner: Spawner, _ ticket: SpawnTicket) {
    self.spawner = spawner
    self.ticket = ticket
  }

  var state: SpawnState { spawner.state(ticket) }

  /// When it was made; nil as long as it has not come to its exec.
  var times: SpawnTimes? { spawner.times(ticket) }

  /// The process, which leads a group of its own; nil while the spawner has not made it, and where it could not.
  var pid: Int32? {
    switch state {
    case .running(let pid): pid
    case .failed(_, _, let pid): pid
    case .waiting: nil
    }
  }

  /// Asks whether it has ended, and reaps it. wait4(2), WNOHANG.
  func poll() -> Poll {
    guard let pid else {
      if case .failed = state { return .neverWas }
      return .lives
    }
    do throws(ProcessError) {
      return try Reaper.poll(pid: pid).map { .ended($0) } ?? .lives
    } catch {
      return .lost(error)
    }
  }

  /// Gives its place with the spawner back, once it was reaped.
  func release() { spawner.release(ticket) }
}

extension ProcessEnd {
  /// For the log.
  var words: String {
    switch self {
    case .exited(let status): "exit \(status)"
    case .signalled(let signal): "signal \(signal)"
    }
  }
}
