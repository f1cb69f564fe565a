// gitweb as Debian packages it: a large Perl program with CGI.pm, behind the gateway.

import Glibc
import HTTPClient
import Testing

extension EndToEndTests {
  @Suite("gitweb") struct GitwebTests {
    private let content = bytes("int main(void)\n{\n  return 0; /* <&> \u{00FC} */\n}\n") + randomBytes(3000, seed: 3)

    private func fill(_ site: Site) throws {
      guard access("/usr/share/gitweb/gitweb.cgi", X_OK) == 0 else {
        throw HarnessError("gitweb is not installed: tools/packages.sh install test")
      }
      let repository = site.absolute(".srv/project.git")
      try site.makeDirectory(".srv")
      let environment = ["GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"]
      var history: [UInt8] = []
      for number in 1...30 {
        history += bytes("commit refs/heads/main\ncommitter A U Thor <a@example.org> \(1_700_000_000 + number) +0000\n")
        history += bytes("data <<END\nCommit number \(100 + number)\nEND\n")
        history += bytes("M 100644 inline src/main.c\ndata \(content.count + 4)\n")
        history += bytes("\(1000 + number)") + content + bytes("\n")
      }
      for (arguments, input) in [
        (["init", "-q", "--bare", "-b", "main", repository], []),
        (["-C", repository, "fast-import", "--quiet"], history),
      ] {
        let outcome = try run("git", arguments, input: input, environment: environment)
        guard outcome.status == 0 else { throw HarnessError("git: \(outcome.errors)") }
      }
      try site.write(
        ".gitweb.conf", "our $projectroot = '\(site.absolute(".srv"))';\nour $site_name = 'Scenario';\n1;\n")
      try site.script(
        "gitweb",
        "#!/bin/sh\nexport GITWEB_CONFIG=\(site.absolute(".gitweb.conf"))\nexec /usr/share/gitweb/gitweb.cgi\n")
    }

    @Test func projectsSummaryLogAndBlobAreShown() throws {
      try scenario("gitweb", site: fill) { server in
        let projects = try server.request("/cgi-bin/gitweb")
        #expect(projects.status == 200)
        #expect(projects.text.contains("project.git"))

        let summary = try server.request("/cgi-bin/gitweb?p=project.git;a=summary")
        #expect(summary.status == 200)
        #expect(summary.head.first("content-type")?.contains("html") == true)
        #expect(summary.text.contains("Commit number 130"))
        #expect(summary.text.contains("</html>"))

        let log = try server.request("/cgi-bin/gitweb?p=project.git;a=log")
        #expect(log.status == 200)
        for number in 1...30 { #expect(log.text.contains("Commit number \(100 + number)"), "commit \(number)") }

        let blob = try server.request("/cgi-bin/gitweb?p=project.git;a=blob_plain;f=src/main.c;hb=HEAD")
        #expect(blob.status == 200)
        #expect(blob.body == bytes("1030") + content)

        let parse = ["-C", server.site.absolute(".srv/project.git"), "rev-parse", "HEAD~7"]
        let commit = try run("git", parse).text.prefix(40)
        let page = try server.request("/cgi-bin/gitweb?p=project.git;a=blob;f=src/main.c;hb=\(commit)")
        #expect(page.status == 200)
        #expect(page.text.contains("1023int"))

        let missing = try server.request("/cgi-bin/gitweb?p=no.git;a=summary")
        #expect(missing.status == 404)
        #expect(missing.text.contains("No such project"))
      }
    }
  }
}
