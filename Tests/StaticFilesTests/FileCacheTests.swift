import Glibc
import Kernel
import Testing

@testable import StaticFiles

private let second = FileCache.freshNanoseconds

@Suite struct FileCacheTests {
  let site: Site
  let root: FileRoot
  let budget = CacheBudget(limitBytes: 1 << 20)

  init() throws {
    site = try Site()
    root = try site.root()
    for name in ["a", "b", "c", "d", "e"] { try site.write(name, "content of \(name)") }
  }

  private func cache(entryLimit: Int = 100, budget: CacheBudget? = nil, seed: UInt64 = 42) -> FileCache {
    FileCache(budget: budget ?? self.budget, keepUpTo: 1_000, entryLimit: entryLimit, seed: seed, settled: .min)
  }

  @discardableResult
  private func find(_ cache: FileCache, _ path: String, now: Int64 = 0, number: Int = 0) throws -> ServedFile {
    try file(cache.find(number, root, array(path), now: now, mayWait: true))
  }

  private func fresh(_ cache: FileCache, _ path: String, now: Int64 = 0, number: Int = 0) -> ServedFile? {
    cache.fresh(number, array(path), from: 0, now: now)
  }

  @Test func aFileIsFreshForASecondAndThenLookedAtAgain() throws {
    let cache = cache()
    #expect(fresh(cache, "a") == nil)
    let found = try find(cache, "a", now: 5)
    #expect(fresh(cache, "a", now: 5) === found)
    #expect(fresh(cache, "a", now: 4 + second) === found)
    #expect(fresh(cache, "a", now: 5 + second) == nil)
    // Unchanged, so it is the same object, and fresh for another second.
    #expect(try find(cache, "a", now: 5 + second) === found)
    #expect(fresh(cache, "a", now: 4 + 2 * second) === found)
  }

  @Test func thePartOfThePathBelowTheRootIsWhatCounts() throws {
    let cache = cache()
    let found = try find(cache, "a")
    #expect(cache.fresh(0, array("/files/a"), from: 7, now: 0) === found)
    #expect(cache.fresh(0, array("/files/a"), from: 6, now: 0) == nil)
    #expect(cache.fresh(1, array("a"), from: 0, now: 0) == nil)
    #expect(cache.fresh(0, array("aa"), from: 0, now: 0) == nil)
  }

  @Test func aFileThatChangedOnDiskIsReplacedWithItsWeight() throws {
    let cache = cache()
    let old = try find(cache, "a")
    #expect(budget.usedBytes == old.weight && old.weight >= old.size)
    try site.write("a", "something longer than it was before")
    // Within the second it may be the old one still.
    #expect(fresh(cache, "a", now: second - 1) === old)
    let new = try find(cache, "a", now: second)
    #expect(new !== old && text(new.content) == "something longer than it was before")
    #expect(fresh(cache, "a", now: second) === new)
    #expect(budget.usedBytes == new.weight && new.weight > old.weight)
  }

  @Test func aFileThatVanishedIsForgotten() throws {
    let cache = cache()
    try find(cache, "a")
    try #require(unlink(site["a"]) == 0)
    #expect(word(cache.find(0, root, array("a"), now: second, mayWait: true)) == "not found")
    #expect(fresh(cache, "a", now: second) == nil && fresh(cache, "a", now: 0) == nil)
    #expect(budget.usedBytes == 0)
  }

  @Test func whatAHelperFoundIsKeptAndTheVerySameFileIsGivenAsBefore() throws {
    let cache = cache()
    let found = root.find(array("a"), keepUpTo: 1_000, mayWait: true)
    let kept = try file(cache.keep(0, array("a"), found, now: 0))
    #expect(fresh(cache, "a") === kept)
    let again = root.find(array("a"), keepUpTo: 1_000, mayWait: true)
    #expect(try file(cache.keep(0, array("a"), again, now: second)) === kept)
    #expect(word(cache.keep(0, array("a"), .wouldWait, now: second)) == "would wait")
    #expect(fresh(cache, "a", now: second) === kept)
  }

