// The gateway's side of tollgate-spawn: one spawner process, the socket to it, and the slots in which it answers.

import Glibc
import SpawnProtocol

/// One spawner process and the gateway's end of its socket. Used by one loop at a time; nothing here ever waits,
/// but the initializer.
///
/// The children are this process's own: it reaps them, and must leave SIGCHLD at its default disposition, since the
/// kernel reaps the children of a process that ignores it. When the object is closed or let go, or this process ends
/// in whatever way, the spawner kills the process groups of all that was not released and ends. It is itself a child,
/// to be reaped by `pid`.
public final class Spawner {
  /// The gateway's end of the socket, for a poller: readable or hung up when the spawner has died, writable when
  /// there is room for a request. It stays this object's; nothing is ever to be read from it. -1 once closed.
  public private(set) var descriptor: Int32
  /// The spawner's own process.
  public let pid: Int32

  private let slots: UnsafeMutablePointer<spawn_slot>
  private let slotCount: UInt32
  private let rowCount: UInt32
  private var freeSlots: [UInt32]
  private var generations: [UInt32]
  private var requestedAt: [Int64]
  private var knownDead = false

  /// Starts a spawner and tells it what it may run.
  ///
  /// - Parameters:
  ///   - binary: the absolute path of `tollgate-spawn`.
  ///   - targets: the table; a request names a row by its index. Paths are absolute and up to 4,095 bytes.
  ///   - limits: the resource limits of every child.
  ///   - slots: how many requests may be under way at once, 1 to 65,536; each takes 64 bytes.
  /// - Throws: `SpawnError.notStarted`, also where execve(2) of the binary fails; `SpawnError.dead` where it ended
  ///   while it was told its table.
  public init(
    binary: String, targets: [SpawnTarget], limits: SpawnLimits = SpawnLimits(), slots slotCount: Int
  ) throws(SpawnError) {
    precondition((1...Int(SPAWN_SLOTS_MAX)).contains(slotCount), "a spawner has 1 to 65,536 slots")
    precondition(targets.count <= Int(SPAWN_ROWS_MAX), "a spawner's table has up to 4,096 rows")
    let memory = spawn_memory_create(UInt32(slotCount))
    guard memory >= 0 else { throw .notStarted(errno: -memory) }
    defer { _ = Glibc.close(memory) }
    guard let slots = spawn_memory_map(memory, UInt32(slotCount)) else { throw .notStarted(errno: errno) }
    var ends: (Int32, Int32) = (-1, -1)
    let paired = withUnsafeMutableBytes(of: &ends) {
      spawn_socket_pair($0.baseAddress!.assumingMemoryBound(to: Int32.self))
    }
    guard paired == 0 else {
      spawn_memory_unmap(slots, UInt32(slotCount))
      throw .notStarted(errno: -paired)
    }
    let started = spawn_start(binary, ends.1)
    // At once, so that the socket hangs up when the spawner dies.
    _ = Glibc.close(ends.1)
    let told = started > 0 ? Self.tell(targets, limits, memory: memory, slots: slotCount, over: ends.0) : started
    guard told == 0 else {
      _ = Glibc.close(ends.0)
      spawn_memory_unmap(slots, UInt32(slotCount))
      guard started > 0 else { throw .notStarted(errno: -started) }
      // Its socket is closed, so it ends, and leaves no zombie behind an object that was never made.
      waitpid(started, nil, 0)
      throw .dead
    }
    self.descriptor = ends.0
    self.pid = started
    self.slots = slots
    self.slotCount = UInt32(slotCount)
    self.rowCount = UInt32(targets.count)
    self.freeSlots = (0..<UInt32(slotCount)).reversed()
    self.generations = [UInt32](repeating: 0, count: slotCount)
    self.requestedAt = [Int64](repeating: 0, count: slotCount)
  }

  deinit {
    close()
    spawn_memory_unmap(slots, slotCount)
  }

  /// Closes the socket, which ends the spawner's process and, by SIGKILL to their groups, the programs whose tickets
  /// were not released. They and the spawner are still to be reaped; `state` and `release` go on to work. A poller
  /// must have let go of `descriptor` before.
  public func close() {
    guard descriptor >= 0 else { return }
    _ = Glibc.close(descriptor)
    descriptor = -1
    knownDead = true
  }

