/// The memory of shards' weight gradients inside a rank.

import Networks
import Testing

@Suite struct ShardGradientRowsTests {
  @Test("one thread needs as many rows as the tree is high at most, several a row a shard")
  func counts() throws {
    for (shards, high) in [(1, 0), (2, 1), (4, 2), (8, 3), (16, 4), (13, 3)] {
      let layout = try ShardLayout(batch: 32, shards: shards)
      #expect(ShardGradientRows(layout, inOrder: true).scratchRows == high, "\(shards)")
      #expect(ShardGradientRows(layout, inOrder: false).scratchRows == shards - 1, "\(shards)")
    }
  }

  @Test("sums of whatever stands in rows and nodes are the tree's", arguments: [true, false])
  func sums(inOrder: Bool) throws {
    for (shards, ranks) in [(8, 1), (8, 2), (8, 3), (13, 1), (13, 5), (7, 7)] {
      for rank in 0..<ranks {
        let layout = try ShardLayout(batch: 32, shards: shards, ranks: ranks, rank: rank)
        let rows = ShardGradientRows(layout, inOrder: inOrder)
        let nodes = layout.tree.nodes(covering: layout.localShards)
        // A sum is written as its brackets.
        var scratch = Array(repeating: "", count: rows.scratchRows)
        var sums = Array(repeating: "", count: nodes.count)
        func value(_ shard: Int) -> String {
          switch rows.rows[shard] {
          case .node(let node): sums[node]
          case .scratch(let row): scratch[row]
          }
        }
        func write(_ value: String, _ shard: Int) {
          switch rows.rows[shard] {
          case .node(let node): sums[node] = value
          case .scratch(let row): scratch[row] = value
          }
        }
        for shard in 0..<layout.localShards.count {
          write("\(layout.localShards.lowerBound + shard)", shard)
          for merge in rows.merges[shard] {
            write("(\(value(merge.into))+\(value(merge.from)))", merge.into)
          }
        }
        func brackets(_ node: Range<Int>) -> String {
          if node.count == 1 { return "\(node.lowerBound)" }
          var half = 1
          while half * 2 < node.count { half *= 2 }
          let middle = node.lowerBound + half
          return "(\(brackets(node.lowerBound..<middle))+\(brackets(middle..<node.upperBound)))"
        }
        #expect(sums == nodes.map(brackets))
      }
    }
  }
}
