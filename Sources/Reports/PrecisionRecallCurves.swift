/// A detector's precision against recall, as a run folder keeps it.

import Foundation

/// A curve for each class at an overlap of 0.5, of at most some hundred points.
package struct PrecisionRecallCurves: Codable, Equatable, Sendable {
  package struct Curve: Codable, Equatable, Sendable {
    package let name: String
    /// Increasing.
    package let recall: [Double]
    package let precision: [Double]

    package init(name: String, recall: [Double], precision: [Double]) {
      (self.name, self.recall, self.precision) = (name, recall, precision)
    }
  }

  package static let fileName = "precision-recall.json"

  package let classes: [Curve]

  package init(_ classes: [Curve]) { self.classes = classes }

  /// - Returns: nil where it is not what a run writes.
  package init?(json: Data) {
    guard let curves = try? JSONDecoder().decode(PrecisionRecallCurves.self, from: json),
      curves.classes.allSatisfy({ $0.recall.count == $0.precision.count })
    else { return nil }
    self = curves
  }

  /// The curves of the classes with most points.
  func chart(most count: Int) -> LineChart {
    let shown = classes.sorted { $0.recall.count > $1.recall.count }.prefix(count)
    return LineChart(
      title: "Precision against recall at an overlap of 0.5"
        + (classes.count > count ? " (\(count) of \(classes.count) classes)" : ""),
      xTitle: "recall",
      lines: shown.enumerated().map { index, curve in
        LineChart.Line(
          name: curve.name, points: zip(curve.recall, curve.precision).map { (x: $0, y: $1) },
          color: index)
      }, yLabel: LineChart.percent)
  }
}
