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
  private let sums: PartialSums
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
    sums = PartialSums(parts: parts, count: count)
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
    sums.add(reduction.memory.sum, part: part)
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

/// Vectors that come one after the other, added up in the order of a `ReductionTree`.
final class PartialSums {
  let parts: Int
  private let count: Int
  /// The sum of 2^level neighbouring parts each, [levels, count]: with log₂ of the parts at most.
  private let levels: AlignedBuffer<Float>

  init(parts: Int, count: Int) {
    precondition(parts >= 1, "there is something to add up")
    self.parts = parts
    self.count = count
    levels = AlignedBuffer(count: (Self.top(parts) + 1) * count)
  }

  /// The level of the largest node that ends a tree over `parts` leaves' left side.
  private static func top(_ parts: Int) -> Int {
    Int.bitWidth - 1 - parts.leadingZeroBitCount
  }

  private func level(_ level: Int) -> UnsafeMutablePointer<Float> {
    levels.pointer + level * count
  }

  /// Where the sum stands after the last part.
  var total: UnsafePointer<Float> { UnsafePointer(level(Self.top(parts))) }

  /// Adds part `part`; parts come in order.
  func add(_ values: UnsafePointer<Float>, part: Int) {
    // Like counting in binary: two sums of 2^k parts make one of 2^(k + 1).
    let full = (~part).trailingZeroBitCount
    var sum = values
    for lower in 0..<full {
      Elementwise.add(level(lower), sum, output: level(lower), count: count)
      sum = UnsafePointer(level(lower))
    }
    level(full).update(from: sum, count: count)
    if part == parts - 1 { collect() }
  }

  /// Adds up the levels that hold something, from the right, that is the lowest, on.
  private func collect() {
    var sum: UnsafePointer<Float>?
    for height in 0...Self.top(parts) where parts >> height & 1 == 1 {
      if let sum { Elementwise.add(level(height), sum, output: level(height), count: count) }
      sum = UnsafePointer(level(height))
    }
  }
}
