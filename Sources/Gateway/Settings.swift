// What a gateway is told: limits, and where its routes are. Values, read once before the first listener opens.

import HTTPWire
import Kernel

/// Limits that every connection has in common. Times are in nanoseconds, as the loop's clock.
public struct Limits: Sendable {
  public var head = HeadLimits()
  /// `head_timeout`: from a request's first byte to the end of its head.
  public var headTimeout: Int64 = 10 * second
  /// `idle_timeout`: how long a connection is kept open without a request.
  public var idleTimeout: Int64 = 75 * second
  /// `body_memory`: what is kept of a body in memory before it goes to a file.
  public var bodyMemoryBytes = 65_536
  /// `spool`: where bodies go that do not fit.
  public var spoolDirectory = "/var/tmp"
  /// `spool_total`: what all bodies together may occupy there.
  public var spoolTotalBytes = 4 << 30
  /// `body_rate`: bytes a second, looked at once `bodyRateGrace` has passed.
  public var bodyBytesPerSecond = 240
  public var bodyRateGrace: Int64 = 10 * second
  /// `connections`.
  public var connections = 10_000
  /// `send_timeout`: how long a client may take none of what is waiting for it.
  public var sendTimeout: Int64 = 60 * second
  /// What waits in memory for a client that reads slowly, before its source is no longer read.
  public var outputBufferBytes = 65_536
  /// How many entries a listing shows.
  public var listingEntries = 10_000
  /// `file_cache`: what all loops together keep of files in memory.
  public var fileCacheBytes = 64 << 20
  /// Files of up to so many bytes are kept whole.
  public var cachedFileBytes = 65_536
  /// How many files that are not in memory may stay open.
  public var cachedDescriptors = 1024
  /// How many files a loop keeps.
  public var cachedFiles = 16_384

  public init() {}
}

public let second: Int64 = 1_000_000_000
public let millisecond: Int64 = 1_000_000

/// How much of its bill an answer carries in Server-Timing.
public enum BillMode: String, Sendable, CaseIterable {
  case off
  /// What is known when the head leaves.
  case head
  /// The whole: an answer of up to 64 KiB is held until the process has exited, at most 250 ms.
  case full

  static let heldBytes = 65_536
  static let heldNanoseconds: Int64 = 250 * millisecond
}

/// Everything that a gateway is told.
public struct Settings: Sendable {
  public var listen: [SocketAddress] = []
  /// 0: one a core.
  public var loops = 0
  /// Those of the hosts that no site names.
  public var routes: [Route] = []
  public var sites: [SiteSettings] = []
  public var pools: [PoolSettings] = []
  public var limits = Limits()
  /// The path of `tollgate-spawn`.
  public var spawnerPath = ""
  public var software = "Tollgate"

  public init() {}
}
