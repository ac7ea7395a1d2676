/// Sums over the parts of a mini-batch.

import Tensors

/// Vectors that come one after the other, added up in the order of a `ReductionTree`.
package final class PartialSums<Scalar: BitwiseCopyable> {
  package let parts: Int
  private let count: Int
  private let add: (MutableVectorView<Scalar>, VectorView<Scalar>) -> Void
  /// The sum of 2^level neighbouring parts each, [levels, count]: with log₂ of the parts at most.
  private let levels: AlignedBuffer<Scalar>

  /// - Parameter add: adds the second vector of a length to the first.
  package init(
    parts: Int, count: Int,
    add: @escaping (MutableVectorView<Scalar>, VectorView<Scalar>) -> Void
  ) {
    precondition(parts >= 1, "there is something to add up")
    self.parts = parts
    self.count = count
    self.add = add
    levels = AlignedBuffer(count: Self.elements(parts: parts, count: count))
  }

  /// Bytes that the sums over `parts` vectors of `count` elements take.
  package static func bytes(parts: Int, count: Int) -> Int {
    elements(parts: parts, count: count) * MemoryLayout<Scalar>.stride
  }

  private static func elements(parts: Int, count: Int) -> Int { (top(parts) + 1) * count }

  /// The level of the largest node that ends a tree over `parts` leaves' left side.
  private static func top(_ parts: Int) -> Int {
    Int.bitWidth - 1 - parts.leadingZeroBitCount
  }

  private func level(_ level: Int) -> MutableVectorView<Scalar> {
    levels.view.row(level, width: count)
  }

  /// Where the sum is after the last part.
  package var total: VectorView<Scalar> { VectorView(level(Self.top(parts))) }

  /// Takes part `part`; parts come in order.
  package func take(_ values: VectorView<Scalar>, part: Int) {
    // Like counting in binary: two sums of 2^k parts make one of 2^(k + 1).
    let full = (~part).trailingZeroBitCount
    var sum = values
    for lower in 0..<full {
      add(level(lower), sum)
      sum = VectorView(level(lower))
    }
    level(full).update(from: sum)
    if part == parts - 1 { collect() }
  }

  /// Adds up the levels that hold something, from the right, that is the lowest, on.
  private func collect() {
    var sum: VectorView<Scalar>?
    for height in 0...Self.top(parts) where parts >> height & 1 == 1 {
      if let sum { add(level(height), sum) }
      sum = VectorView(level(height))
    }
  }
}
