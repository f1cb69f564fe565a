// The harness itself: what it is to see, it sees.

import Glibc
import Testing

extension EndToEndTests {
  @Suite("The harness") struct HarnessTests {
    @Test func aProgramsOutputAndExitCodeAreSeen() throws {
      let outcome = try run("sh", ["-c", "cat; echo fault >&2; exit 7"], input: randomBytes(300_000, seed: 1))
      #expect(outcome.status == 7)
      #expect(outcome.output == randomBytes(300_000, seed: 1))
      #expect(outcome.errors == "fault\n")
    }

    @Test func aProgramThatTakesTooLongIsKilledWithItsChildren() throws {
      #expect(throws: HarnessError.self) { try run("sh", ["-c", "sleep 4711 & sleep 4711"], seconds: 0.2) }
      var left: [ProcessEntry] = []
      // A process that was killed may be on its way out for a moment.
      let gone = eventually(within: 3) {
        left = Processes.all().filter { entry in
          contents(of: "/proc/\(entry.pid)/cmdline").map { $0 == bytes("sleep\04711\0") } ?? false && !entry.isOver
        }
        return left.isEmpty
      }
      #expect(gone, "\(left)")
    }

    @Test func aLeftDescriptorThreadChildOrOrphanIsADifference() throws {
      let site = try Site()
      defer { site.remove() }
      let script = "echo ready; read a; exec 7</dev/null; sleep 60 & (sleep 61 &); echo done; read b; exec 7<&-; read c"
      #expect(mkfifo(site.absolute("input"), 0o600) == 0)
      let feed = open(site.absolute("input"), O_RDWR | O_CLOEXEC)
      defer { close(feed) }
      let child = try ChildProcess("sh", ["-c", "exec <input; \(script)"], directory: site.path)
      defer { child.killAll() }
      #expect(eventually(within: 5) { child.output.lines == ["ready"] })
      let before = Holdings(of: child.pid, site: site.path)
      #expect(Holdings(of: child.pid, site: site.path).differences(since: before).isEmpty)
      #expect(write(feed, "a\n", 2) == 2)
      #expect(eventually(within: 5) { child.output.lines.last == "done" })
      let after = Holdings(of: child.pid, site: site.path).differences(since: before)
      let nulls = before.descriptors["/dev/null"] ?? 0
      #expect(after.contains("descriptor «/dev/null»: \(nulls) before, \(nulls + 1) after"))
      #expect(after.contains("child «sleep»: 0 before, 1 after"))
      #expect(after.contains("orphan «sleep»: 0 before, 1 after"))
    }
  }
}
