/// The evaluations of a run, at intervals of epochs and at its end.

import Console
import Distributed
import Evaluation
import Settings

/// Evaluates on all ranks, and logs the result on rank 0.
final class EpochEvaluator {
  private let evaluator: Evaluator
  /// Epochs between evaluations.
  private let interval: Int
  private let timeline: TrainingTimeline
  private let clock: TrainingClock
  private let report: RunReport?
  /// The newest result, and the step after which it was found.
  private var newest: (step: Int, totals: EpochTotals)?

  /// - Parameters:
  ///   - interval: epochs between evaluations.
  ///   - report: rank 0's.
  init(
    _ evaluator: Evaluator, interval: Int, timeline: TrainingTimeline, clock: TrainingClock,
    report: RunReport?
  ) {
    self.evaluator = evaluator
    self.interval = interval
    self.timeline = timeline
    self.clock = clock
    self.report = report
  }

  /// Evaluates at an epoch's end; nil where the epoch is not one to evaluate. Collective.
  func evaluateIfDue(
    _ progress: TrainingProgress, learningRate: Double
  ) throws -> EpochTotals? {
    let isDue =
      progress.step == timeline.steps || timeline.epoch(ofStep: progress.step) % interval == 0
    return isDue ? try evaluate(progress, learningRate: learningRate) : nil
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
    bar?.begin("test \(epoch)/\(timeline.epochs)", total: evaluator.batches)
    defer { bar?.finish() }
    var totals = EpochTotals()
    let duration = try clock.pause {
      totals = try evaluator.evaluate {
        bar?.update(completed: $0, images: $0 * evaluator.batchSize)
      }
    }
    newest = (progress.step, totals)
    try report?.files.append(
      MetricsRecord(
        step: progress.step, epoch: epoch, split: .test, totals: totals,
        learningRate: learningRate, duration: duration, seconds: clock.total.seconds))
    return totals
  }
}