  /// The number of tickets that were given and not released.
  var ticketCount: Int { Int(slotCount) - freeSlots.count }

  /// Whether the spawner's process is gone, or was given up by `close`. poll(2), without waiting.
  public var isDead: Bool {
    if !knownDead { knownDead = spawn_hung_up(descriptor) != 0 }
    return knownDead
  }

  /// Asks for one program. Nothing is awaited: `state` tells what became of it.
  ///
  /// The program's argv[0] is its absolute path, its working directory the row's or that in which it stands (RFC 3875,
  /// section 7.2), its process group its own, its signals at their default. It holds the three descriptors and no
  /// other.
  ///
  /// - Parameters:
  ///   - row: the index of the row in the table.
  ///   - scriptPath: below a directory the script's relative path, without empty, `.` or `..` segments; the spawner
  ///     refuses another with EINVAL. Empty for a program.
  ///   - arguments: argv[1...], up to 1,024 (RFC 3875, section 4.4).
  ///   - environment: the strings `NAME=VALUE`, each ended by a NUL.
  ///   - environmentCount: how many they are, up to 1,024.
  ///   - standardInput: the descriptor to become the program's 0, and likewise 1 and 2; -1 for /dev/null. They stay
  ///     the caller's, who closes its copies as soon as this returns, whether or not it throws: the kernel holds the
  ///     ones under way.
  /// - Returns: the request's name, until `release`.
  /// - Throws: `SpawnError.full`, `.dead`, `.tooLarge` or `.malformed`; then nothing was asked for.
  public func spawn(
    row: Int, scriptPath: [UInt8], arguments: [[UInt8]], environment: [UInt8], environmentCount: Int,
    standardInput: Int32, standardOutput: Int32, standardError: Int32
  ) throws(SpawnError) -> SpawnTicket {
    precondition((0..<Int(rowCount)).contains(row), "a row that is none")
    guard !knownDead else { throw .dead }
    let argumentBytes = try Self.join(arguments)
    try Self.check(scriptPath, arguments, argumentBytes, environment, environmentCount)
    guard let slot = freeSlots.last else { throw isDead ? .dead : .full }
    var request = spawn_request()
    request.kind = SPAWN_REQUEST.rawValue
    request.slot = slot
    request.row = UInt32(row)
    request.path_bytes = UInt32(scriptPath.count)
    request.argument_count = UInt32(arguments.count)
    request.argument_bytes = UInt32(argumentBytes.count)
    request.environment_count = UInt32(environmentCount)
    request.environment_bytes = UInt32(environment.count)
    requestedAt[Int(slot)] = Self.now()
    let result = send(
      &request, scriptPath, argumentBytes, environment, [standardInput, standardOutput, standardError])
    switch result {
    case 0: break
    case -EAGAIN, -ENOBUFS, -ENOMEM, -ETOOMANYREFS: throw .full
    case -EPIPE, -ECONNRESET, -ENOTCONN:
      knownDead = true
      throw .dead
    case -EMSGSIZE:
      // Under a net.core.wmem_max below its default the socket takes less than the protocol's own limit.
      let bytes = MemoryLayout<spawn_request>.size + scriptPath.count + argumentBytes.count + environment.count
      throw .tooLarge(limit: "net.core.wmem_max", maximum: bytes - 1, actual: bytes)
    default: preconditionFailure("sendmsg to the spawner failed with errno \(-result)")
    }
    freeSlots.removeLast()
    return SpawnTicket(slot: slot, generation: generations[Int(slot)])
  }

  /// What became of a request. Reads shared memory; only while nothing is known yet, also asks whether the spawner
  /// still lives: its death ends `.waiting`.
  public func state(_ ticket: SpawnTicket) -> SpawnState {
    let slot = slots + index(of: ticket)
    var outcome = spawn_slot_read(slot)
    if outcome.state == SPAWN_STATE_WAITING.rawValue {
      guard isDead else { return .waiting }
      // It may have answered between the two.
      outcome = spawn_slot_read(slot)
    }
    let pid = outcome.pid > 0 ? outcome.pid : nil
    if outcome.stage != SPAWN_STAGE_NONE.rawValue {
      return .failed(stage: SpawnStage(raw: outcome.stage), errno: outcome.error, pid: pid)
    }
    guard let pid else { return .failed(stage: .message, errno: EPIPE, pid: nil) }
    return .running(pid: pid)
  }

