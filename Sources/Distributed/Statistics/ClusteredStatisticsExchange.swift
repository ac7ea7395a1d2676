/// The statistics exchange of a run.

import MPI
import Networks
import Tensors

/// Exchanges the layers' statistics between the ranks that share BN groups, and what is summed over the
/// whole mini-batch between all.
///
/// A rank whose BN groups are its own exchanges nothing in the layers; one whose groups are its host's
/// sends nothing over the network there.
package final class ClusteredStatisticsExchange: StatisticsExchange {
  private let layers: HostStatisticsExchange
  private let whole: HostStatisticsExchange

  /// Numbers of a shard in the widest exchange.
  package struct Widths {
    let layers: Int
    let whole: Int

    package init(layers: Int, whole: Int) {
      self.layers = layers
      self.whole = whole
    }
  }

  /// Collective over all ranks.
  ///
  /// - Parameters:
  ///   - communicator: all ranks; used for nothing else.
  ///   - group: this rank's host, in the same order; nil for a rank alone.
  ///   - hosts: of all ranks.
  ///   - yieldsWhileWaiting: whether ranks take turns on their processors.
  ///   - progress: what advances while this rank waits for ranks of its host.
  ///   - rankProgress: notified which rank this one waits for; nil does not detect ranks out of step.
  ///   - emulated: a slower network between hosts than there is.
  /// - Throws: `MPIError`.
  package init(
    _ communicator: Communicator, group: Communicator?, hosts: RankGroups,
    division: NormalizationGroups, widths: Widths, yieldsWhileWaiting: Bool,
    progress: CommunicationProgress, rankProgress: RankProgress? = nil,
    emulated: EmulatedNetwork? = nil
  ) throws {
    let layout = division.layout
    let all = 0..<layout.ranks
    let isWhole = division.groups.count == 1
    whole = try HostStatisticsExchange(
      communicator, of: all, group: group?.duplicate(), hosts: hosts,
      division: isWhole ? division : NormalizationGroups(whole: layout),
      maximumWidth: isWhole ? max(widths.layers, widths.whole) : widths.whole,
      yieldsWhileWaiting: yieldsWhileWaiting,
      progress: progress, rankProgress: rankProgress, emulated: emulated)
    if isWhole {
      layers = whole
      return
    }
    let clusters = division.clusters
    let own = clusters.firstIndex { $0.contains(layout.rank) }!
    layers = try HostStatisticsExchange(
      try communicator.split(color: own) as Communicator, of: clusters[own],
      group: try group.map { try $0.split(color: own) as Communicator }, hosts: hosts,
      division: division, maximumWidth: widths.layers, yieldsWhileWaiting: yieldsWhileWaiting,
      progress: progress, rankProgress: rankProgress, emulated: emulated)
  }

  package func combine(
    _ pieces: VectorView<Double>, into groups: MutableVectorView<Double>,
    by rule: StatisticsRule
  ) throws {
    let exchange = rule.division.groups.count == 1 ? whole : layers
    try exchange.combine(pieces, into: groups, by: rule)
  }
}

extension ProcessGroup {
  /// The exchange of statistics between these ranks. Collective.
  ///
  /// - Parameter architecture: says how many numbers an exchange has.
  /// - Throws: `MPIError`.
  package func statisticsExchange(
    _ division: NormalizationGroups, _ architecture: Architecture,
    progress: CommunicationProgress? = nil, rankProgress: RankProgress? = nil
  ) throws -> any StatisticsExchange {
    if count == 1 { return SingleRankExchange() }
    let channels = architecture.nodes.map(\.shape.channels).max() ?? 1
    return try ClusteredStatisticsExchange(
      statistics, group: host, hosts: hosts, division: division,
      widths: .init(
        layers: 2 * channels,
        whole: max(
          division.groups.count > 1 ? ParameterLayout(architecture).normalizationTotals : 0,
          architecture.lossSumsCount + StepRequests.kinds)),
      yieldsWhileWaiting: isOversubscribed,
      progress: progress ?? CommunicationProgress(control), rankProgress: rankProgress,
      emulated: network)
  }
}
