/// The one binary tree over logical shards in whose order everything summed over images is combined.

/// A fixed binary tree over leaves 0..<n.
///
/// A node over k > 1 leaves splits after the largest power of two below k, so a tree over a power of
/// two is the perfect one, and neighbours are combined first. The tree depends on the number of
/// leaves alone: whoever holds which leaves, the sums are rounded alike.
package struct ReductionTree: Hashable, Sendable {
  /// One inner node: the value at `from` is added to the value at `into`.
  package struct Merge: Hashable, Sendable {
    package let into: Int
    package let from: Int

    package init(into: Int, from: Int) {
      self.into = into
      self.from = from
    }
  }

  package let leaves: Int

  package init(leaves: Int) {
    precondition(leaves >= 1, "a reduction tree has at least one leaf")
    self.leaves = leaves
  }

  /// The first leaf of the right child of the node over `leaves`.
  static func middle(of leaves: Range<Int>) -> Int {
    var half = 1
    while half * 2 < leaves.count { half *= 2 }
    return leaves.lowerBound + half
  }

  /// The inner nodes at and below the node over `leaves`, children before parents; a node's value
  /// is at its first leaf.
  package func merges(of node: Range<Int>) -> [Merge] {
    guard node.count > 1 else { return [] }
    let middle = Self.middle(of: node)
    return merges(of: node.lowerBound..<middle) + merges(of: middle..<node.upperBound)
      + [Merge(into: node.lowerBound, from: middle)]
  }

  /// All inner nodes, children before parents; the root's value ends at leaf 0.
  package var merges: [Merge] { merges(of: 0..<leaves) }

  /// The largest nodes that lie inside `leaves` and together make it up, from left to right.
  package func nodes(covering leaves: Range<Int>) -> [Range<Int>] {
    nodes(covering: leaves, below: 0..<self.leaves)
  }

  private func nodes(covering leaves: Range<Int>, below node: Range<Int>) -> [Range<Int>] {
    let common = leaves.clamped(to: node)
    if common.isEmpty { return [] }
    if common == node { return [node] }
    let middle = Self.middle(of: node)
    return nodes(covering: leaves, below: node.lowerBound..<middle)
      + nodes(covering: leaves, below: middle..<node.upperBound)
  }

  /// The inner nodes above `parts`, children before parents, for parts that make up all leaves.
  ///
  /// What remains to be merged when each part (a node) has been summed already.
  package func merges(above parts: [Range<Int>]) -> [Merge] {
    merges(of: 0..<leaves, above: parts)
  }

  /// The inner nodes at and below `node` that are above `parts`, children before parents.
  package func merges(of node: Range<Int>, above parts: [Range<Int>]) -> [Merge] {
    let done = Set(parts.flatMap { merges(of: $0) })
    return merges(of: node).filter { !done.contains($0) }
  }
}
