/// A run's figures while it trains: the progress bar, a table row an epoch, the metrics log.

import Console
import Datasets
import Distributed
import Settings

/// Where rank 0 reports a run.
struct RunReport {
  let files: RunFiles
  let console: any Console
  /// One for training and evaluations, so that plain lines keep their interval.
  let bar: ProgressBar
  let status: StatusReporter
}

/// Shows and logs the training's figures on rank 0; on other ranks it only gathers bad images.
final class MetricsReporter: TrainingObserver {
  private let batchSize: Int
  private let skipsBadImages: Bool
  private let skipsSteps: Bool
  private let timeline: TrainingTimeline
  private let clock: TrainingClock
  private let ranks: ProcessGroup
  private let report: RunReport?
  private let table: EpochTable

  /// Where the present epoch and log line began.
  private var epochStart = Duration.zero
  private var lineStart = Duration.zero
  private var epochFirstStep = 0

  /// - Parameter report: rank 0's.
  init(
    _ configuration: TrainingConfiguration, timeline: TrainingTimeline, clock: TrainingClock,
    ranks: ProcessGroup, report: RunReport?
  ) {
    batchSize = configuration.parallel.batchSize
    skipsBadImages = configuration.data.badImages == .skip
    skipsSteps = configuration.run.onNotFinite == .skip
    self.timeline = timeline
    self.clock = clock
    self.ranks = ranks
    self.report = report
    table = EpochTable(
      epochs: timeline.epochs, steps: timeline.steps,
      evaluation: configuration.data.validationSplit == nil ? "test" : "validation")
  }

  /// Before the run's first epoch.
  func writeHeader() {
    if let report { table.writeHeader(to: report.console) }
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
    let badImages =
      skipsBadImages && progress.endsEpoch
      ? try BadImageReport(progress.badImages, ranks: ranks) : nil
    guard let report else { return }
    if let reason = progress.skippedFor {
      report.bar.hide()
      report.console.writeLine(
        "note: step \(progress.step.grouped) is skipped (\(progress.skipped.total.grouped) so far): "
          + reason)
    }
    let steps = progress.step - epochFirstStep
    report.bar.update(
      completed: steps, images: steps * batchSize, loss: progress.epochTotals.meanLoss,
      error: progress.epochTotals.top1Error)
    if progress.endsLogLine {
      let now = clock.elapsed
      try report.files.append(
        MetricsRecord(
          step: progress.step, epoch: timeline.epoch(ofStep: progress.step), split: .train,
          totals: progress.loggedTotals, learningRate: learningRate, duration: now - lineStart,
          seconds: clock.total.seconds, badImages: badImages?.count,
          skippedSteps: skipsSteps ? progress.skipped.total : nil))
      lineStart = now
    }
    if let text = badImages?.text {
      report.bar.finish()
      report.console.writeLine(text)
    }
  }

  func didFinishEpoch(
    _ progress: TrainingProgress, learningRate: Double, test: EvaluationFigures?
  ) {
    guard let report else { return }
    report.bar.finish()
    let images = (progress.step - epochFirstStep) * batchSize
    table.write(
      EpochTable.Row(
        epoch: timeline.epoch(ofStep: progress.step), step: progress.step,
        learningRate: learningRate, trainLoss: progress.epochTotals.meanLoss,
        trainError: progress.epochTotals.top1Error, testLoss: test?.loss,
        testError: test?.error,
        imagesPerSecond: MetricsRecord.rate(images, clock.elapsed - epochStart),
        time: clock.total), to: report.console)
  }
}

extension MetricsRecord {
  /// A line about `totals`, whose images took `duration`.
  init(
    step: Int, epoch: Int, split: Split, totals: EpochTotals, learningRate: Double,
    duration: Duration, seconds: Double, badImages: Int? = nil, skippedSteps: Int? = nil
  ) {
    self.init(
      step: step, epoch: epoch, split: split, images: totals.images, loss: totals.meanLoss,
      top1Error: totals.top1Error,
      top5Error: totals.top5Error, learningRate: learningRate,
      imagesPerSecond: Self.rate(totals.images, duration), seconds: seconds, badImages: badImages,
      skippedSteps: skippedSteps)
  }

  static func rate(_ images: Int, _ duration: Duration) -> Double {
    duration.seconds > 0 ? Double(images) / duration.seconds : 0
  }
}

extension TrainingTimeline {
  /// The epoch, counted from 1, that step `step` belongs to.
  func epoch(ofStep step: Int) -> Int { epoch(afterSteps: step - 1) + 1 }
}
