// git's own CGI program behind the gateway: what is cloned and pushed is the same on both sides.

import HTTPClient
import Testing

extension EndToEndTests {
  @Suite("git http-backend") struct GitHTTPBackendTests {
    /// A repository of exactly 2,000 objects and a script that serves it.
    private func fill(_ site: Site) throws {
      try site.makeDirectory(".srv")
      try git(["init", "-q", "--bare", "-b", "main", site.absolute(".srv/project.git")])
      try git(["config", "http.receivepack", "true"], in: site.absolute(".srv/project.git"))
      // Each commit brings a blob and a tree: 666 times three, and two blobs more in the first.
      let history = fastImport(commits: 666, firstSeed: 1, extraBlobs: 2)
      try git(["fast-import", "--quiet"], in: site.absolute(".srv/project.git"), input: history)
      try site.script(
        "git",
        """
        #!/bin/sh
        export GIT_PROJECT_ROOT=\(site.absolute(".srv")) GIT_HTTP_EXPORT_ALL=1
        exec git http-backend
        """)
    }

    /// A stream for git-fast-import(1): a line of commits, each with one new file of 1,500 random bytes.
    private func fastImport(commits: Int, firstSeed: Int, extraBlobs: Int = 0, from parent: String? = nil) -> [UInt8] {
      var stream: [UInt8] = []
      for number in 0..<commits {
        stream += bytes(
          "commit refs/heads/main\ncommitter A <a@example.org> \(1_700_000_000 + firstSeed + number) +0000\n")
        stream += bytes("data <<END\nCommit \(firstSeed + number)\nEND\n")
        if number == 0, let parent { stream += bytes("from \(parent)\n") }
        for extra in 0..<(number == 0 ? extraBlobs : 0) {
          stream += bytes("M 100644 inline extra\(extra)\ndata <<END\nextra \(extra)\nEND\n")
        }
        stream += bytes("M 100644 inline file\ndata 1500\n") + randomBytes(1500, seed: UInt64(firstSeed + number))
        stream += bytes("\n")
      }
      return stream
    }

    @discardableResult
    private func git(
      _ arguments: [String], in directory: String? = nil, input: [UInt8] = [], trace: Bool = false
    ) throws -> Outcome {
      var environment = [
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
        "no_proxy": "*",
      ]
      if trace { environment.merge(["GIT_TRACE_CURL": "1", "GIT_TRACE_CURL_NO_DATA": "1"]) { $1 } }
      let outcome = try run("git", arguments, input: input, environment: environment, directory: directory)
      guard outcome.status == 0 else {
        throw HarnessError("git \(arguments.joined(separator: " ")): \(outcome.ending)\n\(outcome.errors)")
      }
      return outcome
    }

    /// The names of all objects that a repository's refs reach, sorted.
    private func objects(_ repository: String) throws -> [String] {
      try git(["rev-list", "--objects", "--all"], in: repository).text.split(separator: "\n")
        .map { String($0.prefix { $0 != " " }) }.sorted()
    }

    @Test func aCloneHasTheObjectsOfTheServerAndAPushGivesItThoseOfTheClient() throws {
      try scenario("git clone and push", site: fill) { server in
        let origin = server.site.absolute(".srv/project.git")
        let clone = server.site.absolute(".clone")
        let url = server.url("/cgi-bin/git/project.git")
        try git(["clone", "-q", url, clone])
        let cloned = try objects(clone)
        #expect(cloned.count == 2000)
        #expect(try cloned == objects(origin))
        try git(["fsck", "--strict"], in: clone)

        let history = fastImport(commits: 40, firstSeed: 5001, from: "refs/heads/main^0")
        try git(["fast-import", "--quiet"], in: clone, input: history)
        let push = try git(["push", "-q", url, "main"], in: clone, trace: true)
        #expect(!push.errors.contains("=> Send header: Transfer-Encoding: chunked"))
        let pushed = try objects(origin)
        #expect(pushed.count == 2120)
        #expect(try pushed == objects(clone))
        try git(["fsck", "--strict"], in: origin)
      }
    }

    /// A body longer than http.postBuffer is sent in chunks, whose length the script learns all the same.
    @Test func aPushInChunksArrivesWhole() throws {
      try scenario("git push in chunks", site: fill) { server in
        let origin = server.site.absolute(".srv/project.git")
        let clone = server.site.absolute(".clone")
        let url = server.url("/cgi-bin/git/project.git")
        try git(["clone", "-q", url, clone])
        let history = fastImport(commits: 200, firstSeed: 7001, from: "refs/heads/main^0")
        try git(["fast-import", "--quiet"], in: clone, input: history)
        let push = try git(["-c", "http.postBuffer=1000", "push", "-q", url, "main"], in: clone, trace: true)
        #expect(push.errors.contains("=> Send header: Transfer-Encoding: chunked"))
        let pushed = try objects(origin)
        #expect(pushed.count == 2600)
        #expect(try pushed == objects(clone))
        try git(["fsck", "--strict"], in: origin)
      }
    }

    /// A client that has much of its own says so in a long request, which git compresses.
    @Test func aNegotiationInGzipIsUnderstood() throws {
      try scenario("git fetch with gzip", site: fill) { server in
        let origin = server.site.absolute(".srv/project.git")
        let clone = server.site.absolute(".clone")
        let url = server.url("/cgi-bin/git/project.git")
        try git(["clone", "-q", url, clone])
        try git(
          ["fast-import", "--quiet"], in: clone,
          input: fastImport(commits: 300, firstSeed: 9001, from: "refs/heads/main^0"))
        try git(
          ["fast-import", "--quiet"], in: origin,
          input: fastImport(commits: 5, firstSeed: 11_001, from: "refs/heads/main^0"))
        let fetch = try git(["fetch", "-q", url, "main:refs/heads/theirs"], in: clone, trace: true)
        #expect(fetch.errors.contains("=> Send header: Content-Encoding: gzip"))
        let theirs = try git(["rev-parse", "theirs"], in: clone).text
        #expect(try theirs == git(["rev-parse", "main"], in: origin).text)
        let fetched = try Set(objects(clone))
        #expect(try objects(origin).allSatisfy(fetched.contains))
        try git(["fsck", "--strict"], in: clone)
      }
    }
  }
}
