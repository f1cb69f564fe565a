import Glibc
import Testing

@testable import Kernel

@Suite struct RootDirectoryTests {
  let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    try directory.makeDirectory("site")
    try directory.makeDirectory("site/sub")
    try directory.makeDirectory("site-too")
    try directory.write("secret", "secret")
    try directory.write("site-too/secret", "secret")
    try directory.write("site/page", "page")
    try directory.write("site/sub/page", "sub")
    try directory.link("site/inside", to: "sub/page")
    try directory.link("site/sub/up", to: "../page")
    try directory.link("site/outside", to: "../secret")
    try directory.link("site/absolute", to: directory["site/page"])
    try directory.link("site/away", to: "../site-too")
    try directory.link("site/loop", to: "loop")
    try directory.link("site/dangling", to: "nothing")
    try directory.link("site/process", to: "/proc/self/exe")
  }

  private func content(
    _ root: borrowing RootDirectory, _ path: String, cachedOnly: Bool = false
  ) -> Result<[UInt8], Errno> {
    do throws(Errno) {
      let file = try root.open(array(path), .read, cachedOnly: cachedOnly)
      return .success(try readAt(file.raw, offset: 0, count: 100))
    } catch {
      return .failure(error)
    }
  }

  @Test(arguments: [
    ("page", "page"), ("sub/page", "sub"), ("sub/../page", "page"), ("inside", "sub"), ("sub/up", "page"),
  ])
  func whatLiesBeneathIsOpenedThroughLinksToo(_ path: String, _ text: String) throws {
    let root = try RootDirectory(directory["site"])
    #expect(content(root, path) == .success(array(text)))
  }

  @Test(arguments: [
    ("../secret", Errno.improperLink), ("sub/../../secret", .improperLink), ("outside", .improperLink),
    ("away/secret", .improperLink), ("/etc/passwd", .improperLink), ("process", .improperLink),
    // Even one that ends inside: the kernel does not look where an absolute link leads.
    ("absolute", .improperLink), ("loop", .tooManySymbolicLinkLevels), ("dangling", .noSuchFileOrDirectory),
    ("page/x", .notDirectory), ("page/", .notDirectory), ("nothing", .noSuchFileOrDirectory),
  ])
  func whatLeavesOrIsNotThereIsRefused(_ path: String, _ error: Errno) throws {
    let root = try RootDirectory(directory["site"])
    #expect(content(root, path) == .failure(error))
  }

  @Test func namesAndPathsThatAreTooLongAreRefused() throws {
    let root = try RootDirectory(directory["site"])
    #expect(content(root, String(repeating: "n", count: 256)) == .failure(.fileNameTooLong))
    #expect(content(root, String(repeating: "a/", count: 4096)) == .failure(.fileNameTooLong))
  }

  @Test func magicLinksOfTheKernelAreNotFollowed() throws {
    let root = try RootDirectory("/proc/self")
    #expect(content(root, "exe") == .failure(.tooManySymbolicLinkLevels))
    #expect(content(root, "cwd/etc/passwd") == .failure(.tooManySymbolicLinkLevels))
  }

  @Test(arguments: ["page", "sub/page", "inside", "outside", "nothing", "loop", "sub/../../secret", "sub/up"])
  func aLookUpInTheCacheSaysTheTruthOrThatItWouldWait(_ path: String) throws {
    let root = try RootDirectory(directory["site"])
    for _ in 0..<3 {
      let cached = content(root, path, cachedOnly: true)
      if cached != .failure(.wouldBlock) { #expect(cached == content(root, path)) }
    }
    // A file that was opened just now is in the cache.
    if path == "page" { #expect(content(root, path, cachedOnly: true) == .success(array("page"))) }
  }

  @Test func aFileCanBeAskedAboutWithoutBeingOpened() throws {
    let root = try RootDirectory(directory["site"])
    let asked = try root.open(array("page"), .inspect, cachedOnly: false)
    #expect(try FileStatus(of: asked.raw).kind == .regular && FileStatus(of: asked.raw).size == 4)
    var buffer: [UInt8] = [0]
    #expect(read(asked.raw, &buffer, 1) == -1 && errno == EBADF)
    #expect(!mayExecute(asked.raw))
    try #require(chmod(directory["site/page"], 0o755) == 0)
    #expect(mayExecute(asked.raw))
    let refused = thrown { () throws(Errno) in _ = try root.open(array("page"), .directory, cachedOnly: false) }
    #expect(refused == .notDirectory)
    let itself = try root.open(array("."), .directory, cachedOnly: false)
    #expect(try FileStatus(of: itself.raw) == FileStatus(of: root.descriptor.raw))
    #expect(isCloseOnExec(asked.raw) && isCloseOnExec(itself.raw) && isCloseOnExec(root.descriptor.raw))
  }

  @Test func aFIFOWithoutAWriterDoesNotHoldTheOpenerUp() throws {
    try #require(mkfifo(directory["site/fifo"], 0o644) == 0)
    let root = try RootDirectory(directory["site"])
    let fifo = try root.open(array("fifo"), .read, cachedOnly: false)
    #expect(try FileStatus(of: fifo.raw).kind == .other)
  }

  @Test func aRootMustBeADirectory() {
    #expect(thrown { () throws(Errno) in _ = try RootDirectory(directory["secret"]) } == .notDirectory)
    #expect(thrown { () throws(Errno) in _ = try RootDirectory(directory["no"]) } == .noSuchFileOrDirectory)
  }
}

@Suite struct ReadingTests {
  @Test func aPartOfAFileIsReadAndAShortFileGivesWhatItHas() throws {
    let file = try openMemoryFile("test")
    try writeFully(file.raw, array("0123456789"))
    #expect(try readAt(file.raw, offset: 2, count: 3) == array("234"))
    #expect(try readAt(file.raw, offset: 8, count: 30) == array("89"))
    #expect(try readAt(file.raw, offset: 10, count: 1).isEmpty)
    #expect(try readAt(file.raw, offset: 0, count: 0).isEmpty)
  }

  @Test func readingFromTheCacheGivesTheWholePartOrNothing() throws {
    let directory = try TemporaryDirectory()
    try directory.write("file", "0123456789")
    let root = try RootDirectory(directory.path)
    let file = try root.open(array("file"), .read, cachedOnly: false)
    // Some file systems cannot tell and say nothing; none may say anything else.
    if let bytes = readAtIfCached(file.raw, offset: 4, count: 6) { #expect(bytes == array("456789")) }
    #expect(readAtIfCached(file.raw, offset: 4, count: 7) == nil)
    #expect(readAtIfCached(file.raw, offset: 10, count: 1) == nil)
    #expect(readAtIfCached(file.raw, offset: 0, count: 0) == [])
  }

  @Test func aTemporaryFileHasNoNameAndIsReadFromItsBeginningAgain() throws {
    let directory = try TemporaryDirectory()
    let file = try openTemporary(in: directory.path)
    try writeFully(file.raw, array("spooled"))
    var buffer = [UInt8](repeating: 0, count: 16)
    #expect(readBytes(file.raw, into: &buffer, at: 0) == .bytes(0))
    rewind(file.raw)
    #expect(readBytes(file.raw, into: &buffer, at: 0) == .bytes(7))
    #expect(isCloseOnExec(file.raw))
    let root = try RootDirectory(directory.path)
    #expect(try readDirectory(root.descriptor.raw, limit: 10).entries.isEmpty)
    #expect(thrown { () throws(Errno) in _ = try openTemporary(in: directory["no"]) } == .noSuchFileOrDirectory)
  }

  @Test func linesAreAppendedAndAFIFOIsNotWaitedFor() throws {
    let directory = try TemporaryDirectory()
    try directory.write("log", "one ")
    try directory.write("log", "two")
    let root = try RootDirectory(directory.path)
    let file = try root.open(array("log"), .read, cachedOnly: false)
    #expect(try readAt(file.raw, offset: 0, count: 16) == array("one two"))
    try #require(mkfifo(directory["fifo"], 0o600) == 0)
    #expect(thrown { () throws(Errno) in _ = try openAppending(directory["fifo"]) } == Errno(rawValue: ENXIO))
    let reader = Descriptor(owning: open(directory["fifo"], O_RDONLY | O_NONBLOCK | O_CLOEXEC))
    let writer = try openAppending(directory["fifo"])
    #expect(isCloseOnExec(writer.raw))
    // What is written may wait for the reader, so that no line is lost.
    #expect(fcntl(writer.raw, F_GETFL) & (O_NONBLOCK | O_APPEND) == O_APPEND)
    try writeFully(writer.raw, array("three"))
    var buffer = [UInt8](repeating: 0, count: 16)
    #expect(read(reader.raw, &buffer, 16) == 5)
  }

  @Test func aFileInMemoryAndTheNullDeviceCloseOnExec() throws {
    let memory = try openMemoryFile("test")
    let null = Descriptor(owning: open("/dev/null", O_RDONLY | O_CLOEXEC))
    #expect(isCloseOnExec(memory.raw) && isCloseOnExec(null.raw))
    #expect(try FileStatus(of: null.raw).kind == .other)
    var buffer: [UInt8] = [0]
    #expect(readBytes(null.raw, into: &buffer, at: 0) == .bytes(0))
  }

  @Test func linesAreAppendedToAFileThatIsThere() throws {
    let directory = try TemporaryDirectory()
    try directory.write("log", "one\n")
    try directory.write("log", "two\n")
    let root = try RootDirectory(directory.path)
    let file = try root.open(array("log"), .read, cachedOnly: false)
    #expect(try readAt(file.raw, offset: 0, count: 100) == array("one\ntwo\n"))
  }

  @Test func aDirectoryIsReadWithTheKindsOfItsEntriesThemselves() throws {
    let directory = try TemporaryDirectory()
    try directory.makeDirectory("folder")
    try directory.write("file", "12345")
    try directory.link("to-folder", to: "folder")
    try directory.link("dangling", to: "nothing")
    try #require(mkfifo(directory["fifo"], 0o644) == 0)
    let root = try RootDirectory(directory.path)
    for _ in 0..<2 {
      // Twice: the offset of the root's own descriptor is not used up.
      let (entries, cut) = try readDirectory(root.descriptor.raw, limit: 100)
      let pairs = entries.map { (String(decoding: $0.name, as: UTF8.self), $0.status) }
      let kinds = Dictionary(uniqueKeysWithValues: pairs)
      #expect(Set(kinds.keys) == ["folder", "file", "to-folder", "dangling", "fifo"])
      #expect(kinds["folder"]?.kind == .directory && kinds["to-folder"]?.kind == .link)
      #expect(kinds["file"]?.kind == .regular && kinds["file"]?.size == 5 && kinds["fifo"]?.kind == .other)
      #expect(!cut)
    }
  }

  @Test(arguments: [(0, true), (4, true), (5, false), (6, false)])
  func aDirectoryIsReadUpToALimitAndSaysIfThereIsMore(_ limit: Int, _ isCut: Bool) throws {
    let directory = try TemporaryDirectory()
    for number in 0..<5 { try directory.write("\(number)", "") }
    let root = try RootDirectory(directory.path)
    let (entries, cut) = try readDirectory(root.descriptor.raw, limit: limit)
    #expect(entries.count == min(limit, 5) && cut == isCut)
  }

  @Test func aCanonicalPathHasNoLinks() throws {
    let directory = try TemporaryDirectory()
    try directory.makeDirectory("real")
    try directory.link("link", to: "real")
    #expect(try canonicalPath(directory["link/../link/."]) == canonicalPath(directory.path) + "/real")
    #expect(thrown { () throws(Errno) in _ = try canonicalPath(directory["no"]) } == .noSuchFileOrDirectory)
  }

  @Test func anErrnoIsSaidInWords() { #expect(describe(errno: ENOENT) == "No such file or directory") }
}
