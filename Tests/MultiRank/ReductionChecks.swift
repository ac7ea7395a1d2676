/// Checks of the statistics exchange and the gradient reduction against serial sums.

import MPI
import Networks
import Training

/// Numbers that every rank can make for every shard: no two sums of them round alike by chance.
private func number(_ shard: Int, _ index: Int) -> Float {
  var bits = UInt64(shard &* 7919 &+ index &* 104_729 &+ 1)
  bits ^= bits << 13
  bits ^= bits >> 7
  bits ^= bits << 17
  return Float(Int32(truncatingIfNeeded: bits)) * 0x1p-20
}

/// The sum over all shards in the tree's order, element by element.
private func treeSum(_ tree: ReductionTree, _ index: Int, shards: Range<Int>) -> Float {
  var values = shards.map { number($0, index) }
  for merge in tree.merges(of: shards) {
    values[merge.into - shards.lowerBound] += values[merge.from - shards.lowerBound]
  }
  return values[0]
}

/// Exchanges numbers that tell their shard, place and round apart; the last width is one that does not
/// fit the shared memory.
private func checkStatistics(
  _ exchange: any StatisticsExchange, _ layout: ShardLayout, _ what: String
) throws {
  for (round, width) in [1, 2, 33, 40, 1, 41].enumerated() {
    func numbers(_ shards: Range<Int>) -> [Double] {
      shards.flatMap { shard in
        (0..<width).map { Double(number(shard, $0)) + Double(round) }
      }
    }
    let local = numbers(layout.localShards)
    var all = [Double](repeating: .nan, count: layout.shards * width)
    try local.withUnsafeBufferPointer { local in
      try all.withUnsafeMutableBufferPointer {
        try exchange.allGather(local, width: width, into: $0)
      }
    }
    expectEqual(all, numbers(0..<layout.shards), "\(what), \(layout.shards) shards, width \(width)")
  }
}

let reductionChecks: [Check] = [
  Check("every rank gets every shard's statistics, in shard order, for even and uneven shards") {
    communicator in
    for shards in [communicator.size, communicator.size + 3, 2 * communicator.size, 16]
    where shards >= communicator.size {
      let layout = try ShardLayout(
        batch: 64, shards: shards, ranks: communicator.size, rank: communicator.rank)
      try checkStatistics(MPIStatisticsExchange(communicator, layout: layout), layout, "messages")
      try checkStatistics(
        SharedStatisticsExchange(communicator.duplicate(), layout: layout, maximumWidth: 40),
        layout, "shared memory")
    }
  },
  Check("gradients are the serial sum in the tree's order, bit for bit, for any shards and lengths")
  {
    communicator in
    let size = communicator.size
    for shards in [1, 2, 3, 5, 6, 8, 12, 16, 31] where shards >= size {
      let layout = try ShardLayout(
        batch: 64, shards: shards, ranks: size, rank: communicator.rank)
      let tree = layout.tree
      let nodes = tree.nodes(covering: layout.localShards)
      for count in [1, 2, 7, 1000, 100_003] {
        let buffers = nodes.map { node in
          let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
          for index in 0..<count { buffer[index] = treeSum(tree, index, shards: node) }
          return (shards: node, weights: buffer)
        }
        defer { for buffer in buffers { buffer.weights.deallocate() } }
        let reduction = try GradientReduction(communicator, layout: layout, count: count)
        try reduction.reduce(buffers)
        let wrong = (0..<count).first {
          buffers[0].weights[$0].bitPattern
            != treeSum(tree, $0, shards: 0..<shards).bitPattern
        }
        expect(wrong == nil, "\(shards) shards, \(count) elements: element \(wrong ?? -1) differs")
      }
    }
  },
]
