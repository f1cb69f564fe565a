import Glibc
import Kernel
import Testing

@Suite("A file with a process id") struct PidFileTests {
  private let path = "/tmp/tollgate-pid-\(getpid())-\(UInt64.random(in: 0 ... .max))"

  private func write(_ text: String) throws {
    let descriptor = try openAppending(path)
    try replaceContent(descriptor.raw, Array(text.utf8))
  }

  private func content() throws -> String {
    let raw = open(path, O_RDONLY | O_CLOEXEC)
    try #require(raw >= 0)
    let descriptor = Descriptor(owning: raw)
    return String(decoding: try readAt(descriptor.raw, offset: 0, count: 100), as: UTF8.self)
  }

  @Test func namesItsHolderAsLongAsItIsHeld() throws {
    defer { unlink(path) }
    #expect(PidFile.holder(of: path) == nil)
    var file: PidFile? = try PidFile(path)
    try file?.write()
    #expect(try content() == "\(getpid())\n")
    #expect(PidFile.holder(of: path) == getpid())
    #expect(throws: PidFile.Failure.held(by: getpid())) { _ = try PidFile(path) }
    // Closing another descriptor of the file lets go of nothing.
    #expect(PidFile.holder(of: path) == getpid())
    file = nil
    #expect(PidFile.holder(of: path) == nil)
    #expect(try content() == "\(getpid())\n", "left behind, as by a process that was killed")
    let next = try PidFile(path)
    next.remove()
    #expect(access(path, F_OK) != 0)
  }

  @Test func oneThatSaysSomethingElseIsLeftAlone() throws {
    defer { unlink(path) }
    for text in ["precious", "12 34\n", "-5\n", "0", String(repeating: "1", count: 30)] {
      try write(text)
      #expect(throws: PidFile.Failure.isSomethingElse) { _ = try PidFile(path) }
      #expect(try content() == text)
    }
    for text in ["", "4711", "4711\n"] {
      try write(text)
      try PidFile(path).write()
      #expect(try content() == "\(getpid())\n")
    }
  }

  @Test func anotherFileInItsPlaceIsNotRemoved() throws {
    defer { unlink(path) }
    let file = try PidFile(path)
    try file.write()
    unlink(path)
    try write("another's")
    file.remove()
    #expect(try content() == "another's")
  }

  @Test func whatCannotBeOpenedIsSaid() throws {
    #expect(throws: PidFile.Failure.system(.noSuchFileOrDirectory)) { _ = try PidFile("/tmp/none-\(getpid())/x") }
  }
}
