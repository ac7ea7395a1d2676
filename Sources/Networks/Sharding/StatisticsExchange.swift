/// What a layer needs from the other ranks: the statistics of its BN groups.

import Tensors

/// Merges small per-shard statistics over all ranks.
///
/// `Networks` knows nothing of how ranks talk: `Distributed` implements this over MPI, tests in memory.
package protocol StatisticsExchange: AnyObject {
  /// Merges this rank's pieces with those of all other ranks.
  ///
  /// Every rank calls this in the same order with the same rule. Its division is that of the layers, or
  /// the whole mini-batch.
  /// - Parameters:
  ///   - pieces: [local pieces, width], in the order of `NormalizationGroups.pieces(ofRank:)`.
  ///   - groups: [local groups, width]; overwritten with the numbers of each BN group that this rank
  ///     holds a part of, the same on all such ranks.
  func combine(
    _ pieces: VectorView<Double>, into groups: MutableVectorView<Double>,
    by rule: StatisticsRule) throws
}

/// The exchange of a rank that holds every shard itself.
package final class SingleRankExchange: StatisticsExchange {
  package init() {}

  package func combine(
    _ pieces: VectorView<Double>, into groups: MutableVectorView<Double>,
    by rule: StatisticsRule
  ) {
    precondition(rule.division.layout.ranks == 1, "a sole rank holds every shard")
    groups.update(from: pieces[0..<rule.division.groups.count * rule.width])
  }
}
