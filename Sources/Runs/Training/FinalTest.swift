/// The test images' verdict at the end of a run that evaluated its epochs on validation images.

import Console
import Datasets
import Distributed
import Evaluation
import Networks
import Optimizers
import Settings

/// Evaluates the selected weights on the test images.
struct FinalTest {
  let evaluator: Evaluator
  let select: WeightSelection
  let replica: Replica
  let average: WeightAverage?
  let ranks: ProcessGroup
  /// Takes what is said of each image.
  let outcomes: ImageOutcomes
  /// Rank 0's.
  let report: RunReport?

  /// Collective. The replica has the selected weights afterwards.
  ///
  /// - Throws: `CollectiveFailure`, and what reading images throws.
  func run(_ progress: TrainingProgress) throws -> EpochTotals {
    guard case .best = select, let best = progress.best, best.step != progress.step else {
      return try average.evaluating(evaluate)
    }
    try ranks.onFirst {
      guard let report else { return }
      try WeightsFile(report.files.folder.checkpointPath(step: best.step)).load(into: replica)
    }
    try replica.broadcast(ranks)
    return try evaluate()
  }

  private func evaluate() throws -> EpochTotals {
    let bar = report?.bar
    bar?.begin("test", total: evaluator.batches)
    defer { bar?.finish() }
    return try evaluator.evaluate(outcomes: outcomes) {
      bar?.update(completed: $0, images: $0 * evaluator.batchSize)
      report?.status.isEvaluating()
    }
  }
}

extension Replica {
  /// Gives all ranks rank 0's parameters and running statistics. Collective.
  func broadcast(_ ranks: ProcessGroup) throws {
    try ranks.control.broadcast(parameters)
    try ranks.control.broadcast(runningStatistics)
  }
}
