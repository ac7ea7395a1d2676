/// What sums the weight gradients over all ranks, and the choice of it.

import MPI
import Networks

/// Sums gradients bucket by bucket during the backward pass: one of a replica's observers.
///
/// A step is `begin`, the training pass, `finish`, the update by `TrainingReplica.weightGradientSum`,
/// `release`; every rank takes the same steps.
package protocol GradientReduction: PassObserver, PendingCommunication {
  /// The memory that the replica must leave its gradients in.
  var memory: any GradientMemory { get }

  /// Waits until no rank reads the last step's gradients any more. Before the training pass.
  func begin() throws

  /// Waits until `memory.sum` is whole.
  func finish() throws

  /// The sum has been read.
  func release()
}

/// How gradients are summed (`--reduction`).
package enum ReductionChoice: String, CaseIterable, Sendable {
  /// In the order of the tree over shards: the same bits on any number of ranks.
  case tree
  /// By MPI's all-reduce, in whatever order it likes; for comparison.
  case mpi
}

/// The weights region in pieces that are summed one by one.
package struct GradientBuckets {
  package let ranges: [Range<Int>]

  /// - Parameters:
  ///   - count: elements of the weights region.
  ///   - size: elements of a bucket; the last is smaller.
  package init(count: Int, size: Int) {
    precondition(size > 0, "a bucket holds something")
    ranges = stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
  }
}

extension ProcessGroup {
  /// What sums the weight gradients of these ranks. Collective.
  ///
  /// - Parameters:
  ///   - layout: of a micro-batch.
  ///   - progress: what the reduction advances with.
  ///   - rankProgress: notified which rank this one waits for.
  /// - Throws: `MPIError`.
  func gradientReduction(
    _ layout: ShardLayout, _ extent: GradientExtent, _ options: TrainingEngine.Options,
    progress: CommunicationProgress, rankProgress: RankProgress
  ) throws -> any GradientReduction {
    let ofMicroBatch: any GradientReduction
    let size = max(1, options.bucketBytes / MemoryLayout<Float>.stride)
    switch options.reduction {
    case .mpi:
      ofMicroBatch = MPIReduction(
        gradients, layout: layout, extent: extent, bucketSize: size, progress: progress)
    case .tree:
      let bytes = SharedGradientMemory.bytes(ofRank: rank, layout, extent)
      let fits = try host.map { try SharedWindow.fits($0, bytesPerRank: bytes) } ?? true
      let share = try control.allReduce(Int(fits ? 1 : 0), .min) == 1
      ofMicroBatch = try TreeReduction(
        gradients, group: share ? host?.duplicate() : nil,
        groups: share ? hosts : RankGroups(sizes: Array(repeating: 1, count: count)),
        layout: layout, extent: extent, bucketSize: size, yieldsWhileWaiting: isOversubscribed,
        compression: options.compression, network: network, progress: progress,
        rankProgress: rankProgress)
    }
    return options.microBatches == 1
      ? ofMicroBatch
      : AccumulatedReduction(
        ofMicroBatch, microBatches: options.microBatches, count: extent.weights)
  }
}
