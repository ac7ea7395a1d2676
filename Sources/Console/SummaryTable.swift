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
    let column = (rows.map(\.name.count).max() ?? 0) + 2
    return rows.map { name, value in
      let lines = value.split(separator: "\n", omittingEmptySubsequences: false)
      let indent = "\n" + String(repeating: " ", count: column)
      let gap = String(repeating: " ", count: column - name.count)
      return name + gap + lines.joined(separator: indent) + "\n"
    }.joined()
  }

  /// Writes all lines at once.
  package func write(to console: any Console) {
    console.write(description)
  }
}
