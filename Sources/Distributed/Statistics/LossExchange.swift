/// Losses and metrics of all shards, summed in a fixed order, the same on every rank.

import Networks
import Tensors

/// Sums what losses leave for each shard over shards and ranks, through the statistics exchange.
package final class LossExchange {
  private let exchange: any StatisticsExchange
  private let rule: StatisticsRule
  private let local: AlignedBuffer<Double>
  private let total: AlignedBuffer<Double>

  /// - Parameters:
  ///   - layout: of any mini-batch over the shards and ranks at hand.
  ///   - width: numbers of a shard (`Architecture.lossSumsCount`).
  package init(_ exchange: any StatisticsExchange, _ layout: ShardLayout, width: Int) {
    self.exchange = exchange
    rule = StatisticsRule(.sums, width: width, division: NormalizationGroups(whole: layout))
    local = AlignedBuffer(count: layout.localShards.count * width)
    total = AlignedBuffer(count: width)
  }

  /// The sums over all shards of all ranks, until the next call; counts are exact up to 2⁵³.
  ///
  /// - Parameter shards: [local shards, width].
  package func sum(_ shards: VectorView<Double>) throws -> LossSums {
    local.view.update(from: shards)
    rule.mergeLocalShards(local.view)
    try exchange.combine(VectorView(local.view), into: total.view, by: rule)
    return LossSums(VectorView(total.view))
  }
}
