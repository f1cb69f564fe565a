// The sample site, assembled as `make site` does it.

import Testing

/// Fills a site with the sample site's files and its cgi-bin, as `tollgate serve DIR` takes them.
func sampleSite(_ site: Site) throws {
  let assembled = site.absolute(".assembled")
  let made = try run("\(Program.packageRoot)/tools/site.sh", ["--without-pools", assembled])
  guard made.status == 0 else { throw HarnessError("tools/site.sh: \(made.errors)") }
  let moved = try run("cp", ["-R", "\(assembled)/site/.", "\(assembled)/cgi-bin", site.path])
  guard moved.status == 0 else { throw HarnessError("cp: \(moved.errors)") }
}
