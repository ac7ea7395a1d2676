/// Throughput over ranks, from the JSON that `bench --json` prints.

import Foundation

/// Measurements and predictions of the training step on different numbers of ranks.
package struct ScalingReport: Sendable {
  /// One measurement, or one row of a prediction.
  package struct Point: Hashable, Sendable {
    let model: String
    let threads: Int
    /// Nil: the file is from before it was told.
    let precision: String?
    let batchSize: Int
    let isPredicted: Bool
    let ranks: Int
    let imagesPerSecond: Double
  }

  /// What the points of a curve have in common.
  private struct Kind: Hashable {
    let model: String
    let threads: Int
    let isPredicted: Bool
    let precision: String?

    init(_ point: Point) {
      (model, threads) = (point.model, point.threads)
      (isPredicted, precision) = (point.isPredicted, point.precision)
    }

    /// - Parameter withPrecision: whether others differ in it.
    func name(withPrecision: Bool) -> String {
      let parts = [
        model, threads > 1 ? "\(threads) threads a rank" : nil, withPrecision ? precision : nil,
        isPredicted ? "predicted" : nil,
      ]
      return parts.compactMap(\.self).joined(separator: ", ")
    }
  }

  /// Points of one network that differ in ranks.
  private struct Curve {
    let name: String
    let points: [Point]

    /// Images a second over those of as many ranks at the rate of the first point's.
    func efficiency(_ point: Point) -> Double {
      let first = points[0]
      return point.imagesPerSecond / Double(point.ranks)
        / (first.imagesPerSecond / Double(first.ranks))
    }
  }

  private let curves: [Curve]

  /// Reads files, each with one or more JSON objects, one a line.
  ///
  /// - Throws: `ScalingReportError`.
  package init(files: [String]) throws(ScalingReportError) {
    var points: [Point] = []
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    for path in files {
      guard
        let lines = JSONLines(
          path, decode: { try? decoder.decode(Record.self, from: $0).points })
      else { throw .unreadable(path: path) }
      if let line = lines.badLine { throw .noMeasurement(path: path, line: line) }
      points += lines.values.flatMap(\.self)
    }
    guard !points.isEmpty else { throw .nothing }
    let groups = Dictionary(grouping: points) { Kind($0) }
    let namesakes = Dictionary(grouping: groups.keys) { $0.name(withPrecision: false) }
    curves = groups.map { kind, points in
      let others = namesakes[kind.name(withPrecision: false)] ?? []
      return Curve(
        name: kind.name(withPrecision: others.count > 1),
        points: points.sorted { ($0.ranks, $0.batchSize) < ($1.ranks, $1.batchSize) })
    }.sorted { $0.name < $1.name }
  }

  /// What `bench --json` and `bench --predict --json` print, as far as it matters here.
  private struct Record: Decodable {
    struct Row: Decodable {
      struct Prediction: Decodable {
        let imagesPerSecond: Double
      }
      let ranks: Int
      let batchSize: Int
      let prediction: Prediction?
    }
    let model: String
    let threads: Int
    let precision: String?
    let ranks: Int?
    let batchSize: Int?
    let imagesPerSecond: Double?
    let rows: [Row]?

    /// Nil where it is neither of the two.
    var points: [Point]? {
      if let rows {
        return rows.compactMap { row in
          row.prediction.map {
            Point(
              model: model, threads: threads, precision: precision, batchSize: row.batchSize,
              isPredicted: true, ranks: row.ranks, imagesPerSecond: $0.imagesPerSecond)
          }
        }
      }
      guard let ranks, let batchSize, let imagesPerSecond else { return nil }
      return [
        Point(
          model: model, threads: threads, precision: precision, batchSize: batchSize,
          isPredicted: false, ranks: ranks, imagesPerSecond: imagesPerSecond)
      ]
    }
  }

  /// A row for each point; `efficiency` is over the curve's smallest number of ranks.
  package var table: TableText {
    TableText(
      header: ["network", "ranks", "mini-batch", "images/s", "efficiency"],
      rows: curves.flatMap { curve in
        curve.points.map { point in
          [
            curve.name, "\(point.ranks)", "\(point.batchSize)",
            String(format: "%.4g", point.imagesPerSecond),
            String(format: "%.1f %%", curve.efficiency(point) * 100),
          ]
        }
      })
  }

  /// A page with throughput and efficiency over ranks.
  package var html: String {
    func lines(_ value: (Curve, Point) -> Double) -> [LineChart.Line] {
      curves.enumerated().map { index, curve in
        LineChart.Line(
          name: curve.name,
          points: curve.points.map { (Double($0.ranks), value(curve, $0)) }, color: index)
      }
    }
    let rates = lines { $1.imagesPerSecond }
    let ideals = curves.enumerated().map { index, curve in
      let (first, last) = (curve.points[0], curve.points[curve.points.count - 1])
      let rate = first.imagesPerSecond / Double(first.ranks)
      return LineChart.Line(
        name: "", points: [first, last].map { (Double($0.ranks), rate * Double($0.ranks)) },
        color: index, isThin: true)
    }
    let charts = [
      LineChart(
        title: "Images a second (thin: in proportion to the ranks)", xTitle: "ranks",
        lines: rates + ideals),
      LineChart(
        title: "Efficiency", xTitle: "ranks", lines: lines { $0.efficiency($1) },
        yLabel: LineChart.percent),
    ]
    let table = table
    return HTML.page(
      title: "Throughput over ranks",
      body: "<h1>Throughput over ranks</h1><div class=\"charts\">"
        + charts.map(\.figure).joined(separator: "\n") + "</div>"
        + HTML.table(table.header, table.rows))
  }
}

/// Files are no measurements of the training step.
package enum ScalingReportError: Error, Equatable, CustomStringConvertible {
  case unreadable(path: String)
  case noMeasurement(path: String, line: Int)
  case nothing

  package var description: String {
    switch self {
    case .unreadable(let path): "cannot read \(path)"
    case .noMeasurement(let path, let line):
      "\(path), line \(line): not a line of 'resnet-dist bench --json'"
    case .nothing: "the files hold no measurements: write them with 'resnet-dist bench --json'"
    }
  }
}
