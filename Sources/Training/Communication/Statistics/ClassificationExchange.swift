/// Loss and counts of all shards, summed in a fixed order, the same on every rank.

import Kernels
import Networks

/// Sums classification results over shards and ranks through the statistics exchange.
final class ClassificationExchange {
  private static let width = 4
  private let exchange: any StatisticsExchange
  private let rule: StatisticsRule
  private var groups: [Double]
  private var local: [Double]

  init(_ exchange: any StatisticsExchange, _ division: StatisticsDivision) {
    self.exchange = exchange
    rule = StatisticsRule(.sums, width: Self.width, division: division)
    groups = Array(repeating: 0, count: division.groups.count * Self.width)
    local = Array(repeating: 0, count: division.layout.localShards.count * Self.width)
  }

  /// The sums over all shards of all ranks; counts are exact up to 2⁵³.
  ///
  /// - Parameter previous: sums that all of these are added to, one BN group after the other.
  func sum(
    _ shards: UnsafeBufferPointer<ClassificationSums>, after previous: ClassificationSums = .init()
  ) throws -> ClassificationSums {
    for (index, sums) in shards.enumerated() {
      local[index * Self.width] = Double(sums.images)
      local[index * Self.width + 1] = sums.loss
      local[index * Self.width + 2] = Double(sums.top1)
      local[index * Self.width + 3] = Double(sums.top5)
    }
    try local.withUnsafeMutableBufferPointer { local in
      try groups.withUnsafeMutableBufferPointer { groups in
        rule.mergeLocalShards(local.baseAddress!)
        try exchange.combine(local.baseAddress!, into: groups.baseAddress!, by: rule)
      }
    }
    var all = [
      Double(previous.images), previous.loss, Double(previous.top1), Double(previous.top5),
    ]
    for group in rule.division.groups.indices {
      for index in 0..<Self.width { all[index] += groups[group * Self.width + index] }
    }
    return ClassificationSums(
      images: Int(all[0]), loss: all[1], top1: Int(all[2]), top5: Int(all[3]))
  }
}
