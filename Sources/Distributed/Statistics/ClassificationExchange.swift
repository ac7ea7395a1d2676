/// Loss and counts of all shards, summed in a fixed order, the same on every rank.

import Kernels
import Networks

/// Sums classification results over shards and ranks through the statistics exchange.
package final class ClassificationExchange {
  static let width = 4
  private let exchange: any StatisticsExchange
  private let rule: StatisticsRule
  private var total: [Double]
  private var local: [Double]

  /// - Parameter layout: of any mini-batch over the shards and ranks at hand.
  package init(_ exchange: any StatisticsExchange, _ layout: ShardLayout) {
    self.exchange = exchange
    rule = StatisticsRule(.sums, width: Self.width, division: StatisticsDivision(whole: layout))
    total = Array(repeating: 0, count: Self.width)
    local = Array(repeating: 0, count: layout.localShards.count * Self.width)
  }

  /// The sums over all shards of all ranks; counts are exact up to 2⁵³.
  package func sum(_ shards: UnsafeBufferPointer<ClassificationSums>) throws -> ClassificationSums {
    for (index, sums) in shards.enumerated() {
      local[index * Self.width] = Double(sums.images)
      local[index * Self.width + 1] = sums.loss
      local[index * Self.width + 2] = Double(sums.top1)
      local[index * Self.width + 3] = Double(sums.top5)
    }
    try local.withUnsafeMutableBufferPointer { local in
      rule.mergeLocalShards(local.baseAddress!)
      try exchange.combine(local.baseAddress!, into: &total, by: rule)
    }
    return ClassificationSums(
      images: Int(total[0]), loss: total[1], top1: Int(total[2]), top5: Int(total[3]))
  }
}
