/// How a global mini-batch is divided into logical shards, and the shards over ranks.

/// Why a mini-batch cannot be divided as asked.
package enum ShardLayoutError: Error, Equatable, CustomStringConvertible {
  case batchSmallerThanShards(batch: Int, shards: Int)
  case moreRanksThanShards(ranks: Int, shards: Int)

  package var description: String {
    switch self {
    case .batchSmallerThanShards(let batch, let shards):
      "a mini-batch of \(batch) images cannot be divided into \(shards) logical shards of at least "
        + "one image: use --batch-size \(shards) or more, or --shards \(batch) or fewer"
    case .moreRanksThanShards(let ranks, let shards):
      "\(ranks) ranks cannot share \(shards) logical shards: use --shards \(ranks) or more, "
        + "or start at most \(shards) ranks"
    }
  }
}

/// The division of a mini-batch of B images into S shards of neighbouring positions, and of the
/// shards over W ranks.
///
/// Shard s holds positions ⌊s·B/S⌋ ..< ⌊(s+1)·B/S⌋ and rank r holds shards ⌊r·S/W⌋ ..< ⌊(r+1)·S/W⌋, so that
/// sizes differ by at most one, or as many neighbouring shards as its speed is worth. What is computed from
/// a shard depends on B and S, never on W or on who holds it.
package struct ShardLayout: Hashable, Sendable {
  /// Images that the division is made for: the whole mini-batch.
  package let capacity: Int
  /// Images in the present mini-batch; fewer than `capacity` at the end of an evaluation.
  package let batch: Int
  package let shards: Int
  package let ranks: Int
  package let rank: Int
  /// Each rank's first shard, and after them the number of shards; nil: even.
  private let firstShards: [Int]?

  /// - Parameter speeds: of each rank, in any unit; nil: all are the same.
  /// - Throws: `ShardLayoutError` where a rank or a shard would be left empty.
  package init(
    batch: Int, shards: Int, ranks: Int = 1, rank: Int = 0, speeds: [Double]? = nil
  ) throws(ShardLayoutError) {
    precondition(shards >= 1 && ranks >= 1 && rank >= 0 && rank < ranks)
    guard batch >= shards else {
      throw .batchSmallerThanShards(batch: batch, shards: shards)
    }
    guard ranks <= shards else { throw .moreRanksThanShards(ranks: ranks, shards: shards) }
    precondition(speeds.map { $0.count == ranks } ?? true, "a speed for each rank")
    self.init(
      capacity: batch, batch: batch, shards: shards, ranks: ranks, rank: rank,
      firstShards: speeds.map { speeds in
        Self.counts(shards, speeds: speeds).reduce(into: [0]) { $0.append($0.last! + $1) }
      })
  }

  /// As many of `shards` for each rank as let the slowest finish soonest, one at least.
  static func counts(_ shards: Int, speeds: [Double]) -> [Int] {
    var counts = Array(repeating: 1, count: speeds.count)
    for _ in speeds.count..<shards {
      let times = counts.indices.map { Double(counts[$0] + 1) / speeds[$0] }
      counts[times.firstIndex(of: times.min()!)!] += 1
    }
    return counts
  }

  private init(
    capacity: Int, batch: Int, shards: Int, ranks: Int, rank: Int, firstShards: [Int]?
  ) {
    self.capacity = capacity
    self.batch = batch
    self.shards = shards
    self.ranks = ranks
    self.rank = rank
    self.firstShards = firstShards
  }

  /// The same division of a batch that ends early: positions from `batch` on are missing, so shards
  /// may be short or empty.
  package func shortened(to batch: Int) -> ShardLayout {
    precondition(batch >= 0 && batch <= capacity)
    return ShardLayout(
      capacity: capacity, batch: batch, shards: shards, ranks: ranks, rank: rank,
      firstShards: firstShards)
  }

  package var tree: ReductionTree { ReductionTree(leaves: shards) }

  /// Positions in the global mini-batch of shard `shard`.
  package func positions(ofShard shard: Int) -> Range<Int> {
    positions(ofShards: shard..<shard + 1)
  }

  /// The shards of `rank`.
  package func shards(ofRank rank: Int) -> Range<Int> {
    if let firstShards { return firstShards[rank]..<firstShards[rank + 1] }
    return rank * shards / ranks..<(rank + 1) * shards / ranks
  }

  /// The shards of neighbouring ranks.
  package func shards(ofRanks ranks: Range<Int>) -> Range<Int> {
    shards(ofRank: ranks.lowerBound).lowerBound..<shards(ofRank: ranks.upperBound - 1).upperBound
  }

  /// This rank's shards.
  package var localShards: Range<Int> { shards(ofRank: rank) }

  /// Positions in the global mini-batch of `shards`.
  package func positions(ofShards shards: Range<Int>) -> Range<Int> {
    (shards.lowerBound * capacity / self.shards..<shards.upperBound * capacity / self.shards)
      .clamped(to: 0..<batch)
  }

  /// This rank's positions in the global mini-batch.
  package var localPositions: Range<Int> { positions(ofShards: localShards) }

  /// The images of local shard `index` (0 is this rank's first), counted from this rank's first.
  package func localImages(ofLocalShard index: Int) -> Range<Int> {
    let positions = positions(ofShard: localShards.lowerBound + index)
    let first = localPositions.lowerBound
    return positions.lowerBound - first..<positions.upperBound - first
  }

  /// Shards of each rank.
  package var counts: [Int] { (0..<ranks).map { shards(ofRank: $0).count } }
}
