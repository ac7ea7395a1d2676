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
  private let images: Int
  private let makeBatches: (_ steps: Range<Int>) -> any BatchSource
  private let exchange: LossExchange
  private let ranks: ProcessGroup?
  private let rankProgress: RankProgress?

  package convenience init(
    _ replica: Replica, source: any ImageSource, normalization: Normalization,
    transform: ImageTransform = .none, workers: Int, exchange: any StatisticsExchange,
    ranks: ProcessGroup? = nil, rankProgress: RankProgress? = nil
  ) {
    let layout = replica.evaluationLayout
    self.init(
      replica, images: source.count, exchange: exchange, ranks: ranks, rankProgress: rankProgress
    ) {
      BatchLoader(
        source: source, normalization: normalization, transform: transform, order: .sequential,
        batchSize: layout.capacity, localRange: layout.localPositions, steps: $0,
        targets: replica.architecture.targetLayouts, workers: workers)
    }
  }

  /// - Parameters:
  ///   - images: of all batches.
  ///   - ranks: which are all told when one of them fails; nil: the failed one ends the job.
  ///   - makeBatches: this rank's images of some of the batches, divided as the replica's evaluation
  ///     layout says, with its targets.
  package init(
    _ replica: Replica, images: Int, exchange: any StatisticsExchange,
    ranks: ProcessGroup? = nil, rankProgress: RankProgress? = nil,
    makeBatches: @escaping (_ steps: Range<Int>) -> any BatchSource
  ) {
    (self.replica, self.images, self.makeBatches) = (replica, images, makeBatches)
    (self.ranks, self.rankProgress) = (ranks, rankProgress)
    self.exchange = LossExchange(
      exchange, replica.evaluationLayout, width: replica.architecture.lossSumsCount)
  }

  /// Images of a batch; the last may have fewer.
  package var batchSize: Int { replica.evaluationLayout.capacity }

  /// Batches of one evaluation.
  package var batches: Int {
    let batch = replica.evaluationLayout.capacity
    return (images + batch - 1) / batch
  }

  /// Evaluates a classifier on all images.
  ///
  /// - Parameters:
  ///   - outcomes: takes what the network says of each of this rank's images; nil: nobody asks.
  ///   - progress: called after each batch with the batches done.
  /// - Returns: sums over all images, the same on every rank.
  /// - Throws: `CollectiveFailure` with the error of the first rank that failed; without `ranks`, that error.
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
    let loader = makeBatches(0..<batches)
    let shardSums = AlignedBuffer<Double>(
      count: layout.localShards.count * replica.architecture.lossSumsCount)
    func pass() throws {
      for step in 0..<batches {
        rankProgress?.move(to: .evaluating, layer: step)
        let first = step * layout.capacity
        let batch = min(layout.capacity, self.images - first)
        _ = try loader.withNext { images in
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
    }
    if let ranks { try ranks.together(pass) } else { try pass() }
    return Kind.metrics(try exchange.sum(VectorView(shardSums.view)))
  }
}
