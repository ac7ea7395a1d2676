/// A confusion matrix as a table of shaded cells, for pages in light and dark.

import Console
import Foundation
import Tensors

/// Images by their class (rows) and by the predicted class (columns).
package struct ConfusionMatrix: Sendable {
  package let classes: [String]
  /// [classes][classes].
  package let counts: [[Int]]

  /// With more classes the cells are too many to read.
  package static let mostClasses = 20

  /// - Precondition: a row and a column for each class.
  package init(classes: [String], counts: [[Int]]) {
    precondition(([counts.count] + counts.map(\.count)).allSatisfy { $0 == classes.count })
    self.classes = classes
    self.counts = counts
  }

  /// The table in a box that scrolls by itself.
  package var html: String {
    let columns = classes.map { "<th scope=\"col\">\(Self.name($0))</th>" }.joined()
    let rows = zip(classes, counts).enumerated().map { index, row in
      "<tr><th scope=\"row\">\(Self.name(row.0))</th>" + Self.cells(row.1, right: index) + "</tr>"
    }
    return """
      <p class="note">Rows are the images' classes, columns the predicted ones; the last column is the \
      share of each class that is right.</p>
      <div class="scroll"><table class="matrix">
      <thead><tr><td></td>\(columns)<th scope="col"><span>right</span></th></tr></thead>
      <tbody>
      \(rows.joined(separator: "\n"))
      </tbody>
      </table></div>
      """
  }

  private static func name(_ text: String) -> String {
    let text = HTML.escaped(text)
    return "<span title=\"\(text)\">\(text)</span>"
  }

  /// - Parameter right: the place of the class's own column.
  private static func cells(_ row: [Int], right: Int) -> String {
    let images = row.reduce(0, +)
    let cells = row.enumerated().map { column, count in
      if count == 0 { return "<td class=\"none\">0</td>" }
      let share = Double(count) / Double(images)
      // Mistakes are rare: by its cube root one in a hundred can still be seen.
      let shade = column == right ? share : cbrt(share)
      let percent = (shade * 100).rounded(.up)
      return
        "<td class=\"\(column == right ? "right" : "wrong")\" style=\"--shade: \(Int(percent))%\">"
        + "\(count.grouped)</td>"
    }
    let share =
      images == 0
      ? "–" : NumberFormat.percent(Double(row[right]) / Double(images), decimals: 1)
    return cells.joined() + "<td class=\"share\">\(share)</td>"
  }
}
