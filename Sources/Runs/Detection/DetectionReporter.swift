/// A detection run's figures while it trains: the progress bar, a table row an epoch, the metrics log.

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
  static func figures(_ totals: EpochTotals) -> [MetricsRecord.Figure] {
    let accuracy = totals.mean(ofTerm: right) / max(totals.mean(ofTerm: sampled), 1e-9)
    return losses.map { .init($0, totals.mean(ofTerm: $0)) } + [
      .init("region_accuracy", accuracy), .init(foreground, totals.mean(ofTerm: foreground)),
    ]
  }
}

/// Shows and logs the training's figures on rank 0.
final class DetectionReporter: TrainingObserver {
  private let batchSize: Int
  private let timeline: TrainingTimeline
  private let clock: TrainingClock
  private let report: RunReport?
  private let widths: [Int]

  /// Where the present epoch and log line began.
  private var epochStart = Duration.zero
  private var lineStart = Duration.zero
  private var epochFirstStep = 0

  /// - Parameter report: rank 0's.
  init(
    _ configuration: TrainingConfiguration, timeline: TrainingTimeline, clock: TrainingClock,
    report: RunReport?
  ) {
    batchSize = configuration.parallel.batchSize
    self.timeline = timeline
    self.clock = clock
    self.report = report
    widths = [
      max(5, "\(timeline.epochs)/\(timeline.epochs)".count), max(5, timeline.steps.grouped.count),
      7, 7, 10, 7, 7, 7, 7, 7, 8, 7,
    ]
  }

  /// Before the run's first epoch.
  func writeHeader() {
    writeRow([
      "epoch", "step", "lr", "loss", "objectness", "box", "class", "box", "AP", "AP50", "images/s",
      "time",
    ])
  }

  private func writeRow(_ cells: [String]) {
    guard let report else { return }
    var table = TextTable(cells.map { _ in .right }, leastWidths: widths)
    table.add(cells)
    report.console.writeLine(table.lines[0])
  }

  func willBeginEpoch(_ progress: TrainingProgress) {
    epochFirstStep = progress.step
    epochStart = clock.elapsed
    if progress.endsEpoch { return }
    report?.bar.begin(
      "epoch \(timeline.epoch(afterSteps: progress.step) + 1)/\(timeline.epochs)",
      total: progress.endOfEpoch - progress.step, after: timeline.steps - progress.endOfEpoch)
  }

  func didStep(_ progress: TrainingProgress, learningRate: Double) throws {
    guard let report else { return }
    if let reason = progress.skippedFor {
      report.bar.hide()
      report.console.writeLine("note: step \(progress.step.grouped) is skipped: \(reason)")
    }
    let steps = progress.step - epochFirstStep
    report.bar.update(
      completed: steps, images: steps * batchSize, loss: progress.epochTotals.meanLoss)
    guard progress.endsLogLine else { return }
    let now = clock.elapsed
    let totals = progress.loggedTotals
    try report.files.append(
      MetricsRecord(
        step: progress.step, epoch: timeline.epoch(ofStep: progress.step), split: .train,
        images: totals.images, loss: totals.meanLoss, top1Error: nil, learningRate: learningRate,
        imagesPerSecond: MetricsRecord.rate(totals.images, now - lineStart),
        seconds: clock.total.seconds, figures: DetectionTotals.figures(totals)))
    lineStart = now
  }

  func didFinishEpoch(
    _ progress: TrainingProgress, learningRate: Double, test: EvaluationFigures?
  ) {
    guard let report else { return }
    report.bar.finish()
    let images = (progress.step - epochFirstStep) * batchSize
    let totals = progress.epochTotals
    func precision(_ name: String) -> String {
      test?.figures.first { $0.name == name }.map {
        $0.value < 0 ? "-" : NumberFormat.percent($0.value, decimals: 2)
      } ?? "-"
    }
    writeRow(
      [
        "\(timeline.epoch(ofStep: progress.step))/\(timeline.epochs)", progress.step.grouped,
        NumberFormat.learningRate(learningRate), NumberFormat.loss(totals.meanLoss),
      ] + DetectionTotals.losses.map { NumberFormat.loss(totals.mean(ofTerm: $0)) } + [
        precision("AP"), precision("AP50"),
        NumberFormat.rate(MetricsRecord.rate(images, clock.elapsed - epochStart)),
        clock.total.clockText,
      ])
  }
}
