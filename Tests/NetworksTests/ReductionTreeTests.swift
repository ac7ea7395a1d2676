/// The tree over shards.

import Networks
import Testing

@Suite struct ReductionTreeTests {
  @Test(
    "a tree over a power of two is the perfect one, neighbours first", arguments: [1, 2, 4, 8, 16])
  func perfect(leaves: Int) {
    var expected: Set<ReductionTree.Merge> = []
    var distance = 1
    while distance < leaves {
      for first in stride(from: 0, to: leaves, by: 2 * distance) {
        expected.insert(.init(into: first, from: first + distance))
      }
      distance *= 2
    }
    #expect(Set(ReductionTree(leaves: leaves).merges) == expected)
  }

  @Test("merging brings every leaf to the root once", arguments: 1...20)
  func sum(leaves: Int) {
    var values = (0..<leaves).map { [$0] }
    for merge in ReductionTree(leaves: leaves).merges {
      #expect(merge.into < merge.from)
      values[merge.into] += values[merge.from]
      values[merge.from] = []
    }
    // In order as well: floating-point sums see the leaves from left to right.
    #expect(values[0] == Array(0..<leaves))
  }

  @Test("the nodes of a range are disjoint, in order, and make it up", arguments: 1...20)
  func nodesCover(leaves: Int) {
    let tree = ReductionTree(leaves: leaves)
    for first in 0..<leaves {
      for end in first...leaves {
        let nodes = tree.nodes(covering: first..<end)
        #expect(nodes.flatMap { Array($0) } == Array(first..<end))
        for node in nodes { #expect(tree.nodes(covering: node) == [node]) }
      }
    }
  }

  @Test("ranks that divide a power of two of shards hold one node each")
  func oneNode() throws {
    for shards in [1, 2, 4, 8, 16] {
      for ranks in 1...shards where shards % ranks == 0 {
        for rank in 0..<ranks {
          let layout = try ShardLayout(batch: shards, shards: shards, ranks: ranks, rank: rank)
          let power = ranks.nonzeroBitCount == 1
          let nodes = layout.tree.nodes(covering: layout.localShards)
          if power { #expect(nodes == [layout.localShards]) }
        }
      }
    }
  }

  @Test("ranks' own merges and those above them are all merges, children first", arguments: 1...20)
  func mergesAbove(leaves: Int) throws {
    let tree = ReductionTree(leaves: leaves)
    for ranks in 1...leaves {
      let parts = try (0..<ranks).flatMap { rank in
        let layout = try ShardLayout(batch: leaves, shards: leaves, ranks: ranks, rank: rank)
        return tree.nodes(covering: layout.localShards)
      }
      let below = parts.flatMap { tree.merges(of: $0) }
      let above = tree.merges(above: parts)
      #expect(Set(below + above) == Set(tree.merges))
      #expect(below.count + above.count == tree.merges.count)
      // An order to add in: what merges into the root in order arrives in order.
      var values = (0..<leaves).map { [$0] }
      for merge in below + above { values[merge.into] += values[merge.from] }
      #expect(values[0] == Array(0..<leaves))
      // Above, only parts' first leaves hold values.
      let firsts = Set(parts.map(\.lowerBound))
      #expect(above.allSatisfy { firsts.contains($0.into) && firsts.contains($0.from) })
    }
  }
}
