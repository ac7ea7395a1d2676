/// The exchange of statistics between the leaders of hosts.

import MPI
import Networks
import Tensors

/// Merges all hosts' pieces, on every host.
protocol StatisticsNetwork: AnyObject {
  /// Where this host's pieces are to be written before `combine`, [pieces, width].
  func ownPieces(width: Int) -> MutableVectorView<Double>

  /// - Parameters:
  ///   - groups: [groups, width]; overwritten.
  ///   - position: this rank's in the run (`RankProgress.word`).
  ///   - whileWaiting: called again and again; must begin no message.
  /// - Throws: `RanksOutOfStep`, `MPIError`.
  func combine(
    into groups: MutableVectorView<Double>, by rule: StatisticsRule, position: UInt64,
    whileWaiting: () -> Void
  ) throws
}

/// The hosts of a run as statistics see them.
package struct StatisticsHosts {
  /// One rank of each host, in the order of hosts.
  let leaders: Communicator
  /// Their ranks among all.
  let ranks: [Int]
  let division: NormalizationGroups
  /// The BN groups that these hosts share.
  let groups: [Range<Int>]
  /// Pieces of each host.
  let pieces: [[Range<Int>]]
  /// Numbers of a piece in the widest exchange.
  let maximumWidth: Int
  /// A slower network than there is.
  let emulated: EmulatedNetwork?

  /// The way that suits the hosts' pieces.
  func network() -> any StatisticsNetwork {
    Self.canDouble(division, groups, pieces: pieces)
      ? RecursiveDoublingExchange(self) : AllGatherExchange(self)
  }

  /// Whether hosts of these pieces merge them by `RecursiveDoublingExchange`.
  package static func canDouble(
    _ division: NormalizationGroups, _ groups: [Range<Int>], pieces: [[Range<Int>]]
  ) -> Bool {
    if groups.count > 1 { return false }
    let merges = division.merges(of: pieces.flatMap(\.self), to: groups)
    return PerfectHostTree.isFormed(
      nodes: pieces.map(\.count), merges: merges.map { ($0.into, $0.from) })
  }
}
