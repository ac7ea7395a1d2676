/// A detector's figures while it trains: what the epochs' table and the log have of them.

import Console
import Detection
import Distributed
import Networks
import Settings
import Tensors

/// The sums of a detector's losses under the names that logs have.
enum DetectionTotals {
  /// Parts of the loss, in the order of tables.
  static let losses = ["objectness", "proposal_box", "classification", "region_box"]
  private static let sampled = "regions"
  private static let foreground = "foreground_regions"
  private static let right = "right_regions"

  /// Adds a step's sums to `totals`.
  static func add(_ sums: LossSums, offsets: [Int], to totals: inout EpochTotals) {
    let proposals = sums.from(offsets[Detector.losses.proposals])
    let regions = sums.from(offsets[Detector.losses.regions])
    totals.add(
      images: Int(proposals.samples), loss: proposals.loss + regions.loss,
      terms: [
        losses[0]: proposals[2], losses[1]: proposals[3], losses[2]: regions[2],
        losses[3]: regions[3], sampled: regions[4], foreground: regions[5], right: regions[6],
      ])
  }

  /// The figures of a line of the log: means over images, and how many of the regions had the right class.
  fileprivate static func figures(_ totals: EpochTotals) -> [MetricsRecord.Figure] {
    let accuracy = totals.mean(ofTerm: right) / max(totals.mean(ofTerm: sampled), 1e-9)
    return losses.map { .init($0, totals.mean(ofTerm: $0)) } + [
      .init("region_accuracy", accuracy), .init(foreground, totals.mean(ofTerm: foreground)),
    ]
  }
}

/// Those of a detector.
struct DetectionFigures: TrainingFigures {
  private let epochs: Int
  private let widths: [Int]

  init(_ timeline: TrainingTimeline) {
    epochs = timeline.epochs
    widths = [
      max(5, "\(epochs)/\(epochs)".count), max(5, timeline.steps.grouped.count), 7, 7, 10, 7, 7, 7,
      7, 7, 8, 7,
    ]
  }

  func writeHeader(to console: any Console) {
    write(
      [
        "epoch", "step", "lr", "loss", "objectness", "box", "class", "box", "AP", "AP50",
        "images/s", "time",
      ], to: console)
  }

  func write(_ epoch: FinishedEpoch, to console: any Console) {
    func precision(_ name: String) -> String {
      epoch.test?.figures.first { $0.name == name }.map {
        $0.value < 0 ? "-" : NumberFormat.percent($0.value, decimals: 2)
      } ?? "-"
    }
    write(
      [
        "\(epoch.epoch)/\(epochs)", epoch.step.grouped,
        NumberFormat.learningRate(epoch.learningRate), NumberFormat.loss(epoch.totals.meanLoss),
      ] + DetectionTotals.losses.map { NumberFormat.loss(epoch.totals.mean(ofTerm: $0)) } + [
        precision("AP"), precision("AP50"), NumberFormat.rate(epoch.imagesPerSecond),
        epoch.time.clockText,
      ], to: console)
  }

  func logged(_ totals: EpochTotals) -> LoggedFigures {
    LoggedFigures(others: DetectionTotals.figures(totals))
  }

  private func write(_ cells: [String], to console: any Console) {
    var table = TextTable(cells.map { _ in .right }, leastWidths: widths)
    table.add(cells)
    console.writeLine(table.lines[0])
  }
}
