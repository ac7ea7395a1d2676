/// Rows of cells in aligned columns, for people.

/// Columns are as wide as their widest cell, or wider, with two blanks between them.
package struct TextTable {
  package enum Alignment {
    case left, right
  }

  private let alignments: [Alignment]
  private let leastWidths: [Int]
  private var rows: [[String]] = []

  /// - Parameters:
  ///   - alignments: of each column.
  ///   - leastWidths: of each column; empty: none. For tables that are written row by row.
  package init(_ alignments: [Alignment], leastWidths: [Int] = []) {
    self.alignments = alignments
    self.leastWidths = leastWidths.isEmpty ? alignments.map { _ in 0 } : leastWidths
  }

  /// Adds a row; further lines of a cell continue below it.
  package mutating func add(_ cells: [String]) {
    precondition(cells.count == alignments.count, "a row has a cell for each column")
    let columns = cells.map { $0.split(separator: "\n", omittingEmptySubsequences: false) }
    for line in 0..<(columns.map(\.count).max() ?? 0) {
      rows.append(columns.map { line < $0.count ? String($0[line]) : "" })
    }
  }

  /// The lines, without blanks at their ends.
  package var lines: [String] {
    let widths = leastWidths.indices.map { column in
      rows.reduce(leastWidths[column]) { max($0, $1[column].count) }
    }
    return rows.map { row in
      let cells = row.indices.map { column in
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        return switch alignments[column] {
        case .left: row[column] + padding
        case .right: padding + row[column]
        }
      }
      let line = cells.joined(separator: "  ")
      return String(line.prefix(line.count - line.reversed().prefix { $0 == " " }.count))
    }
  }
}
