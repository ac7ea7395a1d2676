/// The evaluations of a run, at intervals of epochs and at its end.

import Console
import Optimizers
import Settings
import System

/// One evaluation of all images that epochs are judged by. Collective.
protocol EvaluationPass: AnyObject {
  var split: MetricsRecord.Split { get }
  /// Batches or images of the rank that has most.
  var length: Int { get }

  /// - Parameters:
  ///   - isLast: whether the run ends with it.
  ///   - progress: called with the part of `length` that is done, and the images of all ranks.
  func run(
    isLast: Bool, progress: (_ completed: Int, _ images: Int) -> Void
  ) throws -> EvaluationFigures
}

/// Evaluates on all ranks, and logs the result on rank 0.
final class EpochEvaluator {
  private let pass: any EvaluationPass
  /// The average that is evaluated instead of the weights; nil: the weights are.
  private let average: WeightAverage?
  /// Epochs between evaluations.
  private let interval: Int
  private let timeline: TrainingTimeline
  private let clock: TrainingClock
  private let report: RunReport?
  private let stop: StopMonitor
  /// The step after which the newest result was found.
  private var newest: Int?

  /// - Parameters:
  ///   - interval: epochs between evaluations.
  ///   - stop: is told how long evaluations take.
  ///   - report: rank 0's.
  init(
    _ pass: any EvaluationPass, average: WeightAverage?, interval: Int,
    timeline: TrainingTimeline, clock: TrainingClock, stop: StopMonitor, report: RunReport?
  ) {
    self.pass = pass
    self.average = average
    self.interval = interval
    self.timeline = timeline
    self.clock = clock
    self.stop = stop
    self.report = report
  }

  /// Evaluates at an epoch's end; nil where the epoch is not one to evaluate. Collective.
  func evaluateIfDue(
    _ progress: TrainingProgress, learningRate: Double
  ) throws -> EvaluationFigures? {
    guard timeline.isEvaluationDue(progress, every: interval) else { return nil }
    return try evaluate(progress, learningRate: learningRate)
  }

  /// Evaluates at the run's end, where that has not been done. Collective.
  func finish(_ progress: TrainingProgress) throws {
    if newest == progress.step { return }
    _ = try evaluate(
      progress, learningRate: progress.schedule.rate(afterSteps: progress.step))
  }

  private func evaluate(
    _ progress: TrainingProgress, learningRate: Double
  ) throws -> EvaluationFigures {
    let epoch = timeline.epoch(ofStep: progress.step)
    let bar = report?.bar
    bar?.begin("\(pass.split.rawValue) \(epoch)/\(timeline.epochs)", total: pass.length)
    defer { bar?.finish() }
    var found: EvaluationFigures?
    let duration = try clock.pause {
      found = try average.evaluating {
        try pass.run(isLast: progress.step == timeline.steps) {
          bar?.update(completed: $0, images: $1)
          report?.status.isEvaluating()
        }
      }
    }
    let figures = found!
    stop.didEvaluate(seconds: duration.seconds)
    newest = progress.step
    try report?.files.append(
      MetricsRecord(
        step: progress.step, epoch: epoch, split: pass.split, images: figures.images,
        loss: figures.loss, top1Error: figures.top1Error, top5Error: figures.top5Error,
        learningRate: learningRate,
        imagesPerSecond: MetricsRecord.rate(figures.images, duration),
        seconds: clock.total.seconds, figures: figures.figures))
    return figures
  }
}

extension TrainingTimeline {
  /// Whether the step that `progress` is at is followed by an evaluation.
  ///
  /// - Parameter interval: epochs between evaluations.
  func isEvaluationDue(_ progress: TrainingProgress, every interval: Int) -> Bool {
    progress.step == steps || epoch(ofStep: progress.step) % interval == 0
  }
}

extension WeightAverage? {
  /// Runs `body` with the averaged weights, where there is an average.
  func evaluating<Result>(_ body: () throws -> Result) rethrows -> Result {
    switch self {
    case nil: try body()
    case let average?: try average.withAveragedWeights(body)
    }
  }
}