  @Test func noMoreFilesAreKeptThanTheLimitAndAFileInUseGetsASecondChance() throws {
    let cache = cache(entryLimit: 3)
    for name in ["a", "b", "c"] { try find(cache, name) }
    #expect(fresh(cache, "a") != nil)
    try find(cache, "d")
    // The hand passed «a», which was used, and took «b».
    #expect(fresh(cache, "b") == nil)
    #expect(fresh(cache, "a") != nil && fresh(cache, "c") != nil && fresh(cache, "d") != nil)
    // All are in use now: the hand goes round once and takes one all the same.
    try find(cache, "e")
    #expect(["a", "b", "c", "d", "e"].filter { fresh(cache, $0) != nil }.count == 3)
    #expect(fresh(cache, "e") != nil)
  }

  @Test func aFileThatIsNotUsedAgainGoesBeforeOneThatIs() throws {
    let cache = cache(entryLimit: 3)
    for name in ["a", "b"] { try find(cache, name) }
    for round in 0..<20 {
      #expect(fresh(cache, "a") != nil, "round \(round)")
      let name = "passing-\(round)"
      try site.write(name, name)
      try find(cache, name)
    }
    #expect(fresh(cache, "a") != nil && fresh(cache, "b") == nil)
  }

  @Test func aFileOverTheBudgetIsServedAndNotKept() throws {
    let tight = CacheBudget(limitBytes: 600)
    let cache = cache(budget: tight)
    try site.write("big", String(repeating: "b", count: 900))
    #expect(try find(cache, "big").size == 900)
    #expect(fresh(cache, "big") == nil && tight.usedBytes == 0)
  }

  @Test func aFileThatChangedJustNowIsServedAndNotKept() throws {
    let cache = FileCache(budget: budget, keepUpTo: 1_000, entryLimit: 9, seed: 1, settled: 3_600_000_000_000)
    try site.write("new", "new")
    #expect(try find(cache, "new").content == array("new"))
    #expect(fresh(cache, "new") == nil && budget.usedBytes == 0)
  }

  @Test func anOpenDescriptorIsWeighedAsIfItWereMemory() throws {
    try site.write("large", String(repeating: "l", count: 2_000))
    let cache = cache()
    let found = try find(cache, "large")
    #expect(found.content == nil && found.raw >= 0)
    #expect(budget.usedBytes == budget.descriptorWeight && budget.descriptorWeight >= 65_536)
    cache.removeAll()
    #expect(budget.usedBytes == 0)
    // Whoever still sends it has it open.
    #expect(try readAt(found.raw, offset: 0, count: 5_000).count == 2_000)
  }

  @Test func removingAllGivesTheBudgetBackAndTheCacheGoesOn() throws {
    let cache = cache()
    for name in ["a", "b", "c"] { try find(cache, name) }
    #expect(budget.usedBytes > 3 * 512)
    cache.removeAll()
    #expect(budget.usedBytes == 0 && fresh(cache, "a") == nil)
    let found = try find(cache, "a")
    #expect(fresh(cache, "a") === found && budget.usedBytes == found.weight)
  }

  // MARK: Two paths of one hash

  /// A root's number with which the path `b` has the hash that `a` has with the root `number`.
  private func collidingRoot(_ number: Int, seed: UInt64) -> Int {
    // The inverse of an odd number modulo 2^64, by Newton's method.
    let prime = FileCache.hashPrime
    var inverse = prime
    for _ in 0..<6 { inverse = inverse &* (2 &- prime &* inverse) }
    let state = (seed ^ UInt64(bitPattern: Int64(number))) &* prime
    let other = (state ^ UInt64(UInt8(ascii: "a")) ^ UInt64(UInt8(ascii: "b"))) &* inverse ^ seed
    return Int(Int64(bitPattern: other))
  }

