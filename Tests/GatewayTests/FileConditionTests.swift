import Glibc
import HTTPWire
import Kernel
import StaticFiles
import Testing

@testable import Gateway

/// RFC 9110, section 13.2.2: what each step comes to, and that an earlier one decides before a later one.
@Suite struct FileConditionTests {
  private let earlier = "Sun, 06 Nov 1994 08:49:36 GMT"
  private let changed = "Sun, 06 Nov 1994 08:49:37 GMT"
  private let later = "Sun, 06 Nov 1994 08:49:38 GMT"

  private static let rows: [(String, [String], String)] = [
    // Nothing asked.
    ("GET", [], "whole"), ("HEAD", [], "whole"),
    // Step 1: If-Match, compared strongly.
    ("GET", ["If-Match: TAG"], "whole"), ("GET", ["If-Match: \"x\", TAG"], "whole"), ("GET", ["If-Match: *"], "whole"),
    ("GET", ["If-Match: \"x\""], "412"), ("GET", ["If-Match: W/TAG"], "412"), ("HEAD", ["If-Match: \"x\""], "412"),
    ("GET", ["If-Match: "], "412"),
    // Step 2: If-Unmodified-Since, where there is no If-Match.
    ("GET", ["If-Unmodified-Since: EARLIER"], "412"), ("GET", ["If-Unmodified-Since: CHANGED"], "whole"),
    ("GET", ["If-Unmodified-Since: LATER"], "whole"), ("GET", ["If-Unmodified-Since: no date"], "whole"),
    ("GET", ["If-Match: TAG", "If-Unmodified-Since: EARLIER"], "whole"),
    ("GET", ["If-Unmodified-Since: LATER", "If-Match: \"x\""], "412"),
    // Step 3: If-None-Match, compared weakly.
    ("GET", ["If-None-Match: TAG"], "304"), ("HEAD", ["If-None-Match: TAG"], "304"),
    ("GET", ["If-None-Match: W/TAG"], "304"), ("GET", ["If-None-Match: *"], "304"),
    ("GET", ["If-None-Match: \"x\", W/\"y\", TAG"], "304"), ("GET", ["If-None-Match: \"x\""], "whole"),
    ("GET", ["If-Match: TAG", "If-None-Match: TAG"], "304"), ("GET", ["If-Match: \"x\"", "If-None-Match: TAG"], "412"),
    ("GET", ["If-None-Match: TAG", "If-Unmodified-Since: EARLIER"], "412"),
    ("GET", ["If-None-Match: TAG", "If-Unmodified-Since: LATER"], "304"),
    // Step 4: If-Modified-Since, where there is no If-None-Match.
    ("GET", ["If-Modified-Since: EARLIER"], "whole"), ("GET", ["If-Modified-Since: CHANGED"], "304"),
    ("GET", ["If-Modified-Since: LATER"], "304"), ("HEAD", ["If-Modified-Since: LATER"], "304"),
    ("GET", ["If-Modified-Since: no date"], "whole"),
    ("GET", ["If-None-Match: \"x\"", "If-Modified-Since: LATER"], "whole"),
    ("GET", ["If-None-Match: TAG", "If-Modified-Since: EARLIER"], "304"),
    ("GET", ["If-Modified-Since: LATER", "If-Unmodified-Since: EARLIER"], "412"),
    // Step 5: Range, for GET, under If-Range: the strong tag or the very date.
    ("GET", ["Range: bytes=2-4"], "2..<5"), ("HEAD", ["Range: bytes=2-4"], "whole"), ("GET", ["Range: x"], "whole"),
    ("GET", ["Range: bytes=10-"], "416"), ("HEAD", ["Range: bytes=10-"], "whole"),
    ("GET", ["Range: bytes=2-4", "If-Range: TAG"], "2..<5"), ("GET", ["If-Range: \"x\"", "Range: bytes=2-4"], "whole"),
    ("GET", ["Range: bytes=2-4", "If-Range: W/TAG"], "whole"),
    ("GET", ["Range: bytes=-3", "If-Range: CHANGED"], "7..<10"),
    ("GET", ["Range: bytes=2-4", "If-Range: EARLIER"], "whole"),
    ("GET", ["Range: bytes=2-4", "If-Range: LATER"], "whole"),
    ("GET", ["Range: bytes=10-", "If-Range: \"x\""], "whole"), ("GET", ["Range: bytes=10-", "If-Range: TAG"], "416"),
    ("GET", ["If-Range: \"x\""], "whole"),
    // The earlier steps come before it.
    ("GET", ["Range: bytes=2-4", "If-None-Match: TAG"], "304"),
    ("GET", ["Range: bytes=10-", "If-Match: \"x\""], "412"),
    ("GET", ["Range: bytes=10-", "If-Modified-Since: CHANGED"], "304"),
    ("GET", ["Range: bytes=2-4", "If-None-Match: \"x\""], "2..<5"),
    ("GET", ["Range: bytes=2-4", "If-Match: TAG"], "2..<5"),
    ("GET", ["If-None-Match: \"x\"", "If-Range: TAG", "Range: bytes=0-0"], "0..<1"),
    ("GET", ["If-Modified-Since: EARLIER", "Range: bytes=9-"], "9..<10"),
  ]

  @Test(arguments: rows.indices)
  func conditionsAreJudgedInTheirOrderOfPrecedence(_ row: Int) throws {
    let site = try Site()
    try site.write("f", "0123456789")
    let time = timespec(tv_sec: 784_111_777, tv_nsec: 999_999_999)
    try #require(utimensat(AT_FDCWD, site["f"], [time, time], 0) == 0)
    guard case .file(let file) = try site.root().find(array("f"), keepUpTo: 100, mayWait: true) else {
      throw Fault(description: "no file")
    }
    let (method, fields, expected) = Self.rows[row]
    let filled = fields.map { field in
      let words = [("TAG", text(file.entityTag)), ("EARLIER", earlier), ("CHANGED", changed), ("LATER", later)]
      return words.reduce(field) { line, word in
        guard let range = line.firstRange(of: word.0) else { return line }
        return line.replacingCharacters(in: range, with: word.1)
      }
    }
    let (head, bytes) = try parsed(["\(method) /f HTTP/1.1"] + filled)
    let verdict =
      switch FileConditions.judge(head, bytes.span, file) {
      case .whole: "whole"
      case .part(let part): "\(part)"
      case .notModified: "304"
      case .preconditionFailed: "412"
      case .unsatisfiable: "416"
      }
    #expect(verdict == expected, "\(method) \(fields)")
  }
}

extension String {
  fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
    self[..<range.lowerBound] + text + self[range.upperBound...]
  }
}
