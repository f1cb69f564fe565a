import CKernel
import Glibc

/// What a descriptor is ready for, or what is asked of it. epoll_ctl(2).
public struct Readiness: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let readable = Readiness(rawValue: CK_EPOLLIN)
  public static let writable = Readiness(rawValue: CK_EPOLLOUT)
  /// The peer has closed its direction of the stream.
  public static let peerClosed = Readiness(rawValue: CK_EPOLLRDHUP)
  /// Both directions are closed, or the other end of a pipe is. Always reported.
  public static let hungUp = Readiness(rawValue: CK_EPOLLHUP)
  /// Always reported.
  public static let error = Readiness(rawValue: CK_EPOLLERR)
}

/// An epoll instance and the room for what one wait of it brings.
public struct Epoll: ~Copyable {
  let descriptor: Descriptor
  private let events: UnsafeMutablePointer<ck_event>
  private let capacity: Int

  /// - Parameter capacity: how many events one wait may bring.
  public init(capacity: Int = 256) throws(Errno) {
    descriptor = Descriptor(owning: CInt(try throwing { ck_epoll_create() }))
    events = .allocate(capacity: capacity)
    events.initialize(repeating: ck_event(), count: capacity)
    self.capacity = capacity
  }

  deinit { events.deallocate() }

  public func add(_ raw: CInt, _ interest: Readiness, data: UInt64) throws(Errno) {
    _ = try throwing { ck_epoll_ctl(descriptor.raw, CK_EPOLL_ADD, raw, interest.rawValue, data) }
  }

  public func modify(_ raw: CInt, _ interest: Readiness, data: UInt64) {
    let result = retrying { ck_epoll_ctl(descriptor.raw, CK_EPOLL_MOD, raw, interest.rawValue, data) }
    precondition(result == 0, "epoll_ctl(MOD) on a descriptor that is not registered")
  }

  public func remove(_ raw: CInt) {
    let result = retrying { ck_epoll_ctl(descriptor.raw, CK_EPOLL_DEL, raw, 0, 0) }
    precondition(result == 0, "epoll_ctl(DEL) on a descriptor that is not registered")
  }

  /// Waits for events, at most so long; negative means for ever. Gives how many there are; 0 also when interrupted.
  public func wait(milliseconds: Int32) -> Int {
    let result = ck_epoll_wait(descriptor.raw, events, CInt(capacity), milliseconds)
    if result >= 0 { return result }
    precondition(result == -Int(EINTR), "epoll_wait failed")
    return 0
  }

  /// The event with that number of the last wait: what it is ready for, and the data it was registered with.
  @inline(__always)
  public func event(_ index: Int) -> (ready: Readiness, data: UInt64) {
    (Readiness(rawValue: events[index].events), events[index].data)
  }
}

/// Wakes a loop from another thread. eventfd(2).
public struct Wakeup: ~Copyable, Sendable {
  public let descriptor: Descriptor

  public init() throws(Errno) {
    descriptor = Descriptor(owning: CInt(try throwing { ck_eventfd() }))
  }

  public func signal() {
    var one: UInt64 = 1
    _ = write(descriptor.raw, &one, 8)
  }

  public func clear() {
    var count: UInt64 = 0
    _ = read(descriptor.raw, &count, 8)
  }
}
