// A file of 1 GiB: sent without a copy of it in anybody's memory, in two parts by ranges, and put together again.

import Glibc
import Kernel
import Testing

extension EndToEndTests {
  @Suite("A large file") struct LargeFileTests {
    private static let size = 1 << 30

    /// Holes, and a few blocks at odd places, one of them across the middle.
    private func fill(_ site: Site) throws {
      let path = site.absolute("sparse.bin")
      let raw = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
      guard raw >= 0 else { throw HarnessError("open \(path): \(describe(errno: errno))") }
      let file = Descriptor(owning: raw)
      guard ftruncate(file.raw, off_t(Self.size)) == 0 else { throw HarnessError("no room for a sparse file") }
      let offsets = [0, 24_095, 123_456_789, Self.size / 2 - 10_000, 999_999_937, Self.size - 20_000]
      for (number, offset) in offsets.enumerated() {
        let block = randomBytes(20_000, seed: UInt64(number))
        guard pwrite(file.raw, block, block.count, off_t(offset)) == block.count else {
          throw HarnessError("pwrite: \(describe(errno: errno))")
        }
      }
    }

    @Test func twoHalvesOfAGibibyteByCurlMakeTheWhole() throws {
      try scenario("1 GiB", site: fill) { server in
        let middle = Self.size / 2 + 3
        let url = server.url("/sparse.bin")
        // Straight into the hash: nothing is kept on the way.
        let script = """
          set -e -o pipefail
          { curl -sS -f -r 0-\(middle - 1) "$1"; curl -sS -f -r \(middle)- "$1"; } | sha256sum
          """
        let fetched = try ChildProcess("bash", ["-c", script, "bash", url])
        let direct = try run("sha256sum", ["--", server.site.absolute("sparse.bin")], seconds: 18)
        guard let ending = fetched.wait(seconds: 18) else {
          fetched.killAll()
          throw HarnessError("curl did not finish: \(fetched.errors.text)")
        }
        #expect(ending == .exited(0), "\(fetched.errors.text)")
        #expect(eventually(within: 2) { fetched.output.hasEnded })
        let sum = fetched.output.text.prefix { $0 != " " }
        #expect(sum.count == 64)
        #expect(sum == direct.text.prefix { $0 != " " })
        let head = try server.request("/sparse.bin", method: "HEAD")
        #expect(head.head.first("content-length") == "\(Self.size)")
        // It went by sendfile: the server has not grown by it.
        #expect(try #require(statusKilobytes(server.pid, "VmHWM")) < 100_000)
      }
    }
  }
}
