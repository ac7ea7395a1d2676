/// The sum of gradients over the micro-batches of a mini-batch.

import Kernels
import Networks
import Tensors

/// Reduces each micro-batch over the ranks and adds the micro-batches up, in the order of a tree.
///
/// A step of this reduction is one micro-batch; `memory.sum` is whole after the last. Where a
/// micro-batch's shards are a power of two, the tree over micro-batches is the top of the tree over all
/// shards, so the bits are those of the undivided mini-batch.
final class AccumulatedReduction: GradientReduction {
  private let reduction: any GradientReduction
  private let sums: PartialSums<Float>
  private let count: Int
  private let accumulated: AccumulatedMemory
  private var index = 0

  /// - Parameters:
  ///   - reduction: of a micro-batch over the ranks.
  ///   - microBatches: of a mini-batch, 2 or more.
  ///   - count: elements of the weights region.
  init(_ reduction: any GradientReduction, microBatches: Int, count: Int) {
    self.reduction = reduction
    self.count = count
    sums = PartialSums(parts: microBatches, count: count) { sum, next in
      Elementwise.add(next, to: sum)
    }
    accumulated = AccumulatedMemory(ofMicroBatch: reduction.memory, sum: sums.total)
  }

  var memory: any GradientMemory { accumulated }

  func begin() throws { try reduction.begin() }

  func didComplete(weightGradients count: Int) throws {
    try reduction.didComplete(weightGradients: count)
  }

  func advance() throws { try reduction.advance() }

  func finish() throws {
    try reduction.finish()
    sums.take(reduction.memory.sum, part: index)
    index = (index + 1) % sums.parts
    reduction.release()
  }

  /// Nothing to wait for: the sum is this rank's own.
  func release() {}
}

/// Memory for a micro-batch's gradients, and the sum over all micro-batches.
private final class AccumulatedMemory: GradientMemory {
  private let ofMicroBatch: any GradientMemory
  let sum: VectorView<Float>

  init(ofMicroBatch: any GradientMemory, sum: VectorView<Float>) {
    self.ofMicroBatch = ofMicroBatch
    self.sum = sum
  }

  var nodes: [MutableVectorView<Float>] { ofMicroBatch.nodes }
}
