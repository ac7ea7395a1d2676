/// Shared state of a replica's passes: the activation arena, parameters, gradients, and the services
/// (threads, statistics exchange) that layers call.

import Kernels
import Tensors
import Threads

/// Memory for activations and their gradients; workspaces of the same parameters take turns in it.
package final class Arena {
  let bytes: AlignedBuffer<UInt8>

  init(bytes count: Int) { bytes = AlignedBuffer(count: count) }
}

/// One per replica, used by one thread at a time; tasks of the team get disjoint parts.
package final class Workspace {
  let team: ThreadTeam
  let exchange: any StatisticsExchange
  let memory: ParameterMemory
  let gradients: any GradientMemory
  /// Where the gradients of this rank's tree nodes are left: in `gradients`, unless a pass has another place.
  var nodeGradients: [UnsafeMutablePointer<Float>]
  let arena: Arena
  private let arenaStart: UnsafeMutablePointer<UInt8>
  /// The present normalization's numbers of each local shard, [local shards, width].
  let localStatistics: AlignedBuffer<Double>
  /// The same of each BN group that this rank holds a part of, [local groups, width].
  let groupStatistics: AlignedBuffer<Double>
  let normalizationSums: NormalizationSums
  /// Of each local shard, [local shards, width]: what the losses add up.
  let lossSums: AlignedBuffer<Double>
  let lossSumsWidth: Int
  /// Rows of each local shard in each set of rows that the data decide, [sets, local shards].
  private let dynamicRows: AlignedBuffer<Int>

  let parameterLayout: ParameterLayout
  let groups: NormalizationGroups
  /// The BN group, among this rank's, of each of its images in a training pass.
  private let groupOfImage: [Int]
  /// This rank's tree nodes.
  let nodes: [Range<Int>]
  private let gradientRows: ShardGradientRows

  /// What a workspace has room for.
  struct Size {
    var arenaBytes: Int
    /// Doubles of a normalization's statistics.
    var statisticsWidth: Int
    var lossSumsWidth: Int
    var rowSets: Int
    var gradients: GradientExtent
  }

  /// - Parameter other: whose parameters are this workspace's too, and whose arena, where it is large
  ///   enough: passes of the two do not overlap.
  init(
    _ parameterLayout: ParameterLayout, size: Size, team: ThreadTeam,
    groups: NormalizationGroups, exchange: any StatisticsExchange,
    gradients: (any GradientMemory)?, sharing other: Workspace?
  ) {
    self.parameterLayout = parameterLayout
    self.team = team
    self.exchange = exchange
    self.groups = groups
    groupOfImage = Self.groupOfImage(groups)
    let layout = groups.layout
    let local = layout.localShards
    nodes = layout.tree.nodes(covering: local)
    gradientRows = ShardGradientRows(layout, inOrder: team.threads == 1)
    memory = other?.memory ?? ParameterMemory(parameterLayout)
    self.gradients = gradients ?? PrivateGradientMemory(size.gradients, nodes: nodes.count)
    nodeGradients = self.gradients.nodes.map { $0.elements.baseAddress! }
    precondition(nodeGradients.count == nodes.count, "gradients are for other shards")
    arena =
      other.flatMap { $0.arena.bytes.count >= size.arenaBytes ? $0.arena : nil }
      ?? Arena(bytes: size.arenaBytes)
    arenaStart = arena.bytes.pointer
    localStatistics = AlignedBuffer(count: local.count * size.statisticsWidth)
    groupStatistics = AlignedBuffer(count: groups.localGroups.count * size.statisticsWidth)
    normalizationSums = NormalizationSums(parameterLayout, groups)
    lossSumsWidth = size.lossSumsWidth
    lossSums = AlignedBuffer(count: local.count * size.lossSumsWidth)
    dynamicRows = AlignedBuffer(count: size.rowSets * local.count)
  }

  var parameters: UnsafeMutablePointer<Float> { memory.parameters.pointer }

  var runningStatistics: UnsafeMutablePointer<Float> { memory.runningStatistics.pointer }

  /// The arena from a byte offset on.
  func floats(at offset: Int) -> UnsafeMutablePointer<Float> {
    UnsafeMutableRawPointer(arenaStart + offset).assumingMemoryBound(to: Float.self)
  }

  private static func groupOfImage(_ groups: NormalizationGroups) -> [Int] {
    let layout = groups.layout
    return (0..<layout.localShards.count).flatMap { shard in
      let group = groups.group(ofLocalShard: shard)
      return layout.localImages(ofLocalShard: shard).map { _ in group }
    }
  }

  /// The index among this rank's BN groups of a training pass's image.
  func group(ofLocalImage image: Int) -> Int { groupOfImage[image] }

  /// Rows of a local shard in a set of rows that the data decide.
  func dynamicRows(set: Int, shard: Int) -> UnsafeMutablePointer<Int> {
    dynamicRows.pointer + set * groups.layout.localShards.count + shard
  }

  // MARK: Statistics

  /// Merges the [local shards, width] in `localStatistics` with those of the other ranks, into
  /// `groupStatistics`.
  func combineStatistics(_ kind: StatisticsRule.Kind, width: Int) throws {
    let rule = StatisticsRule(kind, width: width, division: groups)
    rule.mergeLocalShards(localStatistics.view)
    try exchange.combine(VectorView(localStatistics.view), into: groupStatistics.view, by: rule)
  }

  // MARK: Weight gradients

  /// Where local shard `shard` leaves its part of the gradient of the weights at `range`.
  ///
  /// A tree node's first shard writes straight to the node's gradient; the others get scratch.
  func shardGradient(
    _ range: Range<Int>, shard: Int, scratch: PassScratch.Offsets
  ) -> UnsafeMutablePointer<Float> {
    switch gradientRows.rows[shard] {
    case .node(let node): nodeGradient(node) + range.lowerBound
    case .scratch(let row):
      floats(at: scratch.shardGradients) + row * scratch.perShardGradient
    }
  }

  /// The gradients of this rank's tree node `node`: the first one's of all trained parameters, the
  /// others' of the weights.
  func nodeGradient(_ node: Int) -> UnsafeMutablePointer<Float> { nodeGradients[node] }

  /// The part of local shard `shard` is whole: one thread adds up what it can, in the tree's order.
  func didAddShardGradient(_ range: Range<Int>, shard: Int, scratch: PassScratch.Offsets) {
    guard team.threads == 1 else { return }
    for merge in gradientRows.merges[shard] { add(merge, range, 0..<range.count, scratch) }
  }

  /// The parts of all shards are whole: several threads add them up in the tree's order, node by node.
  func combineShardGradients(_ range: Range<Int>, scratch: PassScratch.Offsets) {
    if team.threads == 1 { return }
    let chunk = 16384
    team.run(tasks: (range.count + chunk - 1) / chunk) { task, _ in
      let part = task * chunk..<min((task + 1) * chunk, range.count)
      for merges in gradientRows.merges {
        for merge in merges { add(merge, range, part, scratch) }
      }
    }
  }

  /// Elements `part` of one of the tree's additions.
  private func add(
    _ merge: ReductionTree.Merge, _ range: Range<Int>, _ part: Range<Int>,
    _ scratch: PassScratch.Offsets
  ) {
    let into = shardGradient(range, shard: merge.into, scratch: scratch) + part.lowerBound
    let from = shardGradient(range, shard: merge.from, scratch: scratch) + part.lowerBound
    Elementwise.add(into, from, output: into, count: part.count)
  }
}
