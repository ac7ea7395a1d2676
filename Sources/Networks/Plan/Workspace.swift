/// The memory and the colleagues that a plan's layers work with.

import Kernels
import Tensors

/// Where a value lives while the plan runs.
struct Place: Hashable {
  /// Nil for the network's input, which stays in the caller's buffer.
  let offset: Int?
  let shape: ImageShape
}

/// Everything a layer reads and writes besides its own description.
///
/// One per replica, used by one thread at a time; tasks of the team get disjoint parts.
final class Workspace {
  let team: ThreadTeam
  let exchange: any StatisticsExchange
  let memory: ParameterMemory
  let gradients: any GradientMemory
  /// The gradients of this rank's tree nodes, as `gradients` has them.
  private let nodeGradients: [UnsafeMutablePointer<Float>]
  let arena: AlignedBuffer<Float>
  /// The present normalization's numbers of each local shard, [local shards, width].
  let localStatistics: AlignedBuffer<Double>
  /// The same of each BN group that this rank holds a part of, [local groups, width].
  let groupStatistics: AlignedBuffer<Double>
  let normalizationTotals: NormalizationTotals
  let shardSums: UnsafeMutableBufferPointer<ClassificationSums>

  let parameterLayout: ParameterLayout
  let division: StatisticsDivision
  /// The BN group, among this rank's, of each of its images in a training pass.
  private let groupOfImage: [Int]
  /// This rank's tree nodes.
  let nodes: [Range<Int>]
  private let gradientRows: ShardGradientRows

  /// The current pass's division of images; a short batch uses the front of each shard's memory.
  var layout: ShardLayout
  /// Where the present layer's pass works, in the arena.
  var scratch = PassScratch.Places()
  /// Which part of a mini-batch a training pass has; the whole is part 0 of 1.
  var part = MiniBatchPart.whole
  var images: UnsafePointer<Float>
  var labels: UnsafePointer<Int32>

  /// - Parameters:
  ///   - arena: elements that the replica's plans need.
  ///   - statisticsWidth: doubles of a normalization's statistics.
  init(
    parameterLayout: ParameterLayout, memory: ParameterMemory, layout: ShardLayout,
    arena arenaCount: Int, statisticsWidth: Int, team: ThreadTeam, division: StatisticsDivision,
    exchange: any StatisticsExchange,
    gradients: (any GradientMemory)?, extent: GradientExtent
  ) {
    self.parameterLayout = parameterLayout
    self.layout = layout
    self.team = team
    self.exchange = exchange
    self.division = division
    groupOfImage = Self.groupOfImage(division)
    let tree = layout.tree
    let local = layout.localShards
    nodes = tree.nodes(covering: local)
    gradientRows = ShardGradientRows(layout, inOrder: team.threads == 1)
    self.memory = memory
    self.gradients = gradients ?? PrivateGradientMemory(extent, nodes: nodes.count)
    nodeGradients = self.gradients.nodes
    precondition(nodeGradients.count == nodes.count, "gradients are for other shards")
    arena = AlignedBuffer(count: arenaCount)
    localStatistics = AlignedBuffer(count: local.count * statisticsWidth)
    groupStatistics = AlignedBuffer(count: division.localGroups.count * statisticsWidth)
    normalizationTotals = NormalizationTotals(parameterLayout, division)
    shardSums = .allocate(capacity: local.count)
    shardSums.initialize(repeating: ClassificationSums())
    images = UnsafePointer(arena.pointer)
    labels = UnsafePointer(UnsafeRawPointer(arena.pointer).assumingMemoryBound(to: Int32.self))
  }

  deinit { shardSums.deallocate() }

  var parameters: UnsafeMutablePointer<Float> { memory.parameters.pointer }

  var runningStatistics: UnsafeMutablePointer<Float> { memory.runningStatistics.pointer }

  var localShardCount: Int { layout.localShards.count }

  /// The images of one local shard at `place`.
  func tensor(_ place: Place, shard: Int) -> ImageTensor {
    tensor(place, images: layout.localImages(ofLocalShard: shard))
  }

  /// Some of this rank's images at `place`.
  func tensor(_ place: Place, images: Range<Int>) -> ImageTensor {
    tensor(place, ImageSlices(images: images))
  }

  /// Slices of this rank's images at `place`, as images of a slice's height.
  func tensor(_ place: Place, _ slices: ImageSlices) -> ImageTensor {
    let shape = ImageSlices.shape(of: place.shape, perImage: slices.perImage)
    let base: UnsafeMutablePointer<Float>
    if let offset = place.offset {
      base = arena.pointer + offset
    } else {
      base = UnsafeMutablePointer(mutating: self.images)
    }
    return ImageTensor(
      base: base + slices.range.lowerBound * shape.count, images: slices.range.count,
      shape: shape)
  }

  private static func groupOfImage(_ division: StatisticsDivision) -> [Int] {
    let layout = division.layout
    return (0..<layout.localShards.count).flatMap { shard in
      let group = division.group(ofLocalShard: shard)
      return layout.localImages(ofLocalShard: shard).map { _ in group }
    }
  }

  /// The place among this rank's BN groups of a training pass's image.
  func group(ofLocalImage image: Int) -> Int { groupOfImage[image] }

  // MARK: Blocks of images

  /// What a fused chain of passes takes at once: a piece of one shard, or whole shards of one BN
  /// group.
  struct Block {
    let slices: ImageSlices
    /// Local shards.
    let shards: Range<Int>
  }

  /// The part of a block that belongs to one shard.
  struct Piece {
    /// Local shard.
    let shard: Int
    let slices: ImageSlices
    /// Slices of the shard before this piece.
    let slicesBefore: Int
    let isLast: Bool
    var isFirst: Bool { slicesBefore == 0 }
  }

