// What a FastCGI worker is sent, and what PHP makes of it: beside what it makes of nginx's, with which PHP applications
// are tried.

import Foundation
import HTTPClient
import Testing

extension EndToEndTests {
  @Suite("Variables of FastCGI") struct PHPVariableTests {
    private static let configuration = """
      [server]
      access_log = "off"

      [[route]]
      path = "/"
      static = "php"
      fastcgi = "manager"
      match = ["*.php"]
      index = ["index.php"]

      [[site]]
      hosts = ["workers"]

      [[site.route]]
      path = "/"
      static = "php"
      fastcgi = "workers"
      match = ["*.php"]
      index = ["index.php"]

      [pool.manager]
      connect = ["unix:fpm.sock"]
      max_connections = 2

      [pool.workers]
      command = ["php-cgi8.2", "-c", "php.ini"]
      workers = 1
      """

    /// Every variable that PHP has of a request, as JSON, and where it runs.
    private static let page = """
      <?php
      header('Content-Type: application/json');
      $body = file_get_contents('php://input');
      $all = array_map(fn($value) => is_string($value) ? bin2hex($value) : gettype($value), $_SERVER);
      echo json_encode($all + ['(directory)' => bin2hex(getcwd()), '(body)' => bin2hex($body)]);
      """

    private typealias Variables = [String: String]

    private struct Question {
      var target: String
      var method = "GET"
      var fields: [String] = []
      var body: [UInt8] = []
    }

    private static let questions = [
      Question(target: "/index.php"), Question(target: "/?x=1&y=%41+b&z"),
      Question(target: "/dir/", fields: ["Accept: */*"]),
      Question(
        target: "/dir/index.php/a%20b/%C3%BC?x", fields: ["Cookie: a=1; b=2", "User-Agent: x/1", "X-Any-Field: 7"]),
      Question(target: "/dir/index.php/", fields: ["Accept-Language: de, en;q=0.5"]),
      Question(target: "/dir//../index.php/x//y", fields: ["Proxy: http://evil/", "Referer: http://test/?<>"]),
      Question(
        target: "/index.php?a", method: "POST", fields: ["Content-Type: application/octet-stream"],
        body: bytes("\u{0}body\r\n")),
      Question(target: "/index.php", method: "DELETE"), Question(target: "/index.php", method: "OPTIONS"),
    ]

