/// Names and values under each other, for the summary at the start of a run.

import Tensors

/// Every value begins in the same column; further lines of a value stay in it.
package struct SummaryTable: CustomStringConvertible, Sendable {
  private var rows: [(name: String, value: String)] = []

  package init() {}

  /// Adds a line.
  package mutating func add(_ name: String, _ value: String) {
    rows.append((name, value))
  }

  /// Adds a line with a number in groups of three digits.
  package mutating func add(_ name: String, _ value: some BinaryInteger) {
    add(name, value.grouped)
  }

  /// The lines, each ended by a newline.
  package var description: String {
    var table = TextTable([.left, .left])
    for row in rows { table.add([row.name, row.value]) }
    return table.lines.map { $0 + "\n" }.joined()
  }

  /// Writes all lines at once.
  package func write(to console: any Console) {
    console.write(description)
  }
}
