/// How far a run is, and what observes it.

import Datasets
import Distributed
import Optimizers

/// Steps done, and sums since the last epoch's and the last log line's end.
struct TrainingProgress {
  /// Steps between the training lines of the metrics log.
  static let loggingInterval = 50

  /// The learning rates of all steps, and what they depend on.
  var schedule: any LearningRateSchedule
  /// Steps done.
  var step = 0
  /// The step that ends the present epoch.
  var endOfEpoch = 0
  /// Sums since the epoch began.
  var epochTotals = EpochTotals()
  /// This rank's images since the epoch began that were replaced by others.
  var badImages: [BadImage] = []
  /// Sums since the last training line of the metrics log.
  var loggedTotals = EpochTotals()
  /// The evaluation with the lowest error so far, of those that a checkpoint was written at.
  var best: BestEvaluation?
  /// Whether the run stopped after the step that ended an epoch and before its evaluation, or failed in that.
  var isEvaluationPending = false
  /// The steps that changed nothing.
  var skipped = SkippedSteps()
  /// What was not a number in the last step, which was skipped; nil: it was not.
  var skippedFor: String?

  var endsEpoch: Bool { step == endOfEpoch }
  /// Whether a training line of the metrics log ends here.
  var endsLogLine: Bool { endsEpoch || step % Self.loggingInterval == 0 }
}

/// An evaluation that no other of its run has bettered, and that a checkpoint was written at.
package struct BestEvaluation: Codable, Equatable, Sendable {
  /// Steps done before it.
  package var step: Int
  /// Of the evaluated images, a fraction.
  package var error: Double
}

/// Notified of a run's progress, on every rank at the same steps; observers are called in order.
protocol TrainingObserver: AnyObject {
  /// Before the first step, and before the first step of each further epoch.
  func willBeginEpoch(_ progress: TrainingProgress) throws
  /// After each step.
  func didStep(_ progress: TrainingProgress, learningRate: Double) throws
  /// After the step that ended an epoch.
  ///
  /// - Parameter test: of the test images; nil where they were not evaluated.
  func didFinishEpoch(
    _ progress: TrainingProgress, learningRate: Double, test: EvaluationFigures?) throws
  /// When a checkpoint is due; the totals are already reset where an epoch or a log line just ended.
  func shouldSave(_ progress: TrainingProgress) throws
  /// When all checkpoints must be on disk.
  func shouldFinishSaving() throws
}

extension TrainingObserver {
  func willBeginEpoch(_ progress: TrainingProgress) {}
  func didStep(_ progress: TrainingProgress, learningRate: Double) {}
  func didFinishEpoch(
    _ progress: TrainingProgress, learningRate: Double, test: EvaluationFigures?
  ) {}
  func shouldSave(_ progress: TrainingProgress) {}
  func shouldFinishSaving() {}
}