    /// Asks for the page of variables.
    private func variables(_ address: String, host: String, _ question: Question) throws -> Variables {
      var connection = try RawConnection(to: address)
      let length = question.body.isEmpty ? [] : ["Content-Length: \(question.body.count)"]
      let lines = ["\(question.method) \(question.target) HTTP/1.1", "Host: \(host)"] + question.fields + length
      try connection.send(bytes(lines.map { $0 + "\r\n" }.joined() + "\r\n") + question.body)
      let response = try connection.readResponse()
      #expect(
        response.status == 200, "\(question.target) at \(address): \(response.status) \(response.text.prefix(500))")
      let values = try JSONDecoder().decode(Variables.self, from: Data(response.body))
      return values.mapValues { value in
        let digits = Array(value.utf8)
        let decoded = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
          UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)
        }
        return decoded.count * 2 == digits.count ? String(decoding: decoded, as: UTF8.self) : value
      }
    }

    /// What is another with each request or server, taken out.
    private func lasting(_ variables: Variables) -> Variables {
      let changing: Set = [
        "REMOTE_PORT", "REQUEST_TIME", "REQUEST_TIME_FLOAT", "SERVER_SOFTWARE", "SERVER_ADDR", "REMOTE_ADDR",
      ]
      return variables.filter { !changing.contains($0.key) }
    }

    @Test func phpHasTheSameOfUsAsOfNginx() throws {
      var (manager, nginx): (PHPFPM?, Nginx?)
      defer {
        nginx?.stop()
        manager?.stop()
      }
      func fill(_ site: Site) throws {
        for name in ["index.php", "dir/index.php"] { try site.write("php/" + name, Self.page) }
        try site.phpSettings()
        manager = try PHPFPM(site)
      }
      try scenario("PHP's variables", configuration: Self.configuration, site: fill) { server in
        // The same port of another address, so that SERVER_PORT is the same.
        let other = try Nginx(server.site, root: "php", port: server.port)
        nginx = other
        for question in Self.questions {
          let ours = try variables(server.peer, host: "test", question)
          let theirs = try variables(other.address, host: "test", question)
          compare(lasting(ours), lasting(theirs), question.target)
          for name in ["REMOTE_ADDR", "SERVER_ADDR"] { #expect(ours[name] == "127.0.0.1", "\(name)") }
          #expect(ours["REMOTE_PORT"].flatMap { UInt16($0) } != nil)
          #expect(ours["SERVER_SOFTWARE"] == "Tollgate")

          // Workers of our own have the same; php-fpm tells each who it runs as.
          var workers = try variables(server.peer, host: "workers", question)
          #expect(workers["SERVER_NAME"] == "workers" && workers["HTTP_HOST"] == "workers")
          (workers["SERVER_NAME"], workers["HTTP_HOST"]) = ("test", "test")
          let common = lasting(ours).filter { !["USER", "HOME"].contains($0.key) }
          #expect(lasting(workers) == common, "\(question.target)")
        }
        nginx?.stop()
        manager?.stop()
      }
    }

    /// Holds that what both sent is the same, and that what only one sent is known.
    private func compare(_ ours: Variables, _ theirs: Variables, _ target: String) {
      for (name, value) in theirs {
        if let own = ours[name] {
          #expect(own == value, "\(name) of \(target)")
        } else {
          // nginx sends what is empty; a second name for what has one; and the URI as it understood it.
          let known = value.isEmpty || ["DOCUMENT_URI", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"].contains(name)
          #expect(known, "\(name) of \(target) is not sent: \(value)")
        }
      }
      // RFC 3875, sections 4.1.6 and 4.1.9; and a path for programs that start others.
      let additions: Set = ["PATH", "PATH_TRANSLATED", "REMOTE_HOST"]
      let surplus = Set(ours.keys).subtracting(theirs.keys).subtracting(additions)
      #expect(surplus.isEmpty, "\(surplus.sorted()) of \(target)")
      #expect(ours["HTTPS"] == nil && ours["HTTP_PROXY"] == nil)
      #expect(ours["REDIRECT_STATUS"] == "200")
      #expect((ours["PATH_TRANSLATED"] == nil) == (ours["PATH_INFO"] == nil))
    }

    // MARK: Without PHP, which leaves out HTTP_PROXY by itself

    private static let parameters = """
      #include <fcgi_stdio.h>
      extern char **environ;
      int main(void)
      {
        while (FCGI_Accept() >= 0) {
          printf("Content-Type: application/octet-stream\\r\\n\\r\\n");
          for (char **entry = environ; *entry; entry++) { fputs(*entry, stdout); putchar(0); }
        }
        return 0;
      }
      """

    @Test func aWorkerIsSentExactlyTheseVariables() throws {
      let configuration = """
        [server]
        access_log = "off"

        [[route]]
        path = "/app"
        fastcgi = "c"
        env = { WORD = "1" }

        [pool.c]
        command = ["./parameters"]
        workers = 1
        """
      func fill(_ site: Site) throws {
        try site.write(".parameters.c", Self.parameters)
        let made = try run("cc", ["-O1", "-o", site.absolute("parameters"), site.absolute(".parameters.c"), "-lfcgi"])
        guard made.status == 0 else { throw HarnessError("cc: \(made.errors)") }
      }
      try scenario("parameters", configuration: configuration, site: fill) { server in
        let fields = [
          "Proxy: http://evil/", "pROXY: http://evil/", "X-Proxy: 1", "Proxy_: 2", "Http-Proxy: 3",
          "Content-Type: text/plain",
        ]
        let response = try server.request("/app/%70ath/?q=%41", method: "PUT", fields: fields, body: bytes("12345"))
        #expect(response.status == 200)
        var sent = response.body.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.sorted()
        let port = sent.firstIndex { $0.hasPrefix("REMOTE_PORT=") }
        #expect(port.map { UInt16(sent.remove(at: $0).dropFirst("REMOTE_PORT=".count)) } != nil)
        #expect(
          sent == [
            "CONTENT_LENGTH=5", "CONTENT_TYPE=text/plain", "FCGI_ROLE=RESPONDER", "GATEWAY_INTERFACE=CGI/1.1",
            "HTTP_HOST=test", "HTTP_HTTP_PROXY=3", "HTTP_X_PROXY=1", "PATH=/usr/local/bin:/usr/bin:/bin",
            "PATH_INFO=/path/", "QUERY_STRING=q=%41", "REDIRECT_STATUS=200", "REMOTE_ADDR=127.0.0.1",
            "REMOTE_HOST=127.0.0.1", "REQUEST_METHOD=PUT", "REQUEST_SCHEME=http", "REQUEST_URI=/app/%70ath/?q=%41",
            "SCRIPT_NAME=/app", "SERVER_ADDR=127.0.0.1", "SERVER_NAME=test", "SERVER_PORT=\(server.port)",
            "SERVER_PROTOCOL=HTTP/1.1", "SERVER_SOFTWARE=Tollgate", "WORD=1",
          ])
      }
    }
  }
}
