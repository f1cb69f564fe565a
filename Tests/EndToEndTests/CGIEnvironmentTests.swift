// What a program finds when it starts: its meta-variables (RFC 3875, section 4.1), descriptors, directory, signals.

import HTTPClient
import Kernel
import Testing

extension EndToEndTests {
  @Suite("What a program finds") struct CGIEnvironmentTests {
    private func fill(_ site: Site) throws {
      // The variables as execve(2) handed them over, before a shell adds its own.
      try site.program("environ", c: Self.environ)
      try site.script("dir/where", plainShell + "printf '%s' \"$PATH_TRANSLATED\"\n")
      try site.program("state", c: Self.state)
    }

    private static let environ = """
      #include <stdio.h>
      extern char **environ;
      int main(void)
      {
        printf("Content-Type: application/octet-stream\\n\\n");
        for (char **entry = environ; *entry; entry++) { fputs(*entry, stdout); putchar(0); }
        return 0;
      }
      """

    private static let state = """
      #include <dirent.h>
      #include <fcntl.h>
      #include <signal.h>
      #include <stdio.h>
      #include <stdlib.h>
      #include <unistd.h>
      int main(int argc, char **argv)
      {
        char path[4096];
        printf("Content-Type: text/plain\\n\\narguments %d\\nname %s\\n", argc, argv[0]);
        for (int i = 0; i < 65536; i++) if (fcntl(i, F_GETFD) >= 0) printf("descriptor %d\\n", i);
        printf("directory %s\\n", getcwd(path, sizeof path));
        sigset_t mask;
        sigprocmask(SIG_BLOCK, NULL, &mask);
        for (int i = 1; i < 65; i++) {
          struct sigaction action;
          if (sigaction(i, NULL, &action) == 0 && action.sa_handler != SIG_DFL) printf("not default %d\\n", i);
          if (sigismember(&mask, i) == 1) printf("blocked %d\\n", i);
        }
        printf("leads its group %d\\n", getpgrp() == getpid());
        char byte;
        printf("input %zd\\n", read(0, &byte, 1));
        return 0;
      }
      """

    /// The variables that a program got, each name once.
    private func variables(_ response: Response) throws -> [String: String] {
      #expect(response.status == 200)
      var variables: [String: String] = [:]
      for entry in response.body.split(separator: 0) {
        let parts = String(decoding: entry, as: UTF8.self).split(
          separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw HarnessError("an entry without an equals sign: \(parts)") }
        #expect(variables[String(parts[0])] == nil, "\(parts[0]) is there twice")
        variables[String(parts[0])] = String(parts[1])
      }
      return variables
    }

    /// What every request brings, the changing ones aside.
    private func expected(_ server: Server, _ others: [String: String]) -> [String: String] {
      let site = server.site.path
      let common = [
        "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "test",
        "SERVER_ADDR": "127.0.0.1", "SERVER_PORT": "\(server.port)", "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_HOST": "127.0.0.1", "REQUEST_METHOD": "GET", "REQUEST_SCHEME": "http", "REDIRECT_STATUS": "200",
        "QUERY_STRING": "", "SCRIPT_NAME": "/cgi-bin/environ", "SCRIPT_FILENAME": "\(site)/cgi-bin/environ",
        "DOCUMENT_ROOT": site, "HTTP_HOST": "test", "PATH": "/usr/local/bin:/usr/bin:/bin",
      ]
      return common.merging(others) { $1 }
    }

    /// Takes out what differs from run to run, and holds that it is well formed.
    private func withoutChanging(_ variables: [String: String]) -> [String: String] {
      var rest = variables
      #expect(rest.removeValue(forKey: "REMOTE_PORT").flatMap { UInt16($0) } != nil)
      #expect(rest.removeValue(forKey: "SERVER_SOFTWARE")?.hasPrefix("Tollgate") == true)
      return rest
    }

