/// Loss and counts of all shards, summed in the tree's order, the same on every rank.

import Kernels
import Networks

/// Sums classification results over shards and ranks through the statistics exchange.
final class ClassificationExchange {
  private static let width = 4
  private let exchange: any StatisticsExchange
  private let merges: [ReductionTree.Merge]
  private var local: [Double]
  private var all: [Double]

  init(_ exchange: any StatisticsExchange, layout: ShardLayout) {
    self.exchange = exchange
    merges = layout.tree.merges
    local = Array(repeating: 0, count: layout.localShards.count * Self.width)
    all = Array(repeating: 0, count: layout.shards * Self.width)
  }

  /// The sums over all shards of all ranks; counts are exact up to 2⁵³.
  func sum(_ shards: UnsafeBufferPointer<ClassificationSums>) throws -> ClassificationSums {
    for (index, sums) in shards.enumerated() {
      local[index * Self.width] = Double(sums.images)
      local[index * Self.width + 1] = sums.loss
      local[index * Self.width + 2] = Double(sums.top1)
      local[index * Self.width + 3] = Double(sums.top5)
    }
    try local.withUnsafeBufferPointer { local in
      try all.withUnsafeMutableBufferPointer {
        try exchange.allGather(local, width: Self.width, into: $0)
      }
    }
    for merge in merges {
      for index in 0..<Self.width {
        all[merge.into * Self.width + index] += all[merge.from * Self.width + index]
      }
    }
    return ClassificationSums(
      images: Int(all[0]), loss: all[1], top1: Int(all[2]), top5: Int(all[3]))
  }
}
