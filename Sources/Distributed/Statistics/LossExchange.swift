/// Losses and metrics of all shards, summed in a fixed order, the same on every rank.

import Networks
import Tensors

/// Sums what losses leave for each shard over shards and ranks, through the statistics exchange; requests of
/// the ranks go along.
package final class LossExchange {
  private let exchange: any StatisticsExchange
  private let rule: StatisticsRule
  /// Numbers of a shard without the requests.
  private let width: Int
  private let local: AlignedBuffer<Double>
  private let total: AlignedBuffer<Double>

  /// - Parameters:
  ///   - layout: of any mini-batch over the shards and ranks at hand.
  ///   - width: numbers of a shard (`Architecture.lossSumsCount`).
  package init(_ exchange: any StatisticsExchange, _ layout: ShardLayout, width: Int) {
    self.exchange = exchange
    self.width = width
    let carried = width + StepRequests.kinds
    rule = StatisticsRule(.sums, width: carried, division: NormalizationGroups(whole: layout))
    local = AlignedBuffer(count: layout.localShards.count * carried)
    total = AlignedBuffer(count: carried)
  }

  /// The sums over all shards of all ranks, until the next call; counts are exact up to 2⁵³.
  ///
  /// - Parameters:
  ///   - shards: [local shards, width].
  ///   - requests: this rank's; all ranks' are in `requests` afterwards.
  package func sum(
    _ shards: VectorView<Double>, requests own: StepRequests = []
  ) throws -> LossSums {
    for shard in 0..<shards.count / width {
      let row = local.view.row(shard, width: rule.width)
      row[0..<width].update(from: shards.row(shard, width: width))
      for kind in 0..<StepRequests.kinds {
        row[width + kind] = shard == 0 && own[kind] ? 1 : 0
      }
    }
    rule.mergeLocalShards(local.view)
    try exchange.combine(VectorView(local.view), into: total.view, by: rule)
    return LossSums(VectorView(total.view)[0..<width])
  }

  /// The requests of all ranks in the last sums.
  package var requests: StepRequests { StepRequests { total.view[width + $0] } }
}
