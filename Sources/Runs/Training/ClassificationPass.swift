/// A classifier's evaluation between steps.

import Distributed
import Evaluation

final class ClassificationPass: EvaluationPass {
  let split: MetricsRecord.Split
  private let evaluator: Evaluator
  /// Takes what the run's last evaluation says of each image; nil: nobody asks.
  private let outcomes: ImageOutcomes?
  /// Of the newest evaluation.
  private(set) var totals = EpochTotals()

  init(_ evaluator: Evaluator, split: MetricsRecord.Split, outcomes: ImageOutcomes?) {
    self.evaluator = evaluator
    self.split = split
    self.outcomes = outcomes
  }

  var length: Int { evaluator.batches }

  func run(
    isLast: Bool, progress: (_ completed: Int, _ images: Int) -> Void
  ) throws -> EvaluationFigures {
    totals = try evaluator.evaluate(outcomes: isLast ? outcomes : nil) {
      progress($0, $0 * evaluator.batchSize)
    }
    return EvaluationFigures(totals)
  }
}