  /// When a child was made; nil as long as it has not come to execve(2). Known before `state` says `.running`, since
  /// the child may have run for long when the spawner gets the processor back.
  public func times(_ ticket: SpawnTicket) -> SpawnTimes? {
    let outcome = spawn_slot_read(slots + index(of: ticket))
    if outcome.exec_started_ns == 0 { return nil }
    return SpawnTimes(
      requested: requestedAt[Int(ticket.slot)], cloneStarted: Int64(outcome.clone_started_ns),
      execStarted: Int64(outcome.exec_started_ns))
  }

  /// Frees a request's slot. To be called as soon as its child, where there is one, was reaped: until then the
  /// spawner would kill the process group of that number if this process ended.
  public func release(_ ticket: SpawnTicket) {
    let index = index(of: ticket)
    let isOpen = spawn_slot_read(slots + index).state == SPAWN_STATE_WAITING.rawValue
    precondition(!isOpen || isDead, "a slot is released while the spawner may still write to it")
    spawn_slot_clear(slots + index)
    generations[index] &+= 1
    freeSlots.append(ticket.slot)
  }

  /// Where `tollgate-spawn` is: beside the running binary, else in `../libexec/tollgate` seen from there.
  ///
  /// - Parameter executable: the absolute path of the running binary, links resolved.
  /// - Returns: the first that may be executed, or nil; and where it was sought.
  public static func locate(besideExecutable executable: String) -> (found: String?, sought: [String]) {
    let slash = executable.utf8.lastIndex(of: UInt8(ascii: "/"))
    let directory = slash.map { String(executable[..<$0]) } ?? "."
    let sought = [directory + "/tollgate-spawn", directory + "/../libexec/tollgate/tollgate-spawn"]
    return (sought.first { access($0, X_OK) == 0 }, sought)
  }
}

// The parts of the message.
extension Spawner {
  private func index(of ticket: SpawnTicket) -> Int {
    precondition(generations[Int(ticket.slot)] == ticket.generation, "a ticket that was released")
    return Int(ticket.slot)
  }

