/// What sums the weight gradients over all ranks, and the choice of it.

import Networks

/// Sums gradients bucket by bucket while the backward pass goes on: one of `Replica.observers`.
///
/// A step is `begin`, the training pass, `finish`, the update by `Replica.weightGradientSum`,
/// `release`; every rank takes the same steps.
public protocol GradientReduction: PassObserver {
  /// The memory that the replica must leave its gradients in.
  var memory: any GradientMemory { get }

  /// Waits until nobody reads the last step's gradients any more. Before the training pass.
  func begin() throws

  /// Goes on with what can go on; never waits.
  func advance() throws

  /// Returns when `memory.sum` is whole.
  func finish() throws

  /// The sum has been read.
  func release()
}

/// How gradients are summed (`--reduction`).
public enum ReductionChoice: String, CaseIterable, Sendable {
  /// In the order of the tree over shards: the same bits on any number of ranks.
  case tree
  /// By MPI's all-reduce, in whatever order it likes; for comparison.
  case mpi
}

/// The weights region in pieces that are summed one by one.
struct GradientBuckets {
  let ranges: [Range<Int>]

  /// - Parameters:
  ///   - count: elements of the weights region.
  ///   - size: elements of a bucket; the last is smaller.
  init(count: Int, size: Int) {
    precondition(size > 0, "a bucket holds something")
    ranges = stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
  }
}
