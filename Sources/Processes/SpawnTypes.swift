// What a request to the spawner consists of and what may become of it: values, no system calls.

import Glibc
import SpawnProtocol

/// One row of the table of what a spawner may run. It is told once, when the spawner starts, and never changes.
public enum SpawnTarget: Sendable, Equatable {
  /// Scripts anywhere below this absolute path, each named by its path relative to it.
  case directory(String)
  /// One program, by its absolute path, and its working directory; nil for that in which it stands.
  case program(String, directory: String? = nil)
}

/// The resource limits (setrlimit(2)) of every child of a spawner, soft and hard alike. `nil` leaves the spawner's
/// own, which are those that the gateway had when it started it.
public struct SpawnLimits: Sendable, Equatable {
  /// RLIMIT_CPU: processor time in seconds, then SIGXCPU and SIGKILL.
  public var cpuSeconds: UInt64?
  /// RLIMIT_AS: the address space in bytes.
  public var addressSpaceBytes: UInt64?
  /// RLIMIT_FSIZE: the length of a file that it may write, in bytes.
  public var fileSizeBytes: UInt64?
  /// RLIMIT_NOFILE: the number of open descriptors.
  public var openFiles: UInt64?

  public init(
    cpuSeconds: UInt64? = nil, addressSpaceBytes: UInt64? = nil, fileSizeBytes: UInt64? = nil, openFiles: UInt64? = nil
  ) {
    self.cpuSeconds = cpuSeconds
    self.addressSpaceBytes = addressSpaceBytes
    self.fileSizeBytes = fileSizeBytes
    self.openFiles = openFiles
  }
}

/// Names one request that was made of a spawner, until it is released.
public struct SpawnTicket: Sendable, Hashable {
  let slot: UInt32
  /// Tells two requests apart that had the same slot one after the other.
  let generation: UInt32
}

/// When a child was made, in nanoseconds of CLOCK_MONOTONIC.
public struct SpawnTimes: Sendable, Equatable {
  /// The gateway sent its request.
  public var requested: Int64
  /// The spawner had read and judged it and called clone(2).
  public var cloneStarted: Int64
  /// The child called execve(2).
  public var execStarted: Int64
}

/// Where in a child's making a fault lay.
public enum SpawnStage: Sendable, Equatable {
  /// The spawner refused the request, or died before it came to it.
  case message
  /// clone(2): no process was made.
  case clone
  /// setpgid(2).
  case group
  /// dup2(2) or close_range(2).
  case descriptors
  /// setrlimit(2).
  case limits
  /// chdir(2) to the program's directory.
  case chdir
  /// execve(2).
  case exec

  init(raw: UInt32) {
    switch spawn_stage(raw) {
    case SPAWN_STAGE_MESSAGE: self = .message
    case SPAWN_STAGE_CLONE: self = .clone
    case SPAWN_STAGE_GROUP: self = .group
    case SPAWN_STAGE_DESCRIPTORS: self = .descriptors
    case SPAWN_STAGE_LIMITS: self = .limits
    case SPAWN_STAGE_CHDIR: self = .chdir
    case SPAWN_STAGE_EXEC: self = .exec
    default: preconditionFailure("the spawner tells a stage that is none")
    }
  }
}

/// What became of a request.
public enum SpawnState: Sendable, Equatable {
  /// Nothing yet. Output may come while this is so, for the child can be faster than the spawner's next instruction;
  /// the end of the output cannot.
  case waiting
  /// The program runs or ran: a child of this process, the leader of the process group `pid`, to be reaped.
  case running(pid: Int32)
  /// The program does not run, because of `errno`. With a pid there is a child that ended with status 127, to be
  /// reaped.
  case failed(stage: SpawnStage, errno: Int32, pid: Int32?)
}

/// Why a spawner was not started, or did not take a request.
public enum SpawnError: Error, Equatable {
  /// The spawner's program, its socket or its memory could not be had; the errno is that of the call that failed.
  case notStarted(errno: Int32)
  /// Every slot is taken, or the socket holds as much as it can. When `descriptor` is writable there is room.
  case full
  /// The spawner's process is gone.
  case dead
  /// The request is over a limit, here with its name, its value and what the request came to.
  case tooLarge(limit: String, maximum: Int, actual: Int)
  /// An argument, or the environment, holds a NUL in its midst, or is not made of as many strings as was said.
  case malformed
}

extension SpawnError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notStarted(let errno): "it cannot be started: \(String(cString: strerror(errno)))"
    case .full: "the spawner takes no more requests now"
    case .dead: "the spawner has died"
    case .tooLarge(let limit, let maximum, let actual): "\(actual) is over \(limit) = \(maximum)"
    case .malformed: "the request holds a NUL in its midst"
    }
  }
}
