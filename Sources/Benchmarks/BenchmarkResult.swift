/// What a benchmark measured, as text and as JSON.

import System
import Console
import Foundation
import Networks

/// Mean seconds of a step's parts, on rank 0. `statistics_wait` is inside `forward` and
/// `backward`.
struct StepParts: Codable {
  var forward = 0.0
  var backward = 0.0
  var optimizer = 0.0
  var statisticsWait = 0.0
  var gradientWait = 0.0
  var data = 0.0
}

/// The result of one `resnet-dist bench`; its JSON's keys are stable.
package struct BenchmarkResult: Codable {
  let model: String
  let ranks: Int
  let hosts: Int
  let threads: Int
  let precision: Precision
  let batchSize: Int
  let shards: Int
  /// Timed steps.
  let steps: Int
  /// Global images of all timed steps over their wall time.
  let imagesPerSecond: Double
  /// The median step.
  let stepSeconds: Double
  let parts: StepParts
  /// FLOP/s of the convolutions in direct form, forward and backward.
  let gflops: Double
  /// The largest resident size of a rank so far, and the sum over ranks.
  let peakRssBytes: Int
  let peakRssSumBytes: Int
  /// What a rank was estimated to take.
  let estimatedBytes: Int

  package var json: String { sortedJSON }

  package var text: String {
    var table = SummaryTable()
    table.add("network", model)
    table.add(
      "division",
      "\(ranks) × \(threads) thread(s)\(hosts > 1 ? " on \(hosts) hosts" : ""), mini-batch \(batchSize) "
        + "in \(shards) shards")
    table.add("speed", "\(NumberFormat.rate(imagesPerSecond)) images/s over \(steps) steps")
    table.add("median step", Self.milliseconds(stepSeconds))
    table.add("  forward", Self.milliseconds(parts.forward))
    table.add("  backward", Self.milliseconds(parts.backward))
    table.add("  statistics", Self.milliseconds(parts.statisticsWait) + ", of the two above")
    table.add("  gradients", Self.milliseconds(parts.gradientWait))
    table.add("  optimizer", Self.milliseconds(parts.optimizer))
    table.add("  data", Self.milliseconds(parts.data))
    table.add("arithmetic", String(format: "%.0f GFLOP/s in direct form", gflops))
    table.add(
      "peak memory",
      "\(NumberFormat.mebibytes(peakRssBytes)) a rank, \(NumberFormat.mebibytes(peakRssSumBytes)) in all; "
        + "estimated \(NumberFormat.mebibytes(estimatedBytes)) a rank")
    return String(table.description.dropLast())
  }

  private static func milliseconds(_ seconds: Double) -> String {
    String(format: "%.2f ms", seconds * 1e3)
  }
}
