// A configuration as TOML, with all that it did not say; and the reference of the keys.

extension ConfigurationFile {
  /// The configuration with every default, as TOML that means the same. Paths are absolute.
  public func dump() -> String {
    var out = ""
    server.write(to: &out, header: "[server]")
    for pool in pools { pool.write(to: &out, header: "[pool.\(pool.name)]") }
    for route in routes { route.write(to: &out, header: "[[route]]") }
    for site in sites {
      site.write(to: &out, header: "[[site]]")
      for route in site.routes { route.write(to: &out, header: "[[site.route]]") }
    }
    return out
  }
}

extension ConfigurationSection {
  fileprivate func write(to out: inout String, header: String) {
    if !out.isEmpty { out += "\n" }
    out += header + "\n"
    let present = Set(Self.keys.filter { $0.text(self) != nil }.map(\.name))
    for key in Self.keys where key.needs?.objection(present) == nil {
      if let text = key.text(self) { out += "\(key.name) = \(text)\n" }
    }
  }
}

/// A key as the reference shows it.
struct KeyDescription: Sendable {
  /// The header of its table.
  let section: String
  let name: String
  let type: String
  /// Markdown.
  let byDefault: String
  /// The keys, of which one must be there too.
  let needs: [String]
  let sentence: String

  static let all: [KeyDescription] =
    describe(ServerSection.self, "[server]") + describe(RouteSection.self, "[[route]]")
    + describe(PoolSection.self, "[pool.NAME]") + describe(SiteSection.self, "[[site]]")

  private static func describe<Section: ConfigurationSection>(
    _ type: Section.Type, _ header: String
  ) -> [KeyDescription] {
    let defaults = Section()
    return Section.keys.map { key in
      KeyDescription(
        section: header, name: key.name, type: key.type,
        byDefault: key.isRequired
          ? "must be there" : key.defaultWords ?? key.text(defaults).map { "`\($0)`" } ?? "none",
        needs: key.needs?.oneOf ?? [], sentence: key.sentence)
    }
  }
}

/// docs/configuration.md.
public enum ConfigurationReference {
  /// The reference of every key, in Markdown.
  public static func markdown() -> String {
    var out = introduction
    let headers = KeyDescription.all.map(\.section)
    for (index, header) in headers.enumerated() where headers.firstIndex(of: header) == index {
      out += "\n## `\(header)`\n\n\(words[header] ?? "")\n\n"
      out += "| key | value | default | only with | what it says |\n| --- | --- | --- | --- | --- |\n"
      for key in KeyDescription.all where key.section == header {
        let needs = key.needs.map { "`\($0)`" }.joined(separator: " or ")
        let cells = ["`\(key.name)`", key.type, key.byDefault, needs, key.sentence]
        out += "| " + cells.joined(separator: " | ") + " |\n"
      }
    }
    return out + rules
  }

  private static let words = [
    "[server]": "Once. What all routes have in common.",
    "[[route]]": "For each path. The same keys stand in `[[site.route]]`.",
    "[pool.NAME]": "For each pool of FastCGI workers, which routes name by `fastcgi`.",
    "[[site]]": "For each virtual host. It has routes of its own, each begun by `[[site.route]]` below it.",
  ]

  private static let introduction = """
    # The configuration

    This page is printed by `tollgate check --reference`. `tollgate check --config FILE` says everything that is wrong \
    with a configuration, each with its line and what would be right, and shows every route; with `--dump` it prints \
    the configuration with all defaults.

    A configuration is a file of TOML 1.0, at most 1 MiB long. A key that is not in these tables is a fault.

    - A relative path is relative to the directory of the configuration file.
    - A time is a string with its unit: `"500ms"`, `"30s"`, `"2m"`, `"1h"`.
    - A size is a string with its unit: `"240B"`, `"64KiB"`, `"10MiB"`, `"1GiB"`, `"1TiB"`.
    - An address is `"HOST:PORT"`, `"[IPV6]:PORT"` or `"unix:/PATH"`.
    - A glob is a name with `*` for any characters and `?` for one.

    ```toml
    [server]
    listen = ["127.0.0.1:8080"]

    [[route]]
    path = "/"
    static = "site"

    [[route]]
    path = "/cgi-bin/"
    cgi = "cgi-bin"
    timeout = "60s"

    [[route]]
    path = "/wiki/"
    static = "/usr/share/dokuwiki"
    fastcgi = "php"
    match = ["*.php"]
    index = ["index.php"]
    deny = ["data", "conf", "bin", "inc", "vendor"]

    [pool.php]
    command = ["php-cgi"]
    workers = 4
    ```

    """

  private static let rules = """

    ## Rules

    - A route has at least one of `static`, `cgi` and `fastcgi`, and not both of the latter.
    - `static` with `cgi` or `fastcgi` needs `match`: the files that match are run, the rest is sent. With `cgi` the \
    two name the same directory.
    - `match` with `fastcgi` needs `static`.
    - Two routes of a site, or of the top level, have different paths, and two sites have different hosts. The routes \
    of the top level serve the hosts that no site names.
    - Routes inherit nothing from each other, and a site nothing but `[server]`.
    - A pool has either `command` or `connect`. One that no route uses is a warning.
    - Directories, scripts and programs that are named must be there, and the names of hosts in addresses be known.
    - A reload (`tollgate reload`, or HUP) puts all of it in force but `loops`, `pid_file`, `access_log_format`, and \
    an `access_log` that is turned on or off, which take effect at the next start.

    """
}
