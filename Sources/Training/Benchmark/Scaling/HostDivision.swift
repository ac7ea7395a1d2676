/// How a run over many hosts would divide its mini-batch, and which exchanges follow from that.

import Networks

/// Hosts that have the same number of ranks each.
package struct HostDivision: Equatable {
  package let count: Int
  /// Whether `HalvingExchange` sums the gradients; `DirectExchange` else.
  package let gradientsAreHalved: Bool
  /// Tree nodes of the host that has most.
  package let gradientPieces: Int
  /// Whether `DoubledStatistics` merges the statistics; `GatheredStatistics` else.
  package let statisticsAreDoubled: Bool
  /// Pieces of BN groups of the host that has most.
  package let statisticsPieces: Int

  package init(
    count: Int, gradientsAreHalved: Bool, gradientPieces: Int, statisticsAreDoubled: Bool,
    statisticsPieces: Int
  ) {
    self.count = count
    self.gradientsAreHalved = gradientsAreHalved
    self.gradientPieces = gradientPieces
    self.statisticsAreDoubled = statisticsAreDoubled
    self.statisticsPieces = statisticsPieces
  }
}

extension HostDivision {
  /// - Parameters:
  ///   - layout: of all ranks of a part of the mini-batch.
  ///   - imagesPerGroup: of a BN group; nil is the whole part.
  /// - Throws: `StatisticsGroupError`.
  package init(_ layout: ShardLayout, hosts: Int, imagesPerGroup: Int?) throws(StatisticsGroupError)
  {
    let ranks = layout.ranks / hosts
    let shards = (0..<hosts).map { host in
      layout.shards(ofRank: host * ranks)
        .lowerBound..<layout.shards(ofRank: (host + 1) * ranks - 1).upperBound
    }
    let nodes = shards.map { layout.tree.nodes(covering: $0) }
    let division = try StatisticsDivision(layout, imagesPerGroup: imagesPerGroup)
    let pieces = shards.map { division.pieces(of: $0) }
    self.init(
      count: hosts,
      gradientsAreHalved: PerfectHostTree.isFormed(
        nodes: nodes.map(\.count), merges: layout.tree.merges(aboveHosts: nodes)),
      gradientPieces: nodes.map(\.count).max()!,
      statisticsAreDoubled: StatisticsHosts.canDouble(division, division.groups, pieces: pieces),
      statisticsPieces: pieces.map(\.count).max()!)
  }
}
