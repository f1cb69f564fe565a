// The record of what one request cost. Values only: how they are shown is a matter of Presentation and Admin,
// when they are taken is a matter of the Gateway.

import Kernel

/// Which of the models answered.
public enum Model: UInt8, Sendable, CaseIterable {
  /// A file out of the gateway's own cache, head and body in one `send`.
  case staticCache
  /// A file that the kernel sent by `sendfile`.
  case staticSendfile
  /// A process for this request alone (RFC 3875).
  case cgi
  /// A worker of a pool (FastCGI 1.0).
  case fastcgi
  /// The gateway's own answer: an error, a redirect, a listing, a 304.
  case inside

  /// The name under which logs, Server-Timing and reports show the model.
  public var name: StaticString {
    switch self {
    case .staticCache, .staticSendfile: "static"
    case .cgi: "cgi"
    case .fastcgi: "fastcgi"
    case .inside: "internal"
    }
  }

  /// How the body left, for the models that have a choice.
  public var transfer: StaticString? {
    switch self {
    case .staticCache: "cache"
    case .staticSendfile: "sendfile"
    case .cgi, .fastcgi, .inside: nil
    }
  }
}

/// The parts of a request's time, in nanoseconds of the monotonic clock. `nil` is a part that did not happen.
public struct Phases: Sendable, Equatable {
  /// From the first byte of the request to the end of its head.
  public var head: Int64?
  /// From the end of the head to the last byte of the body.
  public var body: Int64?
  /// In the route's queue, waiting for a place.
  public var queue: Int64?
  /// From the request to the spawner until the child called execve(2).
  public var spawn: Int64?
  /// From there to the first byte that the program printed: the kernel's loading and the dynamic linker included. Of a
  /// worker from the moment it was granted, connecting to it included.
  public var firstByte: Int64?
  /// From the program's first byte to its last.
  public var output: Int64?
  /// From the program's last byte until it was reaped.
  public var exit: Int64?

  public init() {}
}

/// The bill of one request.
public struct Bill: Sendable {
  public var model: Model = .inside
  /// The index of the route in the table that the request was served by, which the gateway may have exchanged since: a
  /// record has the route's path. `nil` where no route was found.
  public var route: Int?
  public var status: Int = 0
  /// Head and body as they came, framing included.
  public var bytesIn: Int64 = 0
  /// Head and body as they were handed to the kernel, framing included.
  public var bytesOut: Int64 = 0
  /// The body alone, as the access log counts it.
  public var bodyBytesOut: Int64 = 0
  /// When the first byte of the request was read: nanoseconds since the epoch.
  public var startedAt: Int64 = 0
  /// From the first byte of the request to the last byte of the answer in the kernel's hands; for CGI, or to the
  /// reaping of the process where that came later.
  public var durationNanoseconds: Int64 = 0
  public var phases = Phases()
  /// CGI: what the process took. `nil` where no process ran, or where it could not be waited for.
  public var process: ResourceUsage?
  public var processEnd: ProcessEnd?
  /// FastCGI: what the worker took. `nil` where no worker had the request.
  public var worker: WorkerBill?

  public init() {}
}

/// What a worker took for one request.
public struct WorkerBill: Sendable, Equatable {
  /// The worker's process; `nil` where somebody else runs it.
  public var pid: Int32?
  /// The worker's processor time, all its threads, from BEGIN_REQUEST to END_REQUEST. `nil` where it is not knowable:
  /// somebody else runs the worker, or its process was gone. Children of a worker are not part of it.
  public var cpuNanoseconds: Int64?
  /// How many requests the worker has answered since its start, this one included; `nil` where that is not knowable.
  public var requests: Int?

  public init() {}

  /// What logs, Server-Timing and reports say in the place of a figure that nobody can know.
  public static let notKnowable = "not knowable"
}
