// A FastCGI worker whose every byte is the test's: what no library does must be survived, too.

import FastCGIWire
import Glibc
import HTTPClient
import Kernel
import Synchronization
import Testing

@testable import Gateway

/// A record by its bytes (section 3.3 of the specification).
func record(_ type: RecordType, id: UInt16 = 1, _ content: [UInt8] = [], padding: Int = 0) -> [UInt8] {
  [1, type.rawValue, UInt8(id >> 8), UInt8(id & 255), UInt8(content.count >> 8), UInt8(content.count & 255)]
    + [UInt8(padding), 0] + content + [UInt8](repeating: 0xEE, count: padding)
}

func endRequest(_ status: ProtocolStatus = .requestComplete, padding: Int = 0) -> [UInt8] {
  record(.endRequest, [0, 0, 0, 0, status.rawValue, 0, 0, 0], padding: padding)
}

/// A whole answer: head, body and end.
func answer(_ body: String, padding: Int = 0) -> [UInt8] {
  record(.stdout, array("Content-Type: text/plain\r\n\r\n" + body)) + record(.stdout) + endRequest(padding: padding)
}

/// Accepts connections and has each served by a thread of its own.
final class FakeWorker: Sendable {
  /// One connection of the gateway's.
  final class Peer {
    /// How many connections with a request there were before; known with the first request.
    private(set) var number = -1
    let raw: Int32
    private let counter: Counter

    fileprivate init(_ raw: Int32, _ counter: Counter) {
      self.raw = raw
      self.counter = counter
    }

    /// Reads a request up to the end of its FCGI_STDIN, or of its FCGI_PARAMS. Says, where it is asked, that there is
    /// nothing to say of itself.
    /// - Returns: its body; nil where the connection has ended.
    func readRequest(withBody: Bool = true) -> [UInt8]? {
      var body: [UInt8] = []
      while let (type, content) = readRecord() {
        switch type {
        case .getValues: write(record(.getValuesResult, id: 0))
        case .beginRequest: if number < 0 { number = counter.next() }
        case .params: if content.isEmpty, !withBody { return [] }
        case .stdin:
          if content.isEmpty { return body }
          body += content
        default: Issue.record("a worker is not sent \(type)")
        }
      }
      return nil
    }

    private func readRecord() -> (RecordType, [UInt8])? {
      guard let header = read(Record.headerBytes), let type = RecordType(rawValue: header[1]) else { return nil }
      let count = Int(header[4]) << 8 | Int(header[5])
      guard let content = read(count), read(Int(header[6])) != nil else { return nil }
      return (type, content)
    }

    private func read(_ count: Int) -> [UInt8]? {
      var bytes = [UInt8](repeating: 0, count: count)
      var have = 0
      while have < count {
        let got = bytes.withUnsafeMutableBytes { Glibc.recv(raw, $0.baseAddress! + have, count - have, 0) }
        if got <= 0 { return nil }
        have += got
      }
      return bytes
    }

    func write(_ bytes: [UInt8]) {
      var sent = 0
      while sent < bytes.count {
        let count = bytes.withUnsafeBytes {
          Glibc.send(raw, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
        }
        if count <= 0 { return }
        sent += count
      }
    }

    /// Waits until the gateway has closed it.
    func awaitEnd() { while read(1) != nil {} }
  }

  private let listener: WorkerListener
  private let counter = Counter()

  /// - Parameter serve: has the connection until it returns; it is closed then.
  init(
    on listener: WorkerListener? = nil, _ serve: @escaping @Sendable (Peer) -> Void
  ) throws {
    let listener = try listener ?? WorkerListener(PrivateListener())
    self.listener = listener
    Threads.start(name: "fake-worker") { [counter] in
      while true {
        let raw = accept(listener.listener.descriptor.raw, nil, nil)
        if raw < 0 { return }
        Threads.start(name: "fake-peer") {
          serve(Peer(raw, counter))
          close(raw)
        }
      }
    }
  }

  fileprivate final class Counter: Sendable {
    let value = Atomic<Int>(0)
    func next() -> Int { value.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue }
  }

  /// Wakes the thread that accepts, which ends.
  deinit { shutdown(listener.listener.descriptor.raw, CInt(SHUT_RDWR)) }

  var address: SocketAddress { listener.listener.address }

  /// How many connections there were with a request.
  var connections: Int { counter.value.load(ordering: .sequentiallyConsistent) }
}
