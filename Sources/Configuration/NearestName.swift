// Which of the known names somebody may have meant.

enum NearestName {
  /// The known name that is nearest, where it is near enough: at most a third of the letters differ, and three in all.
  /// Of several that are equally near, the first.
  static func of(_ name: String, among known: [String]) -> String? {
    let letters = folded(name)
    // What is far longer than any key is a mistake of another kind, and costs nothing.
    guard letters.count <= 64 else { return nil }
    let limit = max(1, min(3, letters.count / 3))
    var best: (name: String, distance: Int)?
    for candidate in known {
      let distance = distance(letters, folded(candidate))
      if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.name
  }

  /// «; did you mean «x»?» or nothing.
  static func question(_ name: String, among known: [String]) -> String {
    of(name, among: known).map { "; did you mean «\($0)»?" } ?? ""
  }

  /// Capitals and hyphens are no difference.
  private static func folded(_ name: String) -> [UInt8] {
    name.lowercased().utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
  }

  /// How many letters must be put in, left out, replaced, or swapped with their neighbour.
  static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in 0..<left.count {
      var next = [row + 1]
      for column in 0..<right.count {
        let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
        var least = min(replaced, last[column + 1] + 1, next[column] + 1)
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          least = min(least, beforeLast[column - 1] + 1)
        }
        next.append(least)
      }
      beforeLast = last
      last = next
    }
    return last[right.count]
  }
}
