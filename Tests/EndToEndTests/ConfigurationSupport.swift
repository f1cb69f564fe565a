// What the scenarios with a configuration share: workers, requests for a host, the workers that a server has.

import Glibc
import HTTPClient
import Kernel

extension Site {
  /// The sample worker in C (examples/fastcgi/table.c), compiled to a file of the site.
  func tableWorker(_ name: String = "fastcgi/table") throws {
    try makeDirectory(name.split(separator: "/").dropLast().joined(separator: "/"))
    let source = "\(Program.packageRoot)/examples/fastcgi/table.c"
    let outcome = try run("cc", ["-O1", "-o", absolute(name), source, "-lfcgi"])
    guard outcome.status == 0 else { throw HarnessError("cc: \(outcome.errors)") }
  }

  /// A worker in C that answers with its pid, a variable of its environment and one of the request: `PID WORD NAME`.
  func wordWorker(_ name: String = "fastcgi/word") throws {
    let source = """
      #include <fcgi_stdio.h>
      #include <stdlib.h>
      #include <unistd.h>
      static const char *variable(const char *name) { const char *value = getenv(name); return value ? value : "-"; }
      int main(void)
      {
        // FCGI_Accept exchanges the environment for the request's.
        char word[100];
        snprintf(word, sizeof word, "%s", variable("WORD"));
        while (FCGI_Accept() >= 0) {
          static char rest[8192];
          while (fread(rest, 1, sizeof rest, stdin) > 0)
            continue;
          printf("Content-Type: text/plain\\r\\n\\r\\n%ld %s %s", (long)getpid(), word, variable("ROUTE_WORD"));
        }
        return 0;
      }
      """
    try write(".word.c", source)
    try makeDirectory(name.split(separator: "/").dropLast().joined(separator: "/"))
    let outcome = try run("cc", ["-O1", "-o", absolute(name), absolute(".word.c"), "-lfcgi"])
    guard outcome.status == 0 else { throw HarnessError("cc: \(outcome.errors)") }
  }

  /// Writes the configuration in one step, as an editor does it: to a new file that is renamed.
  func configure(_ text: String, as name: String = "tollgate.toml") throws {
    try write(name + ".new", text)
    guard rename(absolute(name + ".new"), absolute(name)) == 0 else {
      throw HarnessError("rename: \(describe(errno: errno))")
    }
  }

  /// `tollgate reload`.
  func reload(_ arguments: [String]) throws -> Outcome { try run(Program.tollgate, ["reload"] + arguments) }
}

extension Server {
  /// What a GET for a host comes to: the status, and the body or the place that it leads to.
  func answer(_ target: String, host: String = "test") throws -> String {
    var connection = try connect()
    try connection.send("GET \(target) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
    let response = try connection.readResponse()
    let location = response.head.fields.first { $0.name == "location" }?.value
    return "\(response.status) " + (location ?? response.text)
  }

  /// The pids of the workers of this name that run.
  func workers(_ name: String) -> Set<pid_t> {
    Set(programs.filter { $0.name == name && !$0.isOver }.map(\.pid))
  }

  /// Waits for so many workers of this name.
  func waitForWorkers(_ count: Int, _ name: String) throws -> Set<pid_t> {
    guard eventually(within: 8, { workers(name).count == count }) else {
      throw HarnessError("\(workers(name).count) workers \(name), not \(count)")
    }
    return workers(name)
  }
}
