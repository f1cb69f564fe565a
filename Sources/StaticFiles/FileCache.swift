import Kernel
import Synchronization

/// How many bytes all caches together may hold: each loop has a cache of its own, so that none waits for another.
public final class CacheBudget: Sendable {
  public let limitBytes: Int
  /// What an open descriptor is weighed as, so that the budget bounds how many stay open.
  public let descriptorWeight: Int
  private let used = Atomic<Int>(0)

  /// - Parameter descriptorLimit: how many descriptors may stay open at the most.
  public init(limitBytes: Int, descriptorLimit: Int = 1024) {
    self.limitBytes = limitBytes
    descriptorWeight = max(65_536, limitBytes / max(1, descriptorLimit))
  }

  public var usedBytes: Int { used.load(ordering: .relaxed) }

  func weight(of file: ServedFile) -> Int { file.content == nil ? descriptorWeight : file.weight }

  func take(_ bytes: Int) -> Bool {
    if used.wrappingAdd(bytes, ordering: .relaxed).newValue <= limitBytes { return true }
    giveBack(bytes)
    return false
  }

  func giveBack(_ bytes: Int) {
    used.wrappingSubtract(bytes, ordering: .relaxed)
  }
}

/// The files that a loop has open, by root and path. What it gives was true at most a second ago.
public final class FileCache {
  private struct Entry {
    var root: Int
    var path: [UInt8]
    var file: ServedFile
    var checkedAt: Int64
    /// Set by each use, cleared as the hand passes: the second chance of the clock algorithm.
    var used: Bool
  }

  private let budget: CacheBudget
  private let keepUpTo: Int
  private let entryLimit: Int
  private var entries: [Entry] = []
  private var byHash: [Int: Int] = [:]
  private var hand = 0
  private let seed: UInt64
  private let settled: Int64

  static let freshNanoseconds: Int64 = 1_000_000_000
  static let settledNanoseconds: Int64 = 50_000_000
  static let hashPrime: UInt64 = 0x100_0000_01B3

  /// - Parameters:
  ///   - keepUpTo: the content of files of up to so many bytes is kept.
  ///   - entryLimit: how many files are kept open.
  public convenience init(budget: CacheBudget, keepUpTo: Int, entryLimit: Int) {
    self.init(budget: budget, keepUpTo: keepUpTo, entryLimit: entryLimit, seed: .random(in: .min ... .max))
  }

  /// - Parameters:
  ///   - seed: of the hash.
  ///   - settled: how long ago a file must have been changed to be kept, in nanoseconds.
  init(
    budget: CacheBudget, keepUpTo: Int, entryLimit: Int, seed: UInt64, settled: Int64 = FileCache.settledNanoseconds
  ) {
    self.seed = seed
    self.settled = settled
    self.budget = budget
    self.keepUpTo = keepUpTo
    self.entryLimit = entryLimit
  }

  /// A file that was seen there within the last second.
  /// - Parameter start: where the part of `path` begins that is below the root.
  public func fresh(_ root: Int, _ path: [UInt8], from start: Int, now: Int64) -> ServedFile? {
    guard let index = byHash[hash(root, path, from: start)] else { return nil }
    guard entries[index].root == root, entries[index].path.elementsEqual(path[start...]) else { return nil }
    guard now - entries[index].checkedAt < Self.freshNanoseconds else { return nil }
    entries[index].used = true
    return entries[index].file
  }

  /// Looks a path up in its root, and keeps what was found.
  public func find(_ number: Int, _ root: FileRoot, _ path: [UInt8], now: Int64, mayWait: Bool) -> Found {
    let found = root.find(path, keepUpTo: keepUpTo, mayWait: mayWait)
    return keep(number, path, found, now: now)
  }

  /// Keeps what a helper thread found. Where the cache has the very same file, that one is given instead.
  public func keep(_ root: Int, _ path: [UInt8], _ found: Found, now: Int64) -> Found {
    let key = hash(root, path, from: 0)
    let index = byHash[key]
    guard case .file(let file) = found else {
      if case .wouldWait = found { return found }
      if let index, entries[index].root == root, entries[index].path == path { remove(at: index) }
      return found
    }
    if let index {
      if entries[index].root == root, entries[index].path == path, entries[index].file.status == file.status {
        entries[index].checkedAt = now
        entries[index].used = true
        return .file(entries[index].file)
      }
      remove(at: index)
    }
    insert(Entry(root: root, path: path, file: file, checkedAt: now, used: false), key)
    return found
  }

  /// Closes the descriptors that it holds; what is in memory stays.
  /// - Returns: whether it held any.
  public func removeDescriptors() -> Bool {
    let before = entries.count
    for index in entries.indices.reversed() where entries[index].file.content == nil { remove(at: index) }
    return entries.count < before
  }

  /// Lets go of all that it holds.
  public func removeAll() {
    for entry in entries { budget.giveBack(budget.weight(of: entry.file)) }
    entries = []
    byHash = [:]
    hand = 0
  }

  private func insert(_ entry: Entry, _ key: Int) {
    // The kernel's time stamps have ticks: a file that changed just now may change again and look the same.
    guard entry.file.status.ageNanoseconds >= settled else { return }
    guard budget.weight(of: entry.file) <= budget.limitBytes else { return }
    while entries.count >= entryLimit, evictOne() {}
    while !budget.take(budget.weight(of: entry.file)) {
      // Nothing of ours left to give up: the other loops hold it all, and this file goes uncached.
      if !evictOne() { return }
    }
    byHash[key] = entries.count
    entries.append(entry)
  }

  private func evictOne() -> Bool {
    if entries.isEmpty { return false }
    while true {
      if hand >= entries.count { hand = 0 }
      if !entries[hand].used { break }
      entries[hand].used = false
      hand += 1
    }
    remove(at: hand)
    return true
  }

  private func remove(at index: Int) {
    budget.giveBack(budget.weight(of: entries[index].file))
    byHash[hash(entries[index].root, entries[index].path, from: 0)] = nil
    let last = entries.count - 1
    if index != last {
      entries.swapAt(index, last)
      byHash[hash(entries[index].root, entries[index].path, from: 0)] = index
    }
    entries.removeLast()
  }

  /// FNV-1a over root and path, from a seed of this process's own, so that nobody outside can aim two paths at one
  /// place; where two meet all the same, the later one takes it.
  private func hash(_ root: Int, _ path: [UInt8], from start: Int) -> Int {
    var hash = (seed ^ UInt64(bitPattern: Int64(root))) &* Self.hashPrime
    for index in start..<path.count { hash = (hash ^ UInt64(path[index])) &* Self.hashPrime }
    return Int(truncatingIfNeeded: hash ^ (hash >> 32))
  }
}
