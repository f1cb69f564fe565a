// A worker that ends with every answer: each of its processes is one that worked.

import HTTPClient
import HTTPWire
import Kernel
import Testing

extension EndToEndTests {
  @Suite("Workers of one answer") struct OneAnswerWorkerTests {
    private func fill(_ site: Site) throws {
      let source = """
        #include <fcgi_stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        int main(void)
        {
          if (FCGI_Accept() < 0) return 1;
          printf("Content-Type: text/plain\\r\\n\\r\\n%ld", (long)getpid());
          FCGI_Finish();
          return 0;
        }
        """
      try site.write(".once.c", source)
      let outcome = try run("cc", ["-O1", "-o", site.absolute("once"), site.absolute(".once.c"), "-lfcgi"])
      guard outcome.status == 0 else { throw HarnessError("cc: \(outcome.errors)") }
    }

    private let configuration = """
      [server]
      access_log = "off"

      [[route]]
      path = "/once"
      fastcgi = "once"

      [pool.once]
      command = ["./once"]
      workers = 2
      """

    @Test func everyRequestIsAnsweredAndNoneIsRefused() throws {
      try scenario("one answer", configuration: configuration, site: fill) { server in
        let answers = try concurrently(4) { _ in
          try (0..<15).map { _ in try server.request("/once", fields: ["Connection: close"]).text }
        }
        let pids = Set(answers.joined().compactMap { Int($0) })
        #expect(pids.count == 60, "a process answers once, and every answer is one")
        #expect(!server.log.contains { $0.contains("before its first answer") })
      }
    }
  }
}
