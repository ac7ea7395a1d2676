/// The statistics exchange of a run.

import MPI
import Networks

/// Exchanges the layers' statistics between the ranks that share BN groups, and what is summed over the
/// whole mini-batch between all.
///
/// A rank whose BN groups are its own exchanges nothing in the layers; one whose groups are its host's
/// sends nothing over the network there.
public final class ClusteredStatisticsExchange: StatisticsExchange {
  private let layers: HostStatisticsExchange
  private let whole: HostStatisticsExchange

  /// As in `HostStatisticsExchange`.
  public var idle: () throws -> Void = {} {
    didSet {
      layers.idle = idle
      whole.idle = idle
    }
  }

  /// Where this rank is and whom it waits for; ranks at different places are found out.
  public var whereabouts: Whereabouts? {
    didSet {
      layers.whereabouts = whereabouts
      whole.whereabouts = whereabouts
    }
  }

  /// Numbers of a shard in the widest exchange.
  public struct Widths {
    let layers: Int
    let whole: Int

    public init(layers: Int, whole: Int) {
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
  ///   - yields: whether ranks have to take turns on their processors.
  ///   - injected: a slower network between hosts than there is.
  /// - Throws: `MPIError`.
  public init(
    _ communicator: Communicator, group: Communicator?, hosts: RankGroups,
    division: StatisticsDivision, widths: Widths, yields: Bool, injected: InjectedNetwork? = nil
  ) throws {
    let layout = division.layout
    let all = 0..<layout.ranks
    let isWhole = division.groups.count == 1
    whole = try HostStatisticsExchange(
      communicator, of: all, group: group?.duplicate(), hosts: hosts,
      division: isWhole ? division : StatisticsDivision(whole: layout),
      maximumWidth: isWhole ? max(widths.layers, widths.whole) : widths.whole, yields: yields,
      injected: injected)
    if isWhole {
      layers = whole
      return
    }
    let clusters = division.clusters
    let own = clusters.firstIndex { $0.contains(layout.rank) }!
    layers = try HostStatisticsExchange(
      try communicator.split(color: own) as Communicator, of: clusters[own],
      group: try group.map { try $0.split(color: own) as Communicator }, hosts: hosts,
      division: division, maximumWidth: widths.layers, yields: yields, injected: injected)
  }

  public func combine(
    _ pieces: UnsafePointer<Double>, into groups: UnsafeMutablePointer<Double>,
    by rule: StatisticsRule
  ) throws {
    let exchange = rule.division.groups.count == 1 ? whole : layers
    try exchange.combine(pieces, into: groups, by: rule)
  }
}
