/// The BN groups of a mini-batch, and how their statistics are merged from what the ranks hold.

/// Why a mini-batch has no BN groups of the requested size.
package struct StatisticsGroupError: Error, Equatable, CustomStringConvertible {
  package let images: Int
  package let batch: Int
  package let shards: Int

  package var description: String {
    batch % images == 0
      ? "BN groups of \(images) images are \(batch / images) groups, which \(shards) logical shards "
        + "cannot be divided into: use --shards with a multiple of \(batch / images)"
      : "a mini-batch of \(batch) images cannot be divided into BN groups of \(images): use a "
        + "--bn-group-size that divides it"
  }
}

/// The division of a mini-batch into BN groups of neighbouring shards, each with mean and variance of
/// its own.
///
/// Each group's shards are merged by a `ReductionTree` of their own, whoever holds them. A *piece* is
/// a node of a group's tree: what one rank, or one host, makes of its shards before it sends them.
package final class NormalizationGroups {
  /// One inner node of a group's tree, over values by index.
  package struct Merge {
    package let into: Int
    package let from: Int
    /// Mini-batch positions of the two children.
    let left: Range<Int>
    let right: Range<Int>
  }

  package let layout: ShardLayout
  /// The shards of each group, from left to right.
  package let groups: [Range<Int>]
  /// This rank's shards merged to its pieces, as indices into local shards.
  let localMerges: [Merge]
  /// Local shards at which the pieces' values then stand.
  let localPieces: [Int]

  /// - Parameters:
  ///   - layout: this rank's division of the training mini-batch.
  ///   - imagesPerGroup: nil makes one group of the whole mini-batch.
  /// - Throws: `StatisticsGroupError` where groups would cut shards.
  package init(_ layout: ShardLayout, imagesPerGroup: Int? = nil) throws(StatisticsGroupError) {
    let images = imagesPerGroup ?? layout.capacity
    guard images > 0, layout.capacity % images == 0,
      layout.shards % (layout.capacity / images) == 0
    else {
      throw StatisticsGroupError(images: images, batch: layout.capacity, shards: layout.shards)
    }
    let count = layout.capacity / images
    let size = layout.shards / count
    self.layout = layout
    groups = (0..<count).map { $0 * size..<($0 + 1) * size }
    let shards = layout.localShards
    let pieces = Self.pieces(of: shards, groups)
    localMerges = Self.merges(of: shards.map { $0..<$0 + 1 }, to: pieces, groups, layout)
    localPieces = pieces.map { $0.lowerBound - shards.lowerBound }
  }

  /// One group of the whole mini-batch.
  package convenience init(whole layout: ShardLayout) {
    // A whole mini-batch is always a group.
    try! self.init(layout)
  }

  /// Groups that this rank holds shards of.
  package var localGroups: Range<Int> { groups(of: layout.localShards) }

  /// Groups of which some shard is among `shards`.
  package func groups(of shards: Range<Int>) -> Range<Int> {
    let size = groups[0].count
    return shards.lowerBound / size..<(shards.upperBound - 1) / size + 1
  }

  /// The smallest runs of neighbouring ranks such that no BN group has shards in two of them.
  package var clusters: [Range<Int>] {
    let size = groups[0].count
    let starts = (0..<layout.ranks).filter { layout.shards(ofRank: $0).lowerBound % size == 0 }
    return zip(starts, starts.dropFirst() + [layout.ranks]).map { $0..<$1 }
  }

  /// The place in `localGroups` of the group that holds a local shard.
  func group(ofLocalShard shard: Int) -> Int {
    (layout.localShards.lowerBound + shard) / groups[0].count - localGroups.lowerBound
  }

  /// The largest nodes of the groups' trees that lie in `shards` and make them up, left to right.
  package func pieces(of shards: Range<Int>) -> [Range<Int>] { Self.pieces(of: shards, groups) }

  /// The pieces of `rank`'s shards.
  package func pieces(ofRank rank: Int) -> [Range<Int>] { pieces(of: layout.shards(ofRank: rank)) }

  /// The merges that make `nodes` out of `pieces`, which are nodes below them; as indices into `pieces`.
  /// A node's value is then at its first piece.
  package func merges(of pieces: [Range<Int>], to nodes: [Range<Int>]) -> [Merge] {
    Self.merges(of: pieces, to: nodes, groups, layout)
  }

  private static func pieces(of shards: Range<Int>, _ groups: [Range<Int>]) -> [Range<Int>] {
    groups.flatMap { group -> [Range<Int>] in
      let part = shards.clamped(to: group)
      if part.isEmpty { return [] }
      return ReductionTree(leaves: group.count)
        .nodes(covering: part.shifted(by: -group.lowerBound))
        .map { $0.shifted(by: group.lowerBound) }
    }
  }

  private static func merges(
    of pieces: [Range<Int>], to nodes: [Range<Int>], _ groups: [Range<Int>], _ layout: ShardLayout
  ) -> [Merge] {
    let indices = Dictionary(uniqueKeysWithValues: pieces.enumerated().map { ($1, $0) })
    var merges: [Merge] = []
    /// Makes `node` and returns its index.
    func make(_ node: Range<Int>, in group: Int) -> Int {
      if let index = indices[node] { return index }
      let middle =
        ReductionTree.middle(of: node.shifted(by: -group)) + group
      let (left, right) = (node.lowerBound..<middle, middle..<node.upperBound)
      let into = make(left, in: group)
      let from = make(right, in: group)
      merges.append(
        Merge(
          into: into, from: from, left: layout.positions(ofShards: left),
          right: layout.positions(ofShards: right)))
      return into
    }
    for node in nodes {
      _ = make(node, in: groups.first { $0.contains(node.lowerBound) }!.lowerBound)
    }
    return merges
  }
}

extension Range where Bound == Int {
  fileprivate func shifted(by offset: Int) -> Range<Int> {
    lowerBound + offset..<upperBound + offset
  }
}