  /// CLOCK_MONOTONIC in nanoseconds, the clock of the spawner's time stamps.
  private static func now() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
  }

  /// The arguments, each with its NUL.
  private static func join(_ arguments: [[UInt8]]) throws(SpawnError) -> [UInt8] {
    if arguments.isEmpty { return [] }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(arguments.reduce(0) { $0 + $1.count + 1 })
    for argument in arguments {
      bytes += argument
      bytes.append(0)
    }
    return bytes
  }

  /// The limits, by name; and the strings, for the spawner ends over a message that contradicts itself.
  private static func check(
    _ scriptPath: [UInt8], _ arguments: [[UInt8]], _ argumentBytes: [UInt8], _ environment: [UInt8],
    _ environmentCount: Int
  ) throws(SpawnError) {
    let bytes = MemoryLayout<spawn_request>.size + scriptPath.count + argumentBytes.count + environment.count
    let limits: [3 of (StaticString, Int32, Int)] = [
      ("spawn_message_bytes", Int32(SPAWN_MESSAGE_BYTES_MAX), bytes),
      ("spawn_arguments", Int32(SPAWN_ARGUMENTS_MAX), arguments.count),
      ("spawn_environment_count", Int32(SPAWN_ENVIRONMENT_COUNT_MAX), environmentCount),
    ]
    for index in limits.indices where limits[index].2 > Int(limits[index].1) {
      let (name, maximum, actual) = limits[index]
      throw .tooLarge(limit: "\(name)", maximum: Int(maximum), actual: actual)
    }
    let counted = environment.withUnsafeBytes { spawn_count_strings($0.baseAddress, $0.count) }
    let countedArguments = argumentBytes.withUnsafeBytes { spawn_count_strings($0.baseAddress, $0.count) }
    guard counted == environmentCount, countedArguments == arguments.count else { throw .malformed }
  }

  /// Sends the request. The three descriptors are those of the child; a negative one is not sent.
  private func send(
    _ request: inout spawn_request, _ scriptPath: [UInt8], _ arguments: [UInt8], _ environment: [UInt8],
    _ standard: [3 of Int32]
  ) -> Int32 {
    var descriptors: [3 of Int32] = [-1, -1, -1]
    var count = 0
    for number in standard.indices where standard[number] >= 0 {
      descriptors[count] = standard[number]
      request.sent |= 1 << UInt32(number)
      count += 1
    }
    return withUnsafeBytes(of: &request) { head in
      scriptPath.withUnsafeBytes { path in
        arguments.withUnsafeBytes { arguments in
          environment.withUnsafeBytes { environment in
            var parts = (Self.part(head), Self.part(path), Self.part(arguments), Self.part(environment))
            return withUnsafeBytes(of: &parts) { parts in
              withUnsafeBytes(of: &descriptors) { descriptors in
                spawn_send(
                  descriptor, parts.baseAddress!.assumingMemoryBound(to: spawn_bytes.self), 4,
                  descriptors.baseAddress!.assumingMemoryBound(to: Int32.self), count, 0)
              }
            }
          }
        }
      }
    }
  }

  private static func part(_ bytes: UnsafeRawBufferPointer) -> spawn_bytes {
    spawn_bytes(base: bytes.baseAddress, count: bytes.count)
  }

  /// Sends the opening and the table, waiting for room. 0 or the negated errno.
  private static func tell(
    _ targets: [SpawnTarget], _ limits: SpawnLimits, memory: Int32, slots: Int, over socket: Int32
  ) -> Int32 {
    var opening = spawn_opening()
    opening.kind = SPAWN_OPENING.rawValue
    opening.version = UInt32(SPAWN_PROTOCOL_VERSION)
    opening.slot_count = UInt32(slots)
    opening.row_count = UInt32(targets.count)
    var descriptor = memory
    let result = withUnsafeBytes(of: &opening) { bytes in
      var part = part(bytes)
      return spawn_send(socket, &part, 1, &descriptor, 1, 1)
    }
    if result < 0 { return result }
    for target in targets {
      let result = tell(target, limits, over: socket)
      if result < 0 { return result }
    }
    return 0
  }

  private static func tell(_ target: SpawnTarget, _ limits: SpawnLimits, over socket: Int32) -> Int32 {
    var row = spawn_row()
    row.kind = SPAWN_ROW.rawValue
    let path: [UInt8]
    var workingDirectory: [UInt8] = []
    switch target {
    case .directory(let directory):
      row.target = SPAWN_TARGET_DIRECTORY.rawValue
      path = Array(directory.utf8)
    case .program(let program, let directory):
      row.target = SPAWN_TARGET_PROGRAM.rawValue
      path = Array(program.utf8)
      if let directory { workingDirectory = Array(directory.utf8) }
    }
    for path in [path] + (workingDirectory.isEmpty ? [] : [workingDirectory]) {
      precondition(path.first == UInt8(ascii: "/") && !path.contains(0), "a row of the table is an absolute path")
      precondition(path.count <= Int(SPAWN_PATH_BYTES_MAX), "a row of the table is a path of up to 4,095 bytes")
    }
    row.path_bytes = UInt32(path.count)
    row.directory_bytes = UInt32(workingDirectory.count)
    // In the order of enum spawn_limit.
    row.limits = (
      limits.cpuSeconds ?? UInt64.max, limits.addressSpaceBytes ?? UInt64.max, limits.fileSizeBytes ?? UInt64.max,
      limits.openFiles ?? UInt64.max
    )
    return withUnsafeBytes(of: &row) { head in
      (path + workingDirectory).withUnsafeBytes { paths in
        var parts = (part(head), part(paths))
        return withUnsafeBytes(of: &parts) { parts in
          spawn_send(socket, parts.baseAddress!.assumingMemoryBound(to: spawn_bytes.self), 2, nil, 0, 1)
        }
      }
    }
  }
}