  @Test func twoPathsOfOneHashAreNeverTakenForEachOther() throws {
    let cache = cache(seed: 42)
    let other = collidingRoot(0, seed: 42)
    let first = try find(cache, "a", number: 0)
    #expect(fresh(cache, "b", number: other) == nil)
    let second = try find(cache, "b", number: other)
    // They do meet: the later one took the place, with its weight alone.
    #expect(fresh(cache, "a", number: 0) == nil && budget.usedBytes == second.weight)
    #expect(fresh(cache, "b", number: other) === second)
    #expect(text(first.content) == "content of a" && text(second.content) == "content of b")
    // That one of them is gone says nothing of the other.
    try #require(unlink(site["a"]) == 0)
    #expect(word(cache.find(0, root, array("a"), now: 0, mayWait: true)) == "not found")
    #expect(fresh(cache, "b", number: other) === second)
  }

  @Test func theRootsOfAGatewayDoNotMakePathsMeet() throws {
    let cache = cache(seed: 7)
    // «a» and «c» differ in one bit, as do the numbers of their roots.
    let first = try find(cache, "a", number: 0)
    let second = try find(cache, "c", number: 2)
    #expect(fresh(cache, "a", number: 0) === first && fresh(cache, "c", number: 2) === second)
  }

  // MARK: The budget

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func cachesThatShareABudgetNeverExceedItAndAccountForEveryByte(_ seed: UInt64) throws {
    var random = Seeded(state: seed &* 0x9E37_79B9_7F4A_7C15)
    let shared = CacheBudget(limitBytes: 150_000)
    let caches = [cache(entryLimit: 20, budget: shared), cache(entryLimit: 50, budget: shared)]
    let names = (0..<40).map { "file-\($0)" }
    for name in names { try rewrite(name, &random) }
    for step in 0..<1_500 {
      let name = names.randomElement(using: &random)!
      let cache = caches.randomElement(using: &random)!
      switch Int.random(in: 0..<20, using: &random) {
      case 0: try rewrite(name, &random)
      case 1: unlink(site[name])
      case 2 where step % 7 == 0: cache.removeAll()
      case 3...8: _ = fresh(cache, name)
      default: _ = cache.find(0, root, array(name), now: 0, mayWait: true)
      }
      try #require(shared.usedBytes <= shared.limitBytes, "step \(step)")
      if step % 50 == 0 { #expect(weight(caches, names, shared) == shared.usedBytes, "step \(step)") }
    }
    #expect(shared.usedBytes > 0)
    for cache in caches { cache.removeAll() }
    #expect(shared.usedBytes == 0)
  }

  /// What the caches hold, looked at one by one: all is fresh, since no time passes.
  private func weight(_ caches: [FileCache], _ names: [String], _ budget: CacheBudget) -> Int {
    caches.reduce(0) { sum, cache in
      let held = names.compactMap { fresh(cache, $0).map(budget.weight) }
      return sum + held.reduce(0, +)
    }
  }

  /// Small ones, which are kept whole, and some large ones.
  private func rewrite(_ name: String, _ random: inout Seeded) throws {
    let size = Int.random(in: 0..<10, using: &random) == 0 ? 2_000 : Int.random(in: 0...1_000, using: &random)
    try site.write(name, String(repeating: "x", count: size))
  }

  @Test func aCacheThatFindsNoRoomBecauseOthersHoldItServesUncached() throws {
    let weight = try find(cache(), "a").weight
    let tight = CacheBudget(limitBytes: weight + 10)
    let (full, poor) = (cache(budget: tight), cache(budget: tight))
    let held = try find(full, "a")
    #expect(text(try find(poor, "b").content) == "content of b")
    #expect(fresh(poor, "b") == nil && fresh(full, "a") === held && tight.usedBytes == weight)
    full.removeAll()
    try find(poor, "b")
    #expect(fresh(poor, "b") != nil)
  }
}
