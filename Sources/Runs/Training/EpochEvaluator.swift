/// The evaluations of a run, at intervals of epochs and at its end.

import Console
import Distributed
import Evaluation
import Optimizers
import Settings
import System

/// Evaluates on all ranks, and logs the result on rank 0.
final class EpochEvaluator: EpochEvaluations {
  private let evaluator: Evaluator
  /// What is evaluated.
  private let split: MetricsRecord.Split
  /// The average that is evaluated instead of the weights; nil: the weights are.
  private let average: WeightAverage?
  /// Epochs between evaluations.
  private let interval: Int
  private let timeline: TrainingTimeline
  private let clock: TrainingClock
  private let report: RunReport?
  private let stop: StopMonitor
  /// Takes what is said of each image at the run's end; nil: nobody asks.
  private let outcomes: ImageOutcomes?
  /// The newest result, and the step after which it was found.
  private var newest: (step: Int, totals: EpochTotals)?

  /// - Parameters:
  ///   - interval: epochs between evaluations.
  ///   - outcomes: takes what the last evaluation says of each image.
  ///   - stop: is told how long evaluations take.
  ///   - report: rank 0's.
  init(
    _ evaluator: Evaluator, split: MetricsRecord.Split, average: WeightAverage?, interval: Int,
    timeline: TrainingTimeline,
    clock: TrainingClock, outcomes: ImageOutcomes?, stop: StopMonitor,
    report: RunReport?
  ) {
    self.evaluator = evaluator
    self.split = split
    self.average = average
    self.interval = interval
    self.timeline = timeline
    self.clock = clock
    self.outcomes = outcomes
    self.stop = stop
    self.report = report
  }

  /// Evaluates at an epoch's end; nil where the epoch is not one to evaluate. Collective.
  func evaluateIfDue(
    _ progress: TrainingProgress, learningRate: Double
  ) throws -> EvaluationFigures? {
    guard timeline.isEvaluationDue(progress, every: interval) else { return nil }
    return EvaluationFigures(try evaluate(progress, learningRate: learningRate))
  }

  /// The result at the run's end, from an evaluation that is made now where none has been. Collective.
  func finalTotals(_ progress: TrainingProgress) throws -> EpochTotals {
    if let newest, newest.step == progress.step { return newest.totals }
    return try evaluate(
      progress, learningRate: progress.schedule.rate(afterSteps: progress.step))
  }

  private func evaluate(
    _ progress: TrainingProgress, learningRate: Double
  ) throws -> EpochTotals {
    let epoch = timeline.epoch(ofStep: progress.step)
    let bar = report?.bar
    bar?.begin("\(split.rawValue) \(epoch)/\(timeline.epochs)", total: evaluator.batches)
    defer { bar?.finish() }
    let outcomes = progress.step == timeline.steps ? outcomes : nil
    var totals = EpochTotals()
    let duration = try clock.pause {
      totals = try average.evaluating {
        try evaluator.evaluate(outcomes: outcomes) {
          bar?.update(completed: $0, images: $0 * evaluator.batchSize)
          report?.status.isEvaluating()
        }
      }
    }
    stop.didEvaluate(seconds: duration.seconds)
    newest = (progress.step, totals)
    try report?.files.append(
      MetricsRecord(
        step: progress.step, epoch: epoch, split: split, totals: totals,
        learningRate: learningRate, duration: duration, seconds: clock.total.seconds))
    return totals
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
