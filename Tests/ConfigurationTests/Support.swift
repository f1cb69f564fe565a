// A system that is made up for the tests, so that they say what is there.

import CGI

@testable import Configuration

/// What is there: by absolute path. `/srv` is the directory of the configuration.
let paths: [String: SystemQuestions.Found] = [
  "/": .directory, "/srv": .directory, "/srv/site": .directory, "/srv/cgi-bin": .directory, "/srv/link": .directory,
  "/srv/hello": .file(isExecutable: true), "/srv/plain": .file(isExecutable: false), "/srv/fastcgi": .directory,
  "/srv/fastcgi/app": .file(isExecutable: true), "/usr/bin/php-cgi": .file(isExecutable: true),
  "/usr/local/bin/plain": .file(isExecutable: false), "/usr/bin/plain": .file(isExecutable: true),
  "/var": .directory, "/var/tmp": .directory, "/var/log": .directory, "/run": .directory, "/srv/socket": .other,
  "/srv/secret": .refused("Permission denied"), "/srv/ünï": .directory,
]

let system = SystemQuestions(
  look: { paths[$0] ?? .missing }, canonicalPath: { $0 == "/srv/link" ? "/srv/cgi-bin" : paths[$0] == nil ? nil : $0 },
  searchPath: ["/usr/local/bin", "relative", "", "/usr/bin/"],
  addressObjection: { $0.hasPrefix("nobody.example:") ? "nobody.example is not known" : nil },
  fileObjection: { $0 == "/srv/cgi-bin" ? "Permission denied" : nil },
  isComputedVariable: { MetaVariables.isComputed(Array($0.utf8)) })

/// Reads a text.
func parse(_ text: String) -> ConfigurationOutcome { parse(Array(text.utf8)) }

func parse(_ bytes: [UInt8]) -> ConfigurationOutcome {
  ConfigurationFile.parse(text: bytes, file: "t.toml", directory: "/srv", system: system)
}

/// The values of a text that must be right.
func accept(_ text: String) throws -> ConfigurationFile {
  switch parse(text) {
  case .accepted(let file, _): return file
  case .refused(let faults): throw Unexpected(description: faults.map(\.description).joined(separator: "\n"))
  }
}

struct Unexpected: Error, CustomStringConvertible { let description: String }

/// The faults of a text, without the file's name: `3:9: server.loops: …`.
func faults(_ text: String) -> [String] { faults(Array(text.utf8)) }

func faults(_ bytes: [UInt8]) -> [String] {
  guard case .refused(let faults) = parse(bytes) else { return [] }
  return faults.map { String($0.description.dropFirst("t.toml:".count)) }
}

/// A route that makes a configuration whole, on one line, so that what a test adds begins on the second.
let someRoute = "route = [{ path = \"/some\", static = \"site\" }]\n"

/// A key of each table with a value: `[server]` and the rest of what that table needs.
func document(_ section: String, _ lines: String) -> String {
  switch section {
  case "[server]": someRoute + "[server]\n" + lines
  case "[pool.NAME]": someRoute + "[pool.x]\n" + lines
  case "[[route]]": "[pool.p]\ncommand = [\"php-cgi\"]\n[[route]]\n" + lines
  case "[[site]]": "[[site]]\n" + lines + "\n[[site.route]]\npath = \"/\"\nstatic = \"site\"\n"
  default: preconditionFailure("no table \(section)")
  }
}
