/// Where a rank's shards leave their parts of a weight gradient, and when parts are added up.

/// The tree's merges inside a rank and the memory of what waits for them.
///
/// The first shard of a tree node writes to the node's gradient, the others to rows of scratch. One
/// thread takes the shards in order and merges two parts as soon as both are whole, so the rows are as
/// many as the tree is high; several threads finish shards in any order and merge when all are done.
package struct ShardGradientRows {
  package enum Row {
    /// The gradient of one of the rank's tree nodes.
    case node(Int)
    case scratch(Int)
  }

  /// By local shard.
  package let rows: [Row]
  package let scratchRows: Int
  /// By local shard: merges of local shards that are due when that shard's part is whole.
  package let merges: [[ReductionTree.Merge]]

  /// - Parameter inOrder: whether shards are finished one by one.
  package init(_ layout: ShardLayout, inOrder: Bool) {
    let local = layout.localShards
    let nodes = layout.tree.nodes(covering: local)
    var merges = Array(repeating: [ReductionTree.Merge](), count: local.count)
    /// The last shard of what has been merged into each.
    var last = Array(0..<local.count)
    for merge in nodes.flatMap({ layout.tree.merges(of: $0) }) {
      let local = ReductionTree.Merge(
        into: merge.into - local.lowerBound, from: merge.from - local.lowerBound)
      last[local.into] = last[local.from]
      merges[inOrder ? last[local.from] : last.count - 1].append(local)
    }
    var rows: [Row] = []
    var free: [Int] = []
    var count = 0
    for shard in 0..<local.count {
      if let node = nodes.firstIndex(where: { $0.lowerBound == local.lowerBound + shard }) {
        rows.append(.node(node))
      } else {
        if free.isEmpty {
          free.append(count)
          count += 1
        }
        rows.append(.scratch(free.removeLast()))
      }
      for merge in merges[shard] {
        if case .scratch(let row) = rows[merge.from] { free.append(row) }
      }
    }
    self.rows = rows
    self.merges = merges
    scratchRows = count
  }
}
