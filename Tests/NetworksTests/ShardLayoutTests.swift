/// The division of mini-batches over shards and ranks.

import Networks
import Testing

@Suite struct ShardLayoutTests {
  @Test("shards and ranks partition the mini-batch in order, as evenly as can be")
  func partition() throws {
    for batch in [1, 2, 7, 8, 16, 27, 128, 1000] {
      for shards in [1, 2, 3, 6, 8, 16] where shards <= batch {
        for ranks in 1...shards {
          let layouts = try (0..<ranks).map {
            try ShardLayout(batch: batch, shards: shards, ranks: ranks, rank: $0)
          }
          #expect(layouts.flatMap { Array($0.localShards) } == Array(0..<shards))
          #expect(layouts.flatMap { Array($0.localPositions) } == Array(0..<batch))
          let all = layouts[0]
          let sizes = (0..<shards).map { all.positions(ofShard: $0).count }
          #expect((0..<shards).flatMap { Array(all.positions(ofShard: $0)) } == Array(0..<batch))
          #expect(sizes.min()! >= 1 && sizes.max()! - sizes.min()! <= 1)
          let held = layouts.map(\.localShards.count)
          #expect(held.min()! >= 1 && held.max()! - held.min()! <= 1)
          #expect(all.counts == held)
        }
      }
    }
  }

  @Test(
    "by speeds, the last rank finishes as early as any division lets it",
    arguments: [[1, 1], [2, 1], [1, 3], [1, 1, 4], [0.4, 1, 0.9], [7, 0.01, 3]])
  func speeds(_ speeds: [Double]) throws {
    /// The least time of the last rank over all divisions, each rank with a shard at least.
    func least(_ shards: Int, _ speeds: ArraySlice<Double>) -> Double {
      if speeds.count == 1 { return Double(shards) / speeds.first! }
      return (1...shards - speeds.count + 1).map {
        max(Double($0) / speeds.first!, least(shards - $0, speeds.dropFirst()))
      }.min()!
    }
    for shards in speeds.count...17 {
      let layouts = try speeds.indices.map {
        try ShardLayout(
          batch: 40, shards: shards, ranks: speeds.count, rank: $0, speeds: speeds)
      }
      #expect(layouts.flatMap { Array($0.localShards) } == Array(0..<shards))
      #expect(layouts.flatMap { Array($0.localPositions) } == Array(0..<40))
      #expect(layouts.allSatisfy { $0.counts == layouts.map(\.localShards.count) })
      let time = zip(layouts[0].counts, speeds).map { Double($0) / $1 }.max()!
      #expect(time == least(shards, speeds[...]))
    }
  }

  @Test("what a shard holds does not depend on the ranks")
  func rankIndependence() throws {
    let one = try ShardLayout(batch: 27, shards: 8)
    for ranks in 1...8 {
      for rank in 0..<ranks {
        let layout = try ShardLayout(batch: 27, shards: 8, ranks: ranks, rank: rank)
        for shard in 0..<8 {
          #expect(layout.positions(ofShard: shard) == one.positions(ofShard: shard))
        }
      }
    }
  }

  @Test("local images are the shard's positions counted from the rank's first")
  func localImages() throws {
    for ranks in 1...8 {
      for rank in 0..<ranks {
        for batch in 0...27 {
          let layout = try ShardLayout(batch: 27, shards: 8, ranks: ranks, rank: rank)
            .shortened(to: batch)
          var next = 0
          for (index, shard) in layout.localShards.enumerated() {
            let images = layout.localImages(ofLocalShard: index)
            #expect(
              images.lowerBound == next && images.count == layout.positions(ofShard: shard).count)
            next = images.upperBound
          }
          #expect(next == layout.localPositions.count)
        }
      }
    }
  }

  @Test("a batch that ends early keeps the positions that it has")
  func shortened() throws {
    let whole = try ShardLayout(batch: 27, shards: 8)
    for batch in 0...27 {
      let short = whole.shortened(to: batch)
      #expect(short.batch == batch && short.capacity == 27)
      for shard in 0..<8 {
        let expected = whole.positions(ofShard: shard).filter { $0 < batch }
        #expect(Array(short.positions(ofShard: shard)) == expected)
      }
    }
  }

  @Test("a shard or rank that would be empty is an error with a way out")
  func errors() {
    #expect(throws: ShardLayoutError.batchSmallerThanShards(batch: 7, shards: 8)) {
      try ShardLayout(batch: 7, shards: 8)
    }
    #expect(throws: ShardLayoutError.moreRanksThanShards(ranks: 9, shards: 8)) {
      try ShardLayout(batch: 64, shards: 8, ranks: 9)
    }
    #expect(throws: ShardLayoutError.batchSmallerThanShards(batch: 0, shards: 1)) {
      try ShardLayout(batch: 0, shards: 1)
    }
    let message = ShardLayoutError.moreRanksThanShards(ranks: 9, shards: 8).description
    #expect(message.contains("--shards 9") && message.contains("at most 8 ranks"))
    let small = ShardLayoutError.batchSmallerThanShards(batch: 7, shards: 8).description
    #expect(small.contains("--batch-size 8") && small.contains("--shards 7"))
  }
}
