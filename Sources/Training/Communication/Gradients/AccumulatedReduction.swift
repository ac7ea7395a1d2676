/// The sum of gradients over parts of a mini-batch that are trained one after the other.

import Kernels
import Networks
import Tensors

/// Reduces each part over the ranks and adds the parts up, in the order of a tree over parts.
///
/// A step of this reduction is one part; `memory.sum` is whole after the last. Where a part's shards are a
/// power of two, the tree over parts is the top of the tree over all shards, so the bits are those of
/// the mini-batch in one part.
final class AccumulatedReduction: GradientReduction {
  private let reduction: any GradientReduction
  private let sums: PartialSums<Float>
  private let count: Int
  private let accumulated: AccumulatedMemory
  private var part = 0

  /// - Parameters:
  ///   - reduction: of a part over the ranks.
  ///   - parts: of a mini-batch, 2 or more.
  ///   - count: elements of the weights region.
  init(_ reduction: any GradientReduction, parts: Int, count: Int) {
    self.reduction = reduction
    self.count = count
    sums = PartialSums(parts: parts, count: count) {
      Elementwise.add($0, $1, output: $0, count: $2)
    }
    accumulated = AccumulatedMemory(part: reduction.memory, sum: sums.total)
  }

  var memory: any GradientMemory { accumulated }

  func begin() throws { try reduction.begin() }

  func didComplete(weightGradients count: Int) throws {
    try reduction.didComplete(weightGradients: count)
  }

  func advance() throws { try reduction.advance() }

  func finish() throws {
    try reduction.finish()
    sums.take(reduction.memory.sum, part: part)
    part = (part + 1) % sums.parts
    reduction.release()
  }

  /// Nothing to wait for: the sum is this rank's own.
  func release() {}
}

/// Memory for a part's gradients, and the sum over all parts.
private final class AccumulatedMemory: GradientMemory {
  private let part: any GradientMemory
  let sum: UnsafePointer<Float>

  init(part: any GradientMemory, sum: UnsafePointer<Float>) {
    self.part = part
    self.sum = sum
  }

  var nodes: [UnsafeMutablePointer<Float>] { part.nodes }
}
