import Glibc
import Testing

@testable import Kernel

@Suite struct SocketAddressTests {
  @Test(arguments: [
    ("127.0.0.1:8080", "127.0.0.1", 8080), ("0.0.0.0:0", "0.0.0.0", 0), ("[::1]:65535", "::1", 65535),
    ("[::]:80", "::", 80), ("[2001:DB8::0001]:443", "2001:db8::1", 443),
  ])
  func anAddressOfAnInternetHostIsReadAndWritten(_ text: String, _ host: String, _ port: UInt16) throws {
    let address = try SocketAddress(parsing: text)
    #expect(address.host == host)
    #expect(address.port == port)
    #expect(!address.isUnix && address.unixPath.isEmpty)
    #expect(address.text == (host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"))
  }

  @Test(arguments: ["/run/tollgate.sock", "relative", "/" + String(repeating: "x", count: 106)])
  func aUnixSocketIsReadAndWritten(_ path: String) throws {
    let address = try SocketAddress(parsing: "unix:\(path)")
    #expect(address.isUnix && address.isLoopback && address.port == 0)
    #expect(address.unixPath == path)
    #expect(address.text == "unix:\(path)" && address.host == "unix:\(path)")
  }

  @Test(arguments: [
    ("", "is not an address: write HOST:PORT"), ("8080", "is not an address: write HOST:PORT"),
    ("localhost", "is not an address"), ("127.0.0.1:", "is not an address"), ("127.0.0.1:http", "is not an address"),
    ("127.0.0.1:65536", "is not an address"), ("127.0.0.1:-1", "is not an address"),
    ("127.0.0.1:+80", "is not an address"), ("127.0.0.1:-0", "is not an address"),
    ("127.0.0.1: 80", "is not an address"), ("127.0.0.1:8080/", "is not an address"),
    ("::1:8080", "an IPv6 address stands in brackets"), ("[::1:8080", "an IPv6 address stands in brackets"),
    (":8080", "names no host: write 0.0.0.0:8080"), ("[]:80", "names no host"),
    ("unix:", "has 1 to 107 bytes, not 0"), ("a b:80", "no address for the host «a b»"),
    ("[::g]:80", "no address for the host «::g»"),
  ])
  func whatIsNoAddressIsRefusedInWordsThatSayWhatWouldBeRight(_ text: String, _ words: String) {
    let error = #expect(throws: SocketAddress.Malformed.self) { try SocketAddress(parsing: text) }
    #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
  }

  @Test func aUnixPathOverTheKernelsLimitIsRefusedWithBothLengths() {
    let error = #expect(throws: SocketAddress.Malformed.self) {
      try SocketAddress(parsing: "unix:/" + String(repeating: "x", count: 107))
    }
    #expect(error?.description == "the path of a Unix socket has 1 to 107 bytes, not 108")
  }
}

@Suite struct ListenerTests {
  private func connects(to address: SocketAddress) -> Bool {
    thrown { () throws(Errno) in
      _ = try ClientSocket(connecting: address, deadline: Clock.monotonic() + 5_000_000_000)
    } == nil
  }

  @Test func aPortOfZeroBecomesARealOneAndASecondListenerThereIsRefused() throws {
    let first = try Listener(SocketAddress(parsing: "127.0.0.1:0"))
    let address = first.address
    #expect(address.port != 0)
    #expect(isCloseOnExec(first.descriptor.raw))
    #expect(thrown { () throws(Errno) in _ = try Listener(address) } == .addressInUse)
    #expect(connects(to: address))
  }

  @Test func aPortIsFreeAgainAtOnceWhenItsListenerIsClosed() throws {
    let address = try listenOnce()
    #expect(!connects(to: address))
    let again = try Listener(address)
    #expect(again.address.text == address.text)
  }

  /// Listens, takes one connection, and closes its end first, which leaves the port in TIME_WAIT.
  private func listenOnce() throws -> SocketAddress {
    let listener = try Listener(SocketAddress(parsing: "127.0.0.1:0"))
    let address = listener.address
    let client = try ClientSocket(connecting: address, deadline: Clock.monotonic() + 5_000_000_000)
    #expect(takeAndClose(listener.descriptor.raw))
    var buffer: [UInt8] = [0]
    #expect(try client.receive(into: &buffer, at: 0, deadline: Clock.monotonic() + 5_000_000_000) == 0)
    return address
  }

  private func takeAndClose(_ raw: CInt) -> Bool {
    eventually { if case .connection = accept(on: raw) { true } else { false } }
  }

  @Test func acceptingWhereNobodyWaitsGivesNoneAndTellsThePeerOtherwise() throws {
    let listener = try Listener(SocketAddress(parsing: "127.0.0.1:0"))
    let raw = listener.descriptor.raw
    guard case .none = accept(on: raw) else {
      Issue.record("a connection that nobody made")
      return
    }
    let client = try ClientSocket(connecting: listener.address, deadline: Clock.monotonic() + 5_000_000_000)
    var peer: String?
    var closesOnExec = false
    _ = eventually {
      guard case .connection(let descriptor, let address) = accept(on: raw) else { return false }
      peer = address.host
      closesOnExec = isCloseOnExec(descriptor.raw)
      return true
    }
    #expect(peer == "127.0.0.1" && closesOnExec)
    client.abort()
  }

  @Test func theSocketOfAServerThatIsGoneIsTakenOver() throws {
    let directory = try TemporaryDirectory()
    let address = try SocketAddress(parsing: "unix:\(directory["s"])")
    // What a server leaves that was killed: its file, and nobody who listens.
    do {
      let killed = try Listener(address)
      try #require(link(directory["s"], directory["t"]) == 0)
      #expect(killed.address.isUnix)
    }
    #expect(access(directory["s"], F_OK) == -1, "one that ends takes its file along")
    try #require(rename(directory["t"], directory["s"]) == 0)
    let listener = try Listener(address)
    #expect(listener.address.unixPath == directory["s"])
    #expect(connects(to: address))
  }

  @Test func theSocketOfAServerThatLivesIsLeftToIt() throws {
    let directory = try TemporaryDirectory()
    let address = try SocketAddress(parsing: "unix:\(directory["s"])")
    let first = try Listener(address)
    #expect(thrown { () throws(Errno) in _ = try Listener(address) } == .addressInUse)
    #expect(connects(to: first.address))
  }

  @Test func aFileThatIsNoSocketIsNeverTakenAway() throws {
    let directory = try TemporaryDirectory()
    try directory.write("data", "precious")
    let address = try SocketAddress(parsing: "unix:\(directory["data"])")
    #expect(thrown { () throws(Errno) in _ = try Listener(address) } == .addressInUse)
    let root = try RootDirectory(directory.path)
    let file = try root.open(array("data"), .read, cachedOnly: false)
    #expect(try readAt(file.raw, offset: 0, count: 8) == array("precious"))
  }
}
