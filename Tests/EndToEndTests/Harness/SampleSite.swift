// The sample site, assembled as `make site` does it.

import Foundation
import Testing

/// Fills a site with the sample site's files and its cgi-bin, as `tollgate serve DIR` takes them.
func sampleSite(_ site: Site) throws {
  let assembled = site.absolute(".assembled")
  let made = try run("\(Program.packageRoot)/tools/site.sh", ["--without-pools", assembled])
  guard made.status == 0 else { throw HarnessError("tools/site.sh: \(made.errors)") }
  let moved = try run("cp", ["-R", "\(assembled)/site/.", "\(assembled)/cgi-bin", site.path])
  guard moved.status == 0 else { throw HarnessError("cp: \(moved.errors)") }
}

/// The whole sample site as `make run` serves it, assembled once a run: the workers' programs take their time.
private let assembledSite = Result {
  let directory = "\(Program.packageRoot)/.build/site"
  let made = try run("\(Program.packageRoot)/tools/site.sh", [directory])
  guard made.status == 0 else { throw HarnessError("tools/site.sh: \(made.errors)") }
  return directory
}

/// Fills a site with a copy of it.
func sampleSiteWithPools(_ site: Site) throws {
  let copied = try run("cp", ["-R", "\(try assembledSite.get())/.", site.path])
  guard copied.status == 0 else { throw HarnessError("cp: \(copied.errors)") }
}

/// Its configuration, with the access log in JSON.
func sampleConfiguration() throws -> String {
  let text = try String(contentsOfFile: "\(Program.packageRoot)/examples/site.toml", encoding: .utf8)
  let json = text.replacingOccurrences(of: "\"combined\"", with: "\"json\"")
  guard json != text else { throw HarnessError("examples/site.toml names no form of its access log") }
  return json
}
