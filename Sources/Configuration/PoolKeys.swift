// The table of the keys of [pool.NAME].

extension Needs {
  fileprivate static let ownWorkers = Needs(oneOf: ["command"])
}

extension PoolSection: ConfigurationSection {
  static let plannedKeys = ["idle_timeout", "max_time", "max_workers", "min_workers"]

  static let keys: [Key<PoolSection>] = [
    Key(
      "command", .list(.text("a string", mayBeEmpty: true), of: "strings", .oneOrMore), \.command,
      defaultWords: "none",
      "The program of its workers and its arguments. A program without a slash is looked up in PATH."),
    Key(
      "workers", .integer(1...1024), \.workers, needs: .ownWorkers,
      "How many workers run, each for one request at a time."),
    Key(
      "env", .environment, \.environment, needs: .ownWorkers,
      "Variables of the workers' environment."),
    Key(
      "connect", .list(.address(connects: true), of: "addresses", .oneForNow), \.connect, defaultWords: "none",
      "Where the workers listen, of a pool that someone else runs."),
    Key(
      "max_connections", .integer(1...1024), \.maxConnections, needs: Needs(oneOf: ["connect"]),
      "How many connections are made at most, each for one request at a time."),
    Key(
      "timeout", .time(millisecond...day), \.timeoutNanoseconds,
      "How long a worker may be silent, before its head and after it. Over it: 504, or the connection ends."),
    Key(
      "queue", .integer(0...100_000), \.queue,
      "How many requests may wait for a worker. Over it: 503."),
    Key(
      "queue_timeout", .time(millisecond...day), \.queueTimeoutNanoseconds,
      "How long a request may wait for a worker. Over it: 503."),
  ]
}
