// The tables of the keys of [[route]], which are those of [[site.route]] too, and of [[site]].

extension Needs {
  fileprivate static let files = Needs(oneOf: ["static"])
  fileprivate static let programs = Needs(oneOf: ["cgi", "fastcgi"])
  fileprivate static let processes = Needs(
    oneOf: ["cgi"], elsewhere: ("fastcgi", "belongs to the pool: write it in [pool.NAME]"))
  fileprivate static let places = Needs(
    oneOf: ["cgi"], elsewhere: ("fastcgi", "belongs to the pool: its «workers» or «max_connections» say how many"))
}

extension RouteSection: ConfigurationSection {
  static let plannedKeys = [
    "auth", "follow", "half_close", "interpreter", "max_time", "request_buffering", "try",
  ]

  static let keys: [Key<RouteSection>] = [
    Key(
      "path", .routePath, \.path, isRequired: true,
      "What the paths of its requests begin with, by whole segments; the longest of all routes wins."),
    Key(
      "static", .directory, \.staticDirectory, defaultWords: "none",
      "The directory whose files are sent. The route's path is taken off first."),
    Key(
      "index", .list(.fileName, of: "names", .any), \.index, needs: .files,
      "The files that stand for their directory; the first that is there."),
    Key(
      "listing", .flag, \.listing, needs: .files,
      "Whether a directory without one of them is listed."),
    Key(
      "deny", .list(.glob, of: "globs", .any), \.deny,
      "Where the name of any segment below the route's path matches one, the answer is 404, whatever else holds."),
    Key(
      "cgi", .scripts, \.cgi, defaultWords: "none",
      "What is run, a process for each request: a directory of scripts, or one script for all below the path."),
    Key(
      "fastcgi", .text("the name of a pool"), \.fastcgi, defaultWords: "none",
      "The pool whose workers answer: all below the path, or with `static` and `match` the files that match."),
    Key(
      "match", .list(.glob, of: "globs", .oneOrMore), \.match, needs: .programs,
      defaultWords: "every executable file",
      "Which files are run, by the name of the first segment, from the left, that is a file."),
    Key(
      "env", .environment, \.environment, needs: .programs,
      "Variables that are added to those of each request; they never override one that is computed."),
    Key(
      "timeout", .time(millisecond...day), \.timeoutNanoseconds, needs: .processes,
      "How long a program may be silent, before its head and after it. Over it: 504, or the connection ends."),
    Key(
      "concurrency", .integer(1...10_000), \.concurrency, needs: .places,
      "How many programs run at once."),
    Key(
      "queue", .integer(0...100_000), \.queue, needs: .processes,
      "How many requests may wait for a place. Over it: 503."),
    Key(
      "queue_timeout", .time(millisecond...day), \.queueTimeoutNanoseconds, needs: .processes,
      "How long a request may wait for a place. Over it: 503."),
    Key(
      "max_body", .size(0...1 << 40), \.maxBodyBytes,
      "The longest body of a request. Over it: 413."),
    Key(
      "bill", .choice(BillSetting.self), \.bill,
      """
      How much of its bill an answer carries in Server-Timing: `head` is what is known when the head leaves; for \
      `full` an answer of up to 64 KiB is held until its program has exited, at most 250 ms.
      """),
  ]
}

extension SiteSection: ConfigurationSection {
  static let plannedKeys: [String] = []

  static let keys: [Key<SiteSection>] = [
    Key(
      "hosts", .list(.host, of: "names of hosts", .oneOrMore), \.hosts, isRequired: true,
      """
      The hosts that it answers for, without a port. `*.example.org` is every host below it; an exact name beats the \
      longest of those.
      """)
  ]
}
