/// A small chart of letters, for the end of a run in a terminal.

import Foundation

/// Two curves over the same axis, each with a sign of its own.
package struct TextChart {
  package struct Curve {
    package let name: String
    package let sign: Character
    package let points: [(x: Double, y: Double)]

    package init(name: String, sign: Character, points: [(x: Double, y: Double)]) {
      self.name = name
      self.sign = sign
      self.points = points
    }
  }

  private let curves: [Curve]
  private let label: (Double) -> String
  private static let rows = 10

  /// - Parameters:
  ///   - curves: a later one is drawn over an earlier one.
  ///   - label: how values are written.
  package init(_ curves: [Curve], label: @escaping (Double) -> String) {
    self.curves = curves.map { curve in
      Curve(
        name: curve.name, sign: curve.sign,
        points: curve.points.filter { $0.x.isFinite && $0.y.isFinite })
    }
    self.label = label
  }

  /// The lines of a chart of `width` columns; empty where no curve has two points.
  package func lines(width: Int) -> [String] {
    let points = curves.flatMap(\.points)
    guard curves.contains(where: { $0.points.count > 1 }), let top = points.map(\.y).max(), top > 0,
      let end = points.map(\.x).max(), end > 0
    else { return [] }
    let labels = [label(top), label(top / 2), label(0)]
    let margin = labels.map(\.count).max()!
    let columns = max(10, min(72, width - margin - 4))
    var grid = Array(repeating: Array(repeating: Character(" "), count: columns), count: Self.rows)
    for curve in curves {
      for column in 0..<columns {
        let x = end * (Double(column) + 0.5) / Double(columns)
        guard let y = curve.value(at: x) else { continue }
        let row = Int(((1 - min(y / top, 1)) * Double(Self.rows - 1)).rounded())
        grid[row][column] = curve.sign
      }
    }
    let places = [0: labels[0], Self.rows / 2: labels[1], Self.rows - 1: labels[2]]
    return grid.enumerated().map { row, signs in
      let text = places[row] ?? ""
      let line =
        String(repeating: " ", count: margin - text.count) + text + " | " + String(signs)
      return String(line.prefix(line.count - line.reversed().prefix { $0 == " " }.count))
    } + [
      String(repeating: " ", count: margin) + " +" + String(repeating: "-", count: columns + 1),
      String(repeating: " ", count: margin + 3)
        + curves.map { "\($0.sign) \($0.name)" }.joined(separator: "   "),
    ]
  }
}

extension TextChart.Curve {
  /// The value at `x`, between two points on their line; nil before the first and after the last.
  fileprivate func value(at x: Double) -> Double? {
    guard let next = points.firstIndex(where: { $0.x >= x }) else { return nil }
    if next == 0 { return points[0].x == x ? points[0].y : nil }
    let (left, right) = (points[next - 1], points[next])
    return left.y + (right.y - left.y) * (x - left.x) / (right.x - left.x)
  }
}
