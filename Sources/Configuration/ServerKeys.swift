// The table of the keys of [server].

private let tebibyte = 1 << 40

extension ServerSection: ConfigurationSection {
  static let plannedKeys = ["admin"]

  static let keys: [Key<ServerSection>] = [
    Key(
      "listen", .list(.address(connects: false), of: "addresses", .oneOrMore), \.listen,
      "Where connections are accepted. The port 0 is one that the system chooses."),
    Key(
      "loops", .integer(0...256), \.loops,
      "How many event loops, each a thread; 0 is one for each processor."),
    Key(
      "log", .writtenFile(or: ["stderr"]), \.log,
      "Where diagnostics go: standard error, or a file that they are added to."),
    Key(
      "access_log", .writtenFile(or: ["-", "off"]), \.accessLog,
      "Where requests are logged: `-` is standard output; to a file they are added."),
    Key(
      "access_log_format", .choice(AccessLogSetting.self), \.accessLogFormat,
      "The form of the access log; `json` has the whole bill of each request."),
    Key(
      "pid_file", .writtenFile(), \.pidFile, defaultWords: "none",
      "A file that has the gateway's process id while it runs."),
    Key(
      "drain", .time(0...day), \.drainNanoseconds, defaultWords: "`\"30s\"`, on a terminal `\"2s\"`",
      "How long what runs may go on after the first TERM or INT; a second one ends it at once."),
    Key(
      "file_cache", .size(0...tebibyte), \.fileCacheBytes,
      "How much of small files all loops together keep in memory."),
    Key(
      "connections", .integer(1...1_000_000), \.connections,
      "How many connections may be open at once; beyond that, accepting pauses."),
    Key(
      "request_line", .size(256...65_536), \.requestLineBytes,
      "The longest request line. Over it: 414."),
    Key(
      "request_head", .size(1024...65_536), \.requestHeadBytes,
      "The longest head of a request, its request line included. Over it: 431."),
    Key(
      "request_fields", .integer(1...1000), \.requestFields,
      "How many fields a request's head may have. Over it: 431."),
    Key(
      "head_timeout", .time(100 * millisecond...day), \.headTimeoutNanoseconds,
      "How long a request's head may take from its first byte. Over it: 408."),
    Key(
      "idle_timeout", .time(100 * millisecond...day), \.idleTimeoutNanoseconds,
      "How long a connection is kept open without a request."),
    Key(
      "send_timeout", .time(100 * millisecond...day), \.sendTimeoutNanoseconds,
      "How long a client may take nothing of its answer before its connection is closed."),
    Key(
      "body_memory", .size(0...1 << 30), \.bodyMemoryBytes,
      "How much of a request's body is kept in memory; a longer one goes to a file in `spool`."),
    Key(
      "spool", .spoolDirectory, \.spoolDirectory,
      "The directory of the files, without names, that hold long bodies."),
    Key(
      "spool_total", .size(0...tebibyte), \.spoolTotalBytes,
      "How much all bodies together may take in `spool`. Over it: 503."),
    Key(
      "body_rate", .size(0...1 << 30), \.bodyRateBytes,
      "How much of a body must come each second, on average, once 10 s have passed. Under it: 408."),
  ]
}
