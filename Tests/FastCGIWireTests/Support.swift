// What the tests of this module share: records written by hand, and independently of the module; the reader fed
// in pieces that are cut anywhere; a seeded generator, so that a failure can be repeated.

import Testing

@testable import FastCGIWire

func array(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A record by its bytes (section 3.3 of the specification).
func record(_ type: UInt8, id: Int, _ content: [UInt8] = [], padding: Int = 0, version: UInt8 = 1) -> [UInt8] {
  [version, type, UInt8(id / 256), UInt8(id % 256), UInt8(content.count / 256), UInt8(content.count % 256)]
    + [UInt8(padding), 0] + content + [UInt8](repeating: 0xEE, count: padding)
}

func stdout(_ text: String, padding: Int = 0) -> [UInt8] { record(6, id: 1, array(text), padding: padding) }

func stderr(_ text: String, padding: Int = 0) -> [UInt8] { record(7, id: 1, array(text), padding: padding) }

func endRequest(_ status: [UInt8] = [0, 0, 0, 0], _ protocolStatus: UInt8 = 0, padding: Int = 0) -> [UInt8] {
  record(3, id: 1, status + [protocolStatus, 0, 0, 0], padding: padding)
}

/// A pair of a name and a value of up to 127 bytes each (section 3.4).
func shortPair(_ name: String, _ value: String) -> [UInt8] {
  [UInt8(name.utf8.count), UInt8(value.utf8.count)] + array(name) + array(value)
}

/// A pair with the length of each as section 3.4 has it, written without the module's help.
func encodedPair(_ name: [UInt8], _ value: [UInt8]) -> [UInt8] {
  func length(_ count: Int) -> [UInt8] {
    if count < 128 { return [UInt8(count)] }
    return [UInt8(count / 0x1000000) + 128, UInt8(count / 0x10000 % 256), UInt8(count / 256 % 256), UInt8(count % 256)]
  }
  return length(name.count) + length(value.count) + name + value
}

/// What a reader told, with the data of neighbouring ranges joined, and indices counted from the first byte of all.
enum Event: Equatable {
  case stdout([UInt8])
  case stderr([UInt8])
  case endOfStdout(end: Int)
  case endOfStderr(end: Int)
  case endRequest(UInt32, ProtocolStatus, end: Int)
  case values(ApplicationValues, end: Int)
  case unknownType(UInt8, end: Int)
  case refused(RecordRefusal)
}

/// A reader, what it has told so far, and the requests that are to follow one another on its connection.
struct Reading {
  var reader = RecordReader()
  var events: [Event] = []
  private var requests: ArraySlice<UInt16>

  init(requests: [UInt16] = [1]) {
    self.requests = requests[...]
    if let first = self.requests.popFirst() { reader.expect(id: first) }
  }

  /// Hands on the bytes from the index `from` on, of which the first of the span has the number `base` in all.
  ///
  /// - Returns: whether the reader goes on.
  mutating func take(_ bytes: [UInt8], from: Int, base: Int) -> Bool {
    var index = from
    while true {
      let verdict = reader.next(bytes.span, from: index)
      let before = index
      switch verdict {
      case .needMore(let consumed):
        #expect(consumed == bytes.count)
        return true
      case .stdout(let range):
        #expect(range.lowerBound >= index && !range.isEmpty)
        index = range.upperBound
        tellOutput(Array(bytes[range]))
      case .stderr(let range):
        #expect(range.lowerBound >= index && !range.isEmpty)
        index = range.upperBound
        tellErrors(Array(bytes[range]))
      case .endOfStdout(let end):
        index = end
        events.append(.endOfStdout(end: base + end))
      case .endOfStderr(let end):
        index = end
        events.append(.endOfStderr(end: base + end))
      case .endRequest(let status, let protocolStatus, let end):
        index = end
        events.append(.endRequest(status, protocolStatus, end: base + end))
        if let next = requests.popFirst() { reader.expect(id: next) }
      case .values(let values, let end):
        index = end
        events.append(.values(values, end: base + end))
      case .unknownType(let type, let end):
        index = end
        events.append(.unknownType(type, end: base + end))
      case .refused(let refusal):
        events.append(.refused(refusal))
        let again = reader.next(bytes.span, from: 0)
        #expect(again == verdict)
        return false
      }
      // Each thing that is told has cost at least a byte: so every reading ends.
      guard index > before else {
        Issue.record("no byte was taken for \(verdict)")
        return false
      }
    }
  }

  private mutating func tellOutput(_ bytes: [UInt8]) {
    if case .stdout(let before) = events.last {
      events[events.count - 1] = .stdout(before + bytes)
    } else {
      events.append(.stdout(bytes))
    }
  }

  private mutating func tellErrors(_ bytes: [UInt8]) {
    if case .stderr(let before) = events.last {
      events[events.count - 1] = .stderr(before + bytes)
    } else {
      events.append(.stderr(bytes))
    }
  }
}

/// Reads pieces that end at `cuts`, each in a buffer of its own, as a connection would.
func read(_ bytes: [UInt8], cuts: [Int] = [], requests: [UInt16] = [1]) -> [Event] {
  var reading = Reading(requests: requests)
  var base = 0
  for cut in cuts + [bytes.count] {
    guard reading.take(Array(bytes[base..<cut]), from: 0, base: base) else { break }
    base = cut
  }
  return reading.events
}

/// Reads in one go, cut at every single offset, a byte at a time, and from one buffer that grows: all must tell
/// the same.
func readEveryWay(_ bytes: [UInt8], requests: [UInt16] = [1]) -> [Event] {
  let events = read(bytes, requests: requests)
  for cut in 0...bytes.count {
    #expect(read(bytes, cuts: [cut], requests: requests) == events, "cut at \(cut)")
  }
  #expect(read(bytes, cuts: Array(0...bytes.count), requests: requests) == events)
  var reading = Reading(requests: requests)
  for count in 0...bytes.count {
    guard reading.take(Array(bytes[..<count]), from: max(0, count - 1), base: 0) else { break }
  }
  #expect(reading.events == events)
  return events
}

/// A record that a web server wrote.
struct Sent: Equatable {
  var type: UInt8
  var id: Int
  var content: [UInt8]
}

/// Takes apart what a web server wrote, and checks each header by section 3.3.
func sent(_ bytes: [UInt8]) -> [Sent] {
  var records: [Sent] = []
  var index = 0
  while index < bytes.count {
    let length = Int(bytes[index + 4]) * 256 + Int(bytes[index + 5])
    let padding = Int(bytes[index + 6])
    #expect(bytes[index] == 1 && bytes[index + 7] == 0)
    let id = Int(bytes[index + 2]) * 256 + Int(bytes[index + 3])
    let content = Array(bytes[index + 8..<index + 8 + length])
    records.append(Sent(type: bytes[index + 1], id: id, content: content))
    index += 8 + length + padding
  }
  return records
}

/// The pairs of content that is whole, by the module's reader.
func pairs(_ content: [UInt8]) -> [[[UInt8]]] {
  var pairs: [[[UInt8]]] = []
  var index = 0
  while index < content.count {
    guard let pair = NameValuePair(content.span, from: index) else {
      Issue.record("a pair that is not whole at \(index) of \(content.count)")
      break
    }
    pairs.append([Array(content[pair.name]), Array(content[pair.value])])
    index = pair.value.upperBound
  }
  return pairs
}

/// A small generator with a seed (the xorshift* family).
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }

  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 32) } }
}
