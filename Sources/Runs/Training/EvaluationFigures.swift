/// What an evaluation says, whatever the network does.

import Distributed

/// Figures of an evaluation between steps.
struct EvaluationFigures {
  /// Nil: it has none.
  var loss: Double?
  /// What evaluations are compared by: a fraction, and the lower the better.
  var error: Double
  /// Nil where the network is no classifier.
  var top1Error: Double?
  var top5Error: Double?
  /// How many images it is of.
  var images: Int
  /// Further figures, as logs have them.
  var figures: [MetricsRecord.Figure] = []
}

extension EvaluationFigures {
  /// Those of a classifier.
  init(_ totals: EpochTotals) {
    self.init(
      loss: totals.meanLoss, error: totals.top1Error, top1Error: totals.top1Error,
      top5Error: totals.top5Error, images: totals.images)
  }
}
