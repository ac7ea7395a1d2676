/// Memory for all of a plan's activations and gradients in one arena, by their lifetimes.

import Tensors

/// Assigns offsets so that blocks alive at the same time never overlap.
///
/// Blocks are placed from the largest to the smallest, each at the lowest offset that is free during
/// its whole lifetime ("greedy by size", Pisarchyk & Lee 2020, arXiv 2001.03288). Sizes and offsets are
/// bytes.
struct ArenaPlanner {
  struct Block {
    let bytes: Int
    /// Inclusive steps of the plan's timeline.
    var lifetime: ClosedRange<Int>

    /// In whole cache lines.
    var roundedBytes: Int { CacheLine.whole(bytes: bytes) }
  }

  private(set) var blocks: [Block] = []
  /// Of the blocks placed so far.
  private(set) var offsets: [Int] = []
  /// Placed blocks by offset.
  private var placed: [Int] = []
  /// Bytes that the placed blocks take.
  private(set) var bytes = 0

  /// Reserves `bytes`; the index names the block.
  mutating func reserve(bytes: Int, lifetime: ClosedRange<Int>) -> Int {
    blocks.append(Block(bytes: bytes, lifetime: lifetime))
    return blocks.count - 1
  }

  /// Makes a block live during `step` too.
  mutating func extend(_ block: Int, to step: Int) {
    let lifetime = blocks[block].lifetime
    blocks[block].lifetime = min(lifetime.lowerBound, step)...max(lifetime.upperBound, step)
  }

  /// Places the blocks that were reserved since the last call around those before; their lifetimes
  /// are final then.
  mutating func place() {
    let reserved = blocks.indices[offsets.count...]
    offsets += Array(repeating: 0, count: reserved.count)
    let order = reserved.filter { blocks[$0].bytes > 0 }.sorted {
      (blocks[$0].bytes, $1) > (blocks[$1].bytes, $0)
    }
    for index in order {
      let block = blocks[index]
      var offset = 0
      for other in placed where blocks[other].lifetime.overlaps(block.lifetime) {
        if offset + block.roundedBytes <= offsets[other] { break }
        offset = max(offset, offsets[other] + blocks[other].roundedBytes)
      }
      offsets[index] = offset
      bytes = max(bytes, offset + block.roundedBytes)
      let position = placed.firstIndex { offsets[$0] > offset } ?? placed.count
      placed.insert(index, at: position)
    }
  }
}
