/// How a run over many hosts would divide its mini-batch, and which exchanges follow from that.

import Distributed
import Networks

/// Hosts that have the same number of ranks each.
package struct HostDivision: Equatable {
  package let count: Int
  /// Whether `RecursiveHalvingExchange` sums the gradients, and doubling what is summed over the mini-batch.
  package let gradientsAreHalved: Bool
  /// Tree nodes of the host that has most.
  package let gradientPieces: Int
  /// Hosts that share BN groups.
  package let layerHosts: Int
  /// Whether `RecursiveDoublingExchange` merges their statistics; `AllGatherExchange` else.
  package let layersAreDoubled: Bool
  /// Pieces of BN groups of the host that has most.
  package let layerPieces: Int

  package init(
    count: Int, gradientsAreHalved: Bool, gradientPieces: Int, layerHosts: Int,
    layersAreDoubled: Bool, layerPieces: Int
  ) {
    self.count = count
    self.gradientsAreHalved = gradientsAreHalved
    self.gradientPieces = gradientPieces
    self.layerHosts = layerHosts
    self.layersAreDoubled = layersAreDoubled
    self.layerPieces = layerPieces
  }
}

extension HostDivision {
  /// - Parameters:
  ///   - layout: of a micro-batch over all ranks.
  ///   - imagesPerGroup: of a BN group; nil is the whole micro-batch.
  /// - Throws: `StatisticsGroupError`.
  package init(_ layout: ShardLayout, hosts: Int, imagesPerGroup: Int?) throws(StatisticsGroupError)
  {
    let size = layout.ranks / hosts
    let ranks = (0..<hosts).map { $0 * size..<($0 + 1) * size }
    let nodes = ranks.map { layout.tree.nodes(covering: layout.shards(ofRanks: $0)) }
    let division = try NormalizationGroups(layout, imagesPerGroup: imagesPerGroup)
    // Each cluster's hosts' pieces.
    let clusters = division.clusters.map { cluster in
      ranks[cluster.lowerBound / size...(cluster.upperBound - 1) / size].map {
        division.pieces(of: layout.shards(ofRanks: $0.clamped(to: cluster)))
      }
    }
    let spread = zip(division.clusters, clusters).filter { $1.count > 1 }
    self.init(
      count: hosts,
      gradientsAreHalved: PerfectHostTree.isFormed(
        nodes: nodes.map(\.count), merges: layout.tree.merges(aboveHosts: nodes)),
      gradientPieces: nodes.map(\.count).max()!,
      layerHosts: clusters.map(\.count).max()!,
      layersAreDoubled: spread.allSatisfy { cluster, pieces in
        let groups = division.groups(of: layout.shards(ofRanks: cluster))
        return StatisticsHosts.canDouble(
          division, Array(division.groups[groups]), pieces: pieces)
      },
      layerPieces: clusters.flatMap { $0.map(\.count) }.max()!)
  }
}
