/// Evaluation: every image once, on any number of ranks.

import Datasets
import Distributed
import Kernels
import Networks
import Tensors

/// Runs a replica over all images of a source, in order.
///
/// Batches are divided like training batches; the last may be short. Counts are summed as integers
/// and losses in the tree's order, so the result does not depend on the number of ranks.
package final class Evaluator {
  private let replica: Replica
  private let source: any ImageSource
  private let normalization: Normalization
  private let transform: ImageTransform
  private let workers: Int
  private let exchange: LossExchange
  private let rankProgress: RankProgress?

  package init(
    _ replica: Replica, source: any ImageSource, normalization: Normalization,
    transform: ImageTransform = .none, workers: Int, exchange: any StatisticsExchange,
    rankProgress: RankProgress? = nil
  ) {
    self.rankProgress = rankProgress
    self.replica = replica
    self.source = source
    self.normalization = normalization
    self.transform = transform
    self.workers = workers
    self.exchange = LossExchange(
      exchange, replica.evaluationLayout, width: replica.architecture.lossSumsCount)
  }

  /// Images of a batch; the last may have fewer.
  package var batchSize: Int { replica.evaluationLayout.capacity }

  /// Batches of one evaluation.
  package var batches: Int {
    let batch = replica.evaluationLayout.capacity
    return (source.count + batch - 1) / batch
  }

  /// Evaluates a classifier on all images.
  ///
  /// - Parameters:
  ///   - outcomes: takes what the network says of each of this rank's images; nil: nobody asks.
  ///   - progress: called after each batch with the batches done.
  /// - Returns: sums over all images, the same on every rank.
  package func evaluate(
    outcomes: ImageOutcomes? = nil, progress: (Int) -> Void = { _ in }
  ) throws -> EpochTotals {
    var totals = EpochTotals()
    totals.add(
      try evaluate(ClassificationHead.self, outcomes: outcomes, progress: progress))
    return totals
  }

  /// Evaluates a network with the losses of `Kind` on all images.
  ///
  /// - Parameter progress: called after each batch with the batches done.
  /// - Returns: what the sums over all images say, the same on every rank.
  package func evaluate<Kind: Head>(
    _ head: Kind.Type, progress: (Int) -> Void = { _ in }
  ) throws -> Kind.Metrics {
    try evaluate(head, outcomes: nil, progress: progress)
  }

  private func evaluate<Kind: Head>(
    _ head: Kind.Type, outcomes: ImageOutcomes?, progress: (Int) -> Void
  ) throws -> Kind.Metrics {
    let layout = replica.evaluationLayout
    let loader = BatchLoader(
      source: source, normalization: normalization, transform: transform,
      order: .sequential, batchSize: layout.capacity, localRange: layout.localPositions,
      steps: 0..<batches, targets: replica.architecture.targetLayouts, workers: workers)
    let shardSums = AlignedBuffer<Double>(
      count: layout.localShards.count * replica.architecture.lossSumsCount)
    for step in 0..<batches {
      rankProgress?.move(to: .evaluating, layer: step)
      let first = step * layout.capacity
      let batch = min(layout.capacity, source.count - first)
      try loader.withNext { images in
        let sums = try replica.evaluationPass(
          images: images.pixels.base, targets: images.targets, batch: batch)
        for (index, sum) in sums.enumerated() { shardSums.view[index] += sum }
        guard let outcomes else { return }
        let logits = VectorView(replica.evaluationLogits)
        for image in 0..<images.count {
          outcomes.add(
            logits: logits.row(image, width: outcomes.classes),
            image: first + layout.localPositions.lowerBound + image)
        }
      }
      progress(step + 1)
    }
    return Kind.metrics(try exchange.sum(VectorView(shardSums.view)))
  }
}
