/// Predicted steps as text and as JSON.

import System
import Console
import Foundation
import Networks
import Tensors

/// The result of `resnet-dist bench --predict`; its JSON's keys are stable.
package struct ScalingTable: Codable {
  package struct Row: Codable {
    let ranks: Int
    package let hosts: Int
    let batchSize: Int
    /// Nil where the mini-batch has fewer images than the run has threads.
    package var prediction: Prediction?
  }

  package struct Prediction: Codable {
    /// Parts of the mini-batch, one after the other (`--accumulate`).
    package let parts: Int
    package let stepSeconds: Double
    let imagesPerSecond: Double
    /// Images a second over those of as many ranks without a network.
    package let efficiency: Double
    /// Seconds of a step in which a rank waits for other hosts' numbers.
    let statisticsWait: Double
    let gradientWait: Double
    /// Whether hosts meet in pairs, or each sends to each.
    let gradientsAreHalved: Bool
    /// Hosts that wait for each other in every layer.
    let hostsSharingBnGroups: Int
  }

  let model: String
  /// Threads of a rank.
  let threads: Int
  let precision: Precision
  let ranksPerHost: Int
  let measuredBatchSize: Int
  let measuredRanks: Int
  let measuredStepSeconds: Double
  /// Seconds, and bytes a second.
  let latency: Double
  let bandwidth: Double
  let secondsPerAddedByte: Double
  let rows: [Row]

  package var json: String { sortedJSON }

  package var text: String {
    var summary = SummaryTable()
    summary.add("network", model)
    let rate = Double(measuredBatchSize) / measuredStepSeconds
    summary.add(
      "measured",
      "\(measuredRanks) × \(threads) thread(s), mini-batch \(measuredBatchSize): "
        + "\(Self.milliseconds(measuredStepSeconds)) a step, \(NumberFormat.rate(rate)) images/s")
    summary.add(
      "predicted",
      "hosts of \(ranksPerHost) rank(s), a link of "
        + String(
          format: "%.4g µs and %.4g Gbit/s each, %.3g GB/s of gradients added up", latency * 1e6,
          bandwidth * 8 / 1e9, 1e-9 / secondsPerAddedByte))
    let head = [
      "ranks", "hosts", "mini-batch", "parts", "step", "images/s", "of ideal", "statistics",
      "gradients",
    ]
    var table = TextTable(head.map { _ in .right })
    for row in [head] + rows.map(Self.columns) { table.add(row) }
    return summary.description + "\n" + table.lines.joined(separator: "\n")
  }

  private static func columns(_ row: Row) -> [String] {
    let run = [row.ranks.grouped, row.hosts.grouped, row.batchSize.grouped]
    guard let prediction = row.prediction else {
      return run + Array(repeating: "-", count: 6)
    }
    return run + [
      "\(prediction.parts)", milliseconds(prediction.stepSeconds),
      NumberFormat.rate(prediction.imagesPerSecond), NumberFormat.percent(prediction.efficiency),
      milliseconds(prediction.statisticsWait), milliseconds(prediction.gradientWait),
    ]
  }

  private static func milliseconds(_ seconds: Double) -> String {
    String(format: seconds < 1 ? "%.1f ms" : "%.0f ms", seconds * 1e3)
  }
}
