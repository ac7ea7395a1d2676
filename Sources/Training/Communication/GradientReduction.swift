/// The sum of the weight gradients over all ranks, in the order of the tree over shards.

import Kernels
import MPI
import Networks
import Tensors

/// Adds up gradients so that any number of ranks gives the bits that one rank gives.
///
/// Each rank holds the sums over the tree nodes that its shards make up: one node where the ranks
/// divide a power of two of shards, a few otherwise. The vector is cut into one part for each rank,
/// its owner. Every rank sends its nodes' values of each part to the part's owner, which merges all
/// nodes in the tree's order; then the parts are gathered. A rank sends and receives about twice the
/// vector whatever the number of ranks, like a ring, in one round trip.
public final class GradientReduction {
  private let communicator: Communicator
  private let count: Int
  /// All ranks' tree nodes, from left to right, and the rank that holds each.
  private let holders: [Int]
  /// Inner nodes above them, as indices into `holders`.
  private let merges: [ReductionTree.Merge]
  /// What the other ranks send of this rank's part, [nodes, part].
  private let received: AlignedBuffer<Float>
  private let parts: [Range<Int>]
  private let blocks: BlockLayout

  /// - Parameters:
  ///   - communicator: used for nothing else while a reduction is under way.
  ///   - layout: this rank's shards.
  ///   - count: elements of the weights region.
  /// - Throws: `MPIError` when the vector is longer than MPI can count.
  public init(_ communicator: Communicator, layout: ShardLayout, count: Int) throws(MPIError) {
    precondition(
      communicator.size == layout.ranks && communicator.rank == layout.rank,
      "the layout is for other ranks")
    self.communicator = communicator
    self.count = count
    let tree = layout.tree
    var nodes: [Range<Int>] = []
    var holders: [Int] = []
    for rank in 0..<layout.ranks {
      let own = tree.nodes(covering: layout.shards(ofRank: rank))
      nodes += own
      holders += own.map { _ in rank }
    }
    self.holders = holders
    let indexOfFirstShard = Dictionary(
      uniqueKeysWithValues: nodes.enumerated().map { ($1.lowerBound, $0) })
    merges = tree.merges(above: nodes).map {
      ReductionTree.Merge(into: indexOfFirstShard[$0.into]!, from: indexOfFirstShard[$0.from]!)
    }
    parts = (0..<layout.ranks).map {
      $0 * count / layout.ranks..<($0 + 1) * count / layout.ranks
    }
    blocks = try BlockLayout(counts: parts.map(\.count))
    received = AlignedBuffer(
      count: layout.ranks == 1 ? 0 : holders.count * (count / layout.ranks + 1))
  }

  /// Replaces the first node's weights on every rank by the sum over all nodes of all ranks.
  ///
  /// - Parameter nodes: this rank's nodes, as `Replica.gradientNodes` gives them.
  /// - Throws: `MPIError`.
  public func reduce(
    _ nodes: [(shards: Range<Int>, weights: UnsafeMutableBufferPointer<Float>)]
  ) throws {
    if communicator.size == 1 { return }
    try exchange(nodes.map(\.weights))
    let mine = parts[communicator.rank]
    let sums = nodes[0].weights
    let firstOwn = holders.firstIndex(of: communicator.rank)!
    func values(_ node: Int) -> UnsafeMutablePointer<Float> {
      holders[node] == communicator.rank
        ? nodes[node - firstOwn].weights.baseAddress! + mine.lowerBound
        : received.pointer + node * mine.count
    }
    for merge in merges {
      let into = values(merge.into)
      Elementwise.add(into, values(merge.from), output: into, count: mine.count)
    }
    if holders[0] != communicator.rank {
      (sums.baseAddress! + mine.lowerBound).update(from: values(0), count: mine.count)
    }
    try communicator.allGatherV(inPlace: sums, blocks)
  }

  /// Sends each other rank its part of every own node and receives this rank's part of theirs.
  private func exchange(_ nodes: [UnsafeMutableBufferPointer<Float>]) throws {
    let mine = parts[communicator.rank]
    var requests = RequestSet()
    for (index, holder) in holders.enumerated() where holder != communicator.rank {
      let target = UnsafeMutableBufferPointer(
        start: received.pointer + index * mine.count, count: mine.count)
      requests.insert(try communicator.iReceive(into: target, from: holder, tag: index))
    }
    let firstOwn = holders.firstIndex(of: communicator.rank)!
    for (node, weights) in nodes.enumerated() {
      // Start with the right neighbour, so that not all ranks send to the same one first.
      for distance in 1..<communicator.size {
        let owner = (communicator.rank + distance) % communicator.size
        let part = UnsafeBufferPointer(rebasing: weights[parts[owner]])
        requests.insert(try communicator.iSend(part, to: owner, tag: firstOwn + node))
      }
    }
    try requests.waitAll()
  }
}