    @Test func aGetBringsExactlyTheseVariables() throws {
      try scenario("variables of GET", site: fill) { server in
        let plain = try variables(server.request("/cgi-bin/environ"))
        #expect(withoutChanging(plain) == expected(server, ["REQUEST_URI": "/cgi-bin/environ"]))

        let target = "/cgi-bin/environ/a%20b/../c%C3%BC//d?x=1&y=%41+b"
        let fields = [
          "X-One: 1", "x-one: 2", "Accept: text/html", "Accept: */*;q=0.1", "Cookie: a=1", "Cookie: b=2",
          "User-Agent: test/1", "Proxy: http://evil/", "Authorization: Basic c2VjcmV0", "Connection: close",
          "X_Under: passes for another", "Content-Type: text/x-any", "TE: trailers",
        ]
        let full = try variables(server.request(target, fields: fields))
        #expect(
          withoutChanging(full)
            == expected(
              server,
              [
                "REQUEST_URI": target, "QUERY_STRING": "x=1&y=%41+b", "PATH_INFO": "/c\u{FC}/d",
                "PATH_TRANSLATED": "\(server.site.path)/c\u{FC}/d", "CONTENT_TYPE": "text/x-any",
                "HTTP_X_ONE": "1, 2", "HTTP_ACCEPT": "text/html, */*;q=0.1", "HTTP_COOKIE": "a=1; b=2",
                "HTTP_USER_AGENT": "test/1",
              ]))
        #expect(full["HTTP_PROXY"] == nil && full["HTTP_AUTHORIZATION"] == nil)
        let inner = try server.request("/cgi-bin/dir/where/x/y?q")
        #expect(inner.text == "\(server.site.path)/x/y")
      }
    }

    @Test func aPostBringsTheLengthOfItsBodyHoweverItWasSent() throws {
      try scenario("variables of POST", site: fill) { server in
        let form = "Content-Type: application/x-www-form-urlencoded"
        let byLength = try variables(
          server.request("/cgi-bin/environ?q", method: "POST", fields: [form], body: bytes("a=b&c=d")))
        let common = [
          "REQUEST_METHOD": "POST", "REQUEST_URI": "/cgi-bin/environ?q", "QUERY_STRING": "q",
          "CONTENT_TYPE": "application/x-www-form-urlencoded",
        ]
        #expect(withoutChanging(byLength) == expected(server, common.merging(["CONTENT_LENGTH": "7"]) { $1 }))

        for count in [3, 200_000] {
          var connection = try server.connect()
          let head = Server.head("/cgi-bin/environ?q", [form, "Transfer-Encoding: chunked"], method: "POST")
          let chunk = String(repeating: "x", count: count)
          try connection.send(head + "\(String(count, radix: 16))\r\n\(chunk)\r\n4\r\nlast\r\n0\r\n\r\n")
          let chunked = try variables(connection.readResponse())
          #expect(
            withoutChanging(chunked)
              == expected(server, common.merging(["CONTENT_LENGTH": "\(count + 4)"]) { $1 }))
        }
        let empty = try variables(server.request("/cgi-bin/environ?q", method: "POST", fields: ["Content-Length: 0"]))
        #expect(empty["REQUEST_METHOD"] == "POST")
        #expect(empty["CONTENT_LENGTH"] == nil || empty["CONTENT_LENGTH"] == "0")
      }
    }

    @Test func theServersOwnEnvironmentIsNotInherited() throws {
      try scenario("environment", site: fill) { server in
        let own = String(decoding: contents(of: "/proc/\(server.pid)/environ") ?? [], as: UTF8.self)
        #expect(own.contains("SWIFT_BACKTRACE=enable=no"))
        let found = try variables(server.request("/cgi-bin/environ"))
        let inherited = own.split(separator: "\0").map { String($0.prefix { $0 != "=" }) }.filter { $0 != "PATH" }
        #expect(inherited.count >= 2)
        for name in inherited { #expect(found[name] == nil, "\(name) is inherited") }
      }
    }

    @Test func anOldClientWithoutHostIsToldTheServersAddress() throws {
      try scenario("HTTP/1.0", site: fill) { server in
        var connection = try server.connect()
        try connection.send("GET /cgi-bin/environ HTTP/1.0\r\n\r\n")
        let found = try variables(connection.readResponse())
        #expect(found["SERVER_PROTOCOL"] == "HTTP/1.0")
        #expect(found["SERVER_NAME"] == "127.0.0.1")
        #expect(found["HTTP_HOST"] == nil)
      }
    }

    @Test func aProgramStartsCleanInItsOwnDirectoryAndGroup() throws {
      try scenario("state", site: fill) { server in
        let lines = try server.request("/cgi-bin/state?a+b").text.split(separator: "\n").map(String.init)
        #expect(lines.filter { $0.hasPrefix("descriptor ") } == ["descriptor 0", "descriptor 1", "descriptor 2"])
        #expect(lines.contains("directory \(server.site.absolute("cgi-bin"))"))
        #expect(!lines.contains { $0.hasPrefix("not default") || $0.hasPrefix("blocked") }, "\(lines)")
        #expect(lines.contains("leads its group 1"))
        #expect(lines.contains("arguments 1"))
        // Without a body, the standard input ends at once.
        #expect(lines.contains("input 0"))
      }
    }
  }
}
