/// What an evaluation says, whatever the network does.

import Distributed

/// Figures of an evaluation between steps.
struct EvaluationFigures {
  /// Nil: it has none.
  var loss: Double?
  /// What evaluations are compared by: a fraction, and the lower the better.
  var error: Double
  /// How many images it is of.
  var images: Int
  /// Further figures, as logs have them.
  var figures: [MetricsRecord.Figure] = []
}

extension EvaluationFigures {
  /// Those of a classifier.
  init(_ totals: EpochTotals) {
    self.init(loss: totals.meanLoss, error: totals.top1Error, images: totals.images)
  }
}

/// Evaluates a run's epochs. All calls are collective.
protocol EpochEvaluations: AnyObject {
  /// Evaluates at an epoch's end; nil where the epoch is not one to evaluate.
  func evaluateIfDue(
    _ progress: TrainingProgress, learningRate: Double
  ) throws -> EvaluationFigures?
}
