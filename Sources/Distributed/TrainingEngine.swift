/// The data-parallel training step: where replica, exchanges and update meet.

import Kernels
import MPI
import Networks
import Optimizers

/// This rank's images of one micro-batch, valid while the closure that gets it runs.
package struct MicroBatch {
  /// [local images, H, W, C].
  package let images: UnsafePointer<Float>
  /// [local images].
  package let labels: UnsafePointer<Int32>

  package init(images: UnsafePointer<Float>, labels: UnsafePointer<Int32>) {
    self.images = images
    self.labels = labels
  }
}

/// Where a step gets its micro-batches from, one after the other.
package protocol MicroBatchSource {
  /// Waits for the next micro-batch and calls `body` with it.
  func withNextMicroBatch(_ body: (MicroBatch) throws -> Void) throws
}

/// Trains a replica on this rank's share of each mini-batch, in step with the other ranks.
///
/// A step runs the micro-batches of a mini-batch one after the other. Of each it exchanges the statistics
/// of normalization layers during the passes, and sums metrics and weight gradients; then it checks that
/// all is finite and updates the parameters. Training, benchmarks and tests take this step and no other.
///
/// A step allocates nothing. Used by one thread.
package final class TrainingEngine {
  /// What a step does beside its architecture and its division over shards and ranks.
  package struct Options {
    /// Threads of this rank.
    package var threads = 1
    /// Micro-batches of a mini-batch.
    package var microBatches = 1
    package var reduction = ReductionChoice.tree
    /// Bytes of gradients that are summed at a time.
    package var bucketBytes = 1 << 20
    /// Of gradients between hosts.
    package var compression = GradientCompression.none
    package var labelSmoothing = 0.0
    package var optimizer: any OptimizerRule

    package init(optimizer: any OptimizerRule) { self.optimizer = optimizer }
  }

  /// The parameters, and passes over them; only the engine runs training passes and updates.
  package let replica: Replica
  /// Updates the parameters, and holds what a checkpoint keeps of that.
  package let optimizer: Optimizer
  /// Merges statistics over the ranks; for evaluations between steps.
  package let statistics: any StatisticsExchange
  /// Where this rank is, as other ranks see it.
  package let rankProgress: RankProgress
  private let options: Options
  private let reduction: any GradientReduction
  private let metrics: ClassificationExchange
  /// The micro-batches' losses, added up in the order of their gradients.
  private let losses: PartialSums<Double>
  private let observers: [any StepObserver]

  /// Compiles the network and sets up the exchanges. Collective.
  ///
  /// - Parameters:
  ///   - division: of a micro-batch into shards, ranks and BN groups.
  ///   - group: the ranks that `division` is for.
  ///   - timeline: records what this rank does when.
  ///   - observers: notified of the layers of each step, in this order; `StepObserver`s of its phases and
  ///     exchanges too.
  /// - Throws: `MPIError`.
  package init(
    _ architecture: Architecture, _ division: StatisticsDivision, options: Options,
    group: ProcessGroup, timeline: Timeline? = nil, observers: [any PassObserver] = []
  ) throws {
    self.options = options
    let progress = CommunicationProgress(group.control)
    rankProgress = try RankProgress(group, timeline: timeline)
    self.observers = [rankProgress] + observers.compactMap { $0 as? any StepObserver }
    statistics = StepStatisticsExchange(
      try group.statisticsExchange(
        division, architecture, progress: progress, rankProgress: rankProgress),
      progress: progress, observers: self.observers)
    reduction = try group.gradientReduction(
      division.layout, GradientExtent(ParameterLayout(architecture)), options, progress: progress,
      rankProgress: rankProgress)
    replica = Replica(
      architecture, training: division.layout, evaluation: division.layout,
      threads: options.threads, division: division, exchange: statistics,
      gradients: reduction.memory, labelSmoothing: options.labelSmoothing,
      observers: [rankProgress] + observers + [reduction])
    optimizer = Optimizer(options.optimizer, of: replica)
    metrics = ClassificationExchange(statistics, division.layout)
    losses = PartialSums(parts: options.microBatches, count: 1) { sum, loss, _ in
      sum[0] += loss[0]
    }
  }

  /// Trains one mini-batch.
  ///
  /// - Parameters:
  ///   - number: of the step, from 1 on; for observers and messages.
  ///   - source: gives `Options.microBatches` micro-batches.
  /// - Returns: the metrics' sums over the mini-batch, the same on every rank.
  /// - Throws: `CollectiveFailure` for `Diverged` and `GradientNotFinite`, on every rank alike and before
  ///   any parameter is changed; `RanksOutOfStep`, `MPIError`, and what the source throws.
  package func step(
    _ number: Int, learningRate: Double, from source: some MicroBatchSource
  ) throws -> ClassificationSums {
    var sums = ClassificationSums()
    for index in 0..<options.microBatches {
      begin(.loading, number)
      try reduction.begin()
      try source.withNextMicroBatch { batch in
        let part = MiniBatchPart(index: index, of: options.microBatches)
        let own = try pass(batch, part, ofStep: number)
        withUnsafePointer(to: own.loss) { losses.take($0, part: index) }
        sums = sums + own
      }
      try reduction.finish()
    }
    sums.loss = losses.total[0]
    begin(.update, number)
    try check(sums, step: number, learningRate: learningRate)
    optimizer.step(learningRate: learningRate)
    reduction.release()
    for observer in observers { observer.didEnd(step: number) }
    return sums
  }

  /// Forward and backward over a micro-batch; returns its metrics over all ranks.
  private func pass(
    _ batch: MicroBatch, _ part: MiniBatchPart, ofStep step: Int
  ) throws -> ClassificationSums {
    begin(.forward, step)
    let shards = try replica.trainingPass(images: batch.images, labels: batch.labels, part: part) {
      begin(.backward, step)
    }
    begin(.reduction, step)
    return try metrics.sum(shards)
  }

  private func begin(_ phase: StepPhase, _ step: Int) {
    for observer in observers { observer.willBegin(phase, ofStep: step) }
  }

  private func check(_ sums: ClassificationSums, step: Int, learningRate: Double) throws {
    guard sums.loss.isFinite else {
      throw CollectiveFailure(
        onEveryRank: Diverged(
          step: step, learningRate: learningRate, loss: sums.loss / Double(sums.images)))
    }
    if let parameter = replica.firstParameterWithoutFiniteGradient {
      throw CollectiveFailure(
        onEveryRank: GradientNotFinite(
          step: step, learningRate: learningRate, parameter: parameter))
    }
  }
}

/// The loss is no longer a number; every rank sees this at the same step.
package struct Diverged: Error, CustomStringConvertible {
  package let step: Int
  package let learningRate: Double
  /// The mean over the mini-batch.
  package let loss: Double

  package var description: String {
    "the loss is \(loss) at step \(step) with learning rate \(learningRate): training has diverged. "
      + "Use a smaller --lr, or resume from the last checkpoint with one"
  }
}

/// A gradient is no longer a number; every rank sees the same sum, and this, at the same step. No
/// parameter has been changed by it.
package struct GradientNotFinite: Error, CustomStringConvertible {
  package let step: Int
  package let learningRate: Double
  package let parameter: String

  package var description: String {
    "the gradient of \(parameter) holds NaN or infinite values at step \(step) with learning rate "
      + "\(learningRate): training has diverged. Use a smaller --lr, or resume from the last checkpoint "
      + "with one"
  }
}
