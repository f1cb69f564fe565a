// What a terminal shows: how wide it is and whether it has colours, bars of Unicode's blocks, and tables.

import Kernel

/// Where text is shown.
public struct Terminal: Sendable {
  /// Columns.
  public var width: Int
  public var hasColours: Bool

  public init(width: Int, hasColours: Bool) {
    self.width = width
    self.hasColours = hasColours
  }

  /// Standard output as it is: its width where it is a terminal and 80 where it is not (`COLUMNS`, if set, wins);
  /// colours on a terminal only, and not where `NO_COLOR` is set and not empty, or `TERM` is `dumb`.
  public static func standardOutput() -> Terminal {
    let isTerminal = ThisProcess.isTerminal(ThisProcess.standardOutput)
    let columns = ThisProcess.environment("COLUMNS").flatMap { Int($0) }
    let measured = isTerminal ? terminalColumns(ThisProcess.standardOutput) : nil
    let refused = !(ThisProcess.environment("NO_COLOR") ?? "").isEmpty || ThisProcess.environment("TERM") == "dumb"
    return Terminal(width: min(max(columns ?? measured ?? 80, 40), 240), hasColours: isTerminal && !refused)
  }

  /// A text in a colour, where there are colours.
  public func coloured(_ text: String, _ colour: Colour) -> String {
    hasColours && !text.isEmpty ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
  }

  /// A text from elsewhere without what steers a terminal or turns its direction: each such character is U+FFFD.
  public static func printable(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: out.append("\u{FFFD}")
      default: out.append(scalar)
      }
    }
    return String(out)
  }
}

/// The colours in use, by their codes of ECMA-48 (SGR).
public enum Colour: String, Sendable {
  case red = "31"
  case green = "32"
  case yellow = "33"
  case blue = "34"
  case magenta = "35"
  case cyan = "36"
  case faint = "2"
  case bold = "1"
}

/// A stretch of a scale as a bar of block characters.
public enum Bar {
  private static let eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]

  /// The bar of `start..<start + length` on a scale of `total`, padded with spaces to exactly `width` columns.
  /// It begins at a whole column and ends at an eighth of one; what is not nothing is at least an eighth wide.
  public static func text(start: Int64, length: Int64, of total: Int64, width: Int) -> String {
    guard total > 0, length > 0, width > 0 else { return String(repeating: " ", count: max(0, width)) }
    let column = Double(width) / Double(total)
    let first = min(max(Int(Double(start) * column), 0), width - 1)
    let room = (width - first) * 8
    let end = Double(start) * column + Double(length) * column
    let wanted = min(max(Int(((end - Double(first)) * 8).rounded()), 1), room)
    let bar = String(repeating: "█", count: wanted / 8) + eighths[wanted % 8]
    let used = first + (wanted + 7) / 8
    return String(repeating: " ", count: first) + bar + String(repeating: " ", count: width - used)
  }
}

/// A table of text, its columns as wide as their widest cell.
public struct TextTable {
  public enum Alignment: Sendable { case left, right }

  private let alignments: [Alignment]
  private var rows: [[String]] = []

  /// - Parameter columns: how each column is aligned.
  public init(columns: [Alignment]) {
    precondition(!columns.isEmpty, "a table without a column")
    alignments = columns
  }

  /// Adds a row; cells that are missing at its end are empty.
  public mutating func add(_ cells: String...) { add(cells) }

  public mutating func add(_ cells: [String]) {
    precondition(cells.count <= alignments.count, "more cells than columns")
    rows.append(cells + Array(repeating: "", count: alignments.count - cells.count))
  }

  /// The lines, two spaces between columns and none at a line's end.
  public func lines(indent: Int = 0) -> [String] {
    let widths = alignments.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = String(repeating: " ", count: indent)
      for column in row.indices {
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        line += alignments[column] == .left ? row[column] + padding : padding + row[column]
        if column < row.count - 1 { line += "  " }
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