  /// Runs `body(block, thread scratch)` for blocks of at most `slicesPerBlock` slices that make up all
  /// of this rank's images.
  ///
  /// A shard is divided into pieces in the same way whoever holds it, and one thread takes a shard's
  /// pieces in order.
  /// - Parameters:
  ///   - slicesPerImage: slices that an image has.
  ///   - acrossShards: whether a block may hold several shards.
  func forEachBlock(
    slicesPerBlock: Int, slicesPerImage: Int = 1, acrossShards: Bool,
    _ body: (_ block: Block, _ scratch: UnsafeMutablePointer<Float>) -> Void
  ) {
    let shards = localShardCount
    let tasks = acrossShards ? min(team.threads, shards) : shards
    team.run(tasks: tasks) { task, thread in
      let scratch = scratch(ofThread: thread)
      let last = (task + 1) * shards / tasks
      var shard = task * shards / tasks
      while shard < last {
        let first = slices(ofShard: shard, perImage: slicesPerImage)
        var end = shard + 1
        var all = first
        while end < last {
          let next = slices(ofShard: end, perImage: slicesPerImage)
          if next.upperBound - first.lowerBound > slicesPerBlock { break }
          if division.group(ofLocalShard: end) != division.group(ofLocalShard: shard) { break }
          all = first.lowerBound..<next.upperBound
          end += 1
        }
        var position = all.lowerBound
        while position < all.upperBound {
          let piece = position..<min(position + slicesPerBlock, all.upperBound)
          body(
            Block(
              slices: ImageSlices(range: piece, perImage: slicesPerImage), shards: shard..<end),
            scratch)
          position = piece.upperBound
        }
        shard = end
      }
    }
  }

  private func slices(ofShard shard: Int, perImage: Int) -> Range<Int> {
    let images = layout.localImages(ofLocalShard: shard)
    return images.lowerBound * perImage..<images.upperBound * perImage
  }

  /// Calls `body` for each shard's part of `block`, in order.
  func forEachPiece(of block: Block, _ body: (Piece) -> Void) {
    let perImage = block.slices.perImage
    for shard in block.shards {
      let all = slices(ofShard: shard, perImage: perImage)
      let range = all.clamped(to: block.slices.range)
      if range.isEmpty { continue }
      body(
        Piece(
          shard: shard, slices: ImageSlices(range: range, perImage: perImage),
          slicesBefore: range.lowerBound - all.lowerBound,
          isLast: range.upperBound == all.upperBound))
    }
  }

  /// Runs `body(local shard, thread scratch)` for each of this rank's shards; in a short batch some
  /// have no images.
  func forEachShard(_ body: (_ shard: Int, _ scratch: UnsafeMutablePointer<Float>) -> Void) {
    team.run(tasks: localShardCount) { shard, thread in
      body(shard, scratch(ofThread: thread))
    }
  }

  private func scratch(ofThread thread: Int) -> UnsafeMutablePointer<Float> {
    arena.pointer + scratch.threads + thread * scratch.perThread
  }

  /// The present convolution's weights in the form that its algorithm multiplies with.
  var preparedWeights: UnsafeMutablePointer<Float> { arena.pointer + scratch.preparedWeights }

  // MARK: Statistics

  /// Merges the [local shards, width] in `localStatistics` with those of the other ranks, into
  /// `groupStatistics`.
  func combineStatistics(_ kind: StatisticsRule.Kind, width: Int) throws {
    let rule = StatisticsRule(kind, width: width, division: division)
    let local = localStatistics.pointer
    rule.mergeLocalShards(local)
    try exchange.combine(local, into: groupStatistics.pointer, by: rule)
  }

  // MARK: Weight gradients

  /// Where local shard `shard` leaves its part of the gradient of the weights at `range`.
  ///
  /// A tree node's first shard writes straight to the node's gradient; the others get scratch.
  func shardGradient(_ range: Range<Int>, shard: Int) -> UnsafeMutablePointer<Float> {
    switch gradientRows.rows[shard] {
    case .node(let node): nodeGradient(node) + range.lowerBound
    case .scratch(let row):
      arena.pointer + scratch.shardGradients + row * scratch.perShardGradient
    }
  }

  /// The gradients of this rank's tree node `node`: the first one's of all parameters, the others' of the
  /// weights.
  func nodeGradient(_ node: Int) -> UnsafeMutablePointer<Float> { nodeGradients[node] }

  /// The part of local shard `shard` is whole: one thread adds up what it can, in the tree's order.
  func didAddShardGradient(_ range: Range<Int>, shard: Int) {
    guard team.threads == 1 else { return }
    for merge in gradientRows.merges[shard] { add(merge, range, 0..<range.count) }
  }

  /// The parts of all shards are whole: several threads add them up in the tree's order, node by node.
  func combineShardGradients(_ range: Range<Int>) {
    if team.threads == 1 { return }
    let chunk = 16384
    team.run(tasks: (range.count + chunk - 1) / chunk) { task, _ in
      let part = task * chunk..<min((task + 1) * chunk, range.count)
      for merges in gradientRows.merges {
        for merge in merges { add(merge, range, part) }
      }
    }
  }

  /// Elements `part` of one of the tree's additions.
  private func add(_ merge: ReductionTree.Merge, _ range: Range<Int>, _ part: Range<Int>) {
    let into = shardGradient(range, shard: merge.into) + part.lowerBound
    let from = shardGradient(range, shard: merge.from) + part.lowerBound
    Elementwise.add(into, from, output: into, count: part.count)
  }
}
