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

/// What a kind of network shows and logs of its training.
protocol TrainingFigures {
  /// Writes the header of the epochs' table.
  func writeHeader(to console: any Console)
  /// Writes an epoch's row.
  func write(_ epoch: FinishedEpoch, to console: any Console)
  /// What is logged of sums over images beside the mean loss.
  func logged(_ totals: EpochTotals) -> LoggedFigures
}

/// What a row of the epochs' table is made of.
struct FinishedEpoch {
  var epoch: Int
  var step: Int
  var learningRate: Double
  var totals: EpochTotals
  /// Nil: the epoch was not evaluated.
  var test: EvaluationFigures?
  var imagesPerSecond: Double
  /// Of the run so far.
  var time: Duration
}

/// Figures of a line of the log.
struct LoggedFigures {
  /// Nil where the network is no classifier.
  var top1Error: Double?
  var top5Error: Double?
  var others: [MetricsRecord.Figure] = []
}

/// Shows and logs the training's figures on rank 0; on other ranks it only gathers bad images.
final class MetricsReporter: TrainingObserver {
  private let figures: any TrainingFigures
  private let batchSize: Int
  private let skipsBadImages: Bool
  private let skipsSteps: Bool
  private let timeline: TrainingTimeline
  private let clock: TrainingClock
  private let ranks: ProcessGroup
  private let report: RunReport?

  /// Where the present epoch and log line began.
  private var epochStart = Duration.zero
  private var lineStart = Duration.zero
  private var epochFirstStep = 0

  /// - Parameters:
  ///   - figures: those of the network.
  ///   - report: rank 0's.
  init(
    _ figures: any TrainingFigures, _ configuration: TrainingConfiguration,
    timeline: TrainingTimeline, clock: TrainingClock, ranks: ProcessGroup, report: RunReport?
  ) {
    self.figures = figures
    batchSize = configuration.parallel.batchSize
    skipsBadImages = configuration.data.badImages == .skip
    skipsSteps = configuration.run.onNotFinite == .skip
    self.timeline = timeline
    self.clock = clock
    self.ranks = ranks
    self.report = report
  }

  /// Before the run's first epoch.
  func writeHeader() {
    if let report { figures.writeHeader(to: report.console) }
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
      error: figures.logged(progress.epochTotals).top1Error)
    if progress.endsLogLine {
      let now = clock.elapsed
      let totals = progress.loggedTotals
      let logged = figures.logged(totals)
      try report.files.append(
        MetricsRecord(
          step: progress.step, epoch: timeline.epoch(ofStep: progress.step), split: .train,
          images: totals.images, loss: totals.meanLoss, top1Error: logged.top1Error,
          top5Error: logged.top5Error, learningRate: learningRate,
          imagesPerSecond: MetricsRecord.rate(totals.images, now - lineStart),
          seconds: clock.total.seconds, badImages: badImages?.count,
          skippedSteps: skipsSteps ? progress.skipped.total : nil, figures: logged.others))
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
    figures.write(
      FinishedEpoch(
        epoch: timeline.epoch(ofStep: progress.step), step: progress.step,
        learningRate: learningRate, totals: progress.epochTotals, test: test,
        imagesPerSecond: MetricsRecord.rate(images, clock.elapsed - epochStart),
        time: clock.total), to: report.console)
  }
}

/// Those of a classifier.
struct ClassificationFigures: TrainingFigures {
  private let table: EpochTable

  init(_ configuration: TrainingConfiguration, _ timeline: TrainingTimeline) {
    table = EpochTable(
      epochs: timeline.epochs, steps: timeline.steps,
      evaluation: configuration.data.validationSplit == nil ? "test" : "validation")
  }

  func writeHeader(to console: any Console) { table.writeHeader(to: console) }

  func write(_ epoch: FinishedEpoch, to console: any Console) {
    table.write(
      EpochTable.Row(
        epoch: epoch.epoch, step: epoch.step, learningRate: epoch.learningRate,
        trainLoss: epoch.totals.meanLoss, trainError: epoch.totals.top1Error,
        testLoss: epoch.test?.loss, testError: epoch.test?.error,
        imagesPerSecond: epoch.imagesPerSecond, time: epoch.time), to: console)
  }

  func logged(_ totals: EpochTotals) -> LoggedFigures {
    LoggedFigures(top1Error: totals.top1Error, top5Error: totals.top5Error)
  }
}

extension MetricsRecord {
  static func rate(_ images: Int, _ duration: Duration) -> Double {
    duration.seconds > 0 ? Double(images) / duration.seconds : 0
  }
}

extension TrainingTimeline {
  /// The epoch, counted from 1, that step `step` belongs to.
  func epoch(ofStep step: Int) -> Int { epoch(afterSteps: step - 1) + 1 }
}
