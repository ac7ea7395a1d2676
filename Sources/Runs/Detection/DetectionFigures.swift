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
  ///
  /// - Parameters:
  ///   - parts: which losses there are.
  ///   - offsets: where each of them begins.
  static func add(
    _ sums: LossSums, _ parts: (proposals: Int?, regions: Int?), offsets: [Int],
    to totals: inout EpochTotals
  ) {
    var (images, loss) = (0, 0.0)
    var terms: [String: Double] = [:]
    if let part = parts.proposals {
      let own = sums.from(offsets[part])
      images = Int(own.samples)
      loss += own.loss
      terms[losses[0]] = own[2]
      terms[losses[1]] = own[3]
    }
    if let part = parts.regions {
      let own = sums.from(offsets[part])
      images = Int(own.samples)
      loss += own.loss
      terms[losses[2]] = own[2]
      terms[losses[3]] = own[3]
      terms[sampled] = own[4]
      terms[foreground] = own[5]
      terms[right] = own[6]
    }
    totals.add(images: images, loss: loss, terms: terms)
  }

  /// The mean over images of a part of the loss; nil where it is not trained.
  static func mean(_ name: String, of totals: EpochTotals) -> Double? {
    totals.terms?[name] == nil ? nil : totals.mean(ofTerm: name)
  }

  /// The figures of a line of the log: means over images, and how many of the regions had the right class.
  fileprivate static func figures(_ totals: EpochTotals) -> [MetricsRecord.Figure] {
    let figures = losses.compactMap { name in
      mean(name, of: totals).map { MetricsRecord.Figure(name, $0) }
    }
    guard let sampled = mean(sampled, of: totals) else { return figures }
    return figures + [
      .init("region_accuracy", totals.mean(ofTerm: right) / max(sampled, 1e-9)),
      .init(foreground, totals.mean(ofTerm: foreground)),
    ]
  }
}

/// Those of a detector.
struct DetectionFigures: TrainingFigures {
  private let epochs: Int
  private let widths: [Int]
  /// The figures of evaluations that the table has, and their titles.
  private let evaluated: [(title: String, figure: String)]

  init(_ timeline: TrainingTimeline, _ detector: Detector) {
    let recall = ProposalScores.names
    evaluated =
      detector.settings.training.includesRegions
      ? [("AP", "AP"), ("AP50", "AP50")] : [("recall", recall.recall), ("AR", recall.mean)]
    epochs = timeline.epochs
    widths = [
      max(5, "\(epochs)/\(epochs)".count), max(5, timeline.steps.grouped.count), 7, 7, 10, 7, 7, 7,
      7, 7, 8, 7,
    ]
  }

  func writeHeader(to console: any Console) {
    write(
      ["epoch", "step", "lr", "loss", "objectness", "box", "class", "box"]
        + evaluated.map(\.title) + ["images/s", "time"], to: console)
  }

  func write(_ epoch: FinishedEpoch, to console: any Console) {
    func evaluation(_ name: String) -> String {
      epoch.test?.figures.first { $0.name == name }.map {
        $0.value < 0 ? "-" : NumberFormat.percent($0.value, decimals: 2)
      } ?? "-"
    }
    write(
      [
        "\(epoch.epoch)/\(epochs)", epoch.step.grouped,
        NumberFormat.learningRate(epoch.learningRate), NumberFormat.loss(epoch.totals.meanLoss),
      ]
        + DetectionTotals.losses.map {
          DetectionTotals.mean($0, of: epoch.totals).map(NumberFormat.loss) ?? "-"
        } + evaluated.map { evaluation($0.figure) } + [
          NumberFormat.rate(epoch.imagesPerSecond), epoch.time.clockText,
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
