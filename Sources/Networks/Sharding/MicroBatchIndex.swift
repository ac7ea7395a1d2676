/// Micro-batches: equal parts of a mini-batch that are trained one after the other before one update.

/// Micro-batch `index` of `count`, each of neighbouring images.
package struct MicroBatchIndex: Hashable, Sendable {
  package let index: Int
  package let count: Int

  package init(index: Int, of count: Int) {
    precondition(count >= 1 && (0..<count).contains(index), "a mini-batch has no such micro-batch")
    self.index = index
    self.count = count
  }

  /// A mini-batch that is its only micro-batch.
  package static let whole = MicroBatchIndex(index: 0, of: 1)

  var isLast: Bool { index == count - 1 }
}
