/// What a layer works with in one pass: the workspace, and which images the pass is over.

import Kernels
import Tensors
import Threads

/// Given to each layer's forward and backward pass.
package struct PassContext {
  let workspace: Workspace
  package let mode: PassMode
  /// The pass's division of images; a short batch uses the front of each shard's memory.
  package let layout: ShardLayout
  /// Which part of a mini-batch a training pass has; the whole is part 0 of 1.
  package let microBatch: MicroBatchIndex
  /// [local images, H, W, C].
  let images: UnsafePointer<Float>
  /// Nil where no loss is wanted.
  package let targets: Targets?
  /// Where the present layer works, in the arena.
  var scratch = PassScratch.Offsets()

  package var parameters: UnsafePointer<Float> { UnsafePointer(workspace.parameters) }

  var localShardCount: Int { layout.localShards.count }

  // MARK: Values

  /// The rows of one local shard of a value, counted from this rank's first.
  package func rows(of slot: TensorSlot, shard: Int) -> Range<Int> {
    let images = layout.localImages(ofLocalShard: shard)
    switch slot.rows {
    case .images: return images
    case .dynamic(let set, let perImage):
      let first = images.lowerBound * perImage
      return first..<first + workspace.dynamicRows(set: set, shard: shard).pointee
    }
  }

  /// Sets how many rows a local shard has in a set of rows; called by the layer that makes the first
  /// value of the set, before it writes it.
  ///
  /// - Precondition: at most the set's rows for each of the shard's images.
  package func setRowCount(_ count: Int, of slot: TensorSlot, shard: Int) {
    guard case .dynamic(let set, let perImage) = slot.rows else {
      preconditionFailure("a value's rows are its images")
    }
    let most = layout.localImages(ofLocalShard: shard).count * perImage
    precondition((0...most).contains(count), "\(count) rows where at most \(most) are planned")
    workspace.dynamicRows(set: set, shard: shard).pointee = count
  }

  /// The values of one local shard.
  package func tensor(_ slot: TensorSlot, shard: Int) -> ImageTensor {
    tensor(slot, rows: rows(of: slot, shard: shard))
  }

  /// The values of some of this rank's rows.
  package func tensor(_ slot: TensorSlot, rows: Range<Int>) -> ImageTensor {
    tensor(slot, ImageSlices(images: rows))
  }

  /// The values of slices of this rank's images, as images of a slice's height.
  package func tensor(_ slot: TensorSlot, _ slices: ImageSlices) -> ImageTensor {
    let shape = ImageSlices.shape(of: slot.shape, perImage: slices.perImage)
    let memory: UnsafeMutableRawPointer
    switch slot.memory {
    case .arena(let offset): memory = UnsafeMutableRawPointer(workspace.floats(at: offset))
    case .batch: memory = UnsafeMutableRawPointer(mutating: images)
    }
    return ImageTensor(
      memory: memory + slices.range.lowerBound * shape.count * slot.element.stride,
      images: slices.range.count, shape: shape, element: slot.element)
  }

  // MARK: Blocks of images

  /// What a fused chain of passes takes at once: a piece of one shard, or whole shards of one BN
  /// group.
  package struct Block {
    package let slices: ImageSlices
    /// Local shards.
    let shards: Range<Int>
    fileprivate let slot: TensorSlot
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
  /// of this rank's rows of a value.
  ///
  /// A shard is divided into pieces in the same way whoever holds it, and one thread takes a shard's
  /// pieces in order. Where the data decide that a shard has no rows, it has one block without any, so that its
  /// gradients become 0.
  /// - Parameters:
  ///   - slicesPerImage: slices that an image has.
  ///   - acrossShards: whether a block may hold several shards.
  package func forEachBlock(
    of slot: TensorSlot, slicesPerBlock: Int, slicesPerImage: Int = 1, acrossShards: Bool,
    _ body: (_ block: Block, _ scratch: UnsafeMutablePointer<Float>) -> Void
  ) {
    let shards = localShardCount
    let groups = workspace.groups
    // Rows that the data decide leave gaps between the shards.
    let acrossShards = acrossShards && slot.rows == .images
    let tasks = acrossShards ? min(workspace.team.threads, shards) : shards
    workspace.team.run(tasks: tasks) { task, thread in
      let scratch = scratch(ofThread: thread)
      let last = (task + 1) * shards / tasks
      var shard = task * shards / tasks
      while shard < last {
        let first = slices(of: slot, shard: shard, perImage: slicesPerImage)
        var end = shard + 1
        var all = first
        while end < last {
          let next = slices(of: slot, shard: end, perImage: slicesPerImage)
          if next.upperBound - first.lowerBound > slicesPerBlock { break }
          if groups.group(ofLocalShard: end) != groups.group(ofLocalShard: shard) { break }
          all = first.lowerBound..<next.upperBound
          end += 1
        }
        func run(_ range: Range<Int>) {
          body(
            Block(
              slices: ImageSlices(range: range, perImage: slicesPerImage), shards: shard..<end,
              slot: slot),
            scratch)
        }
        if all.isEmpty, slot.rows != .images { run(all) }
        var position = all.lowerBound
        while position < all.upperBound {
          let piece = position..<min(position + slicesPerBlock, all.upperBound)
          run(piece)
          position = piece.upperBound
        }
        shard = end
      }
    }
  }

  private func slices(of slot: TensorSlot, shard: Int, perImage: Int) -> Range<Int> {
    let rows = rows(of: slot, shard: shard)
    return rows.lowerBound * perImage..<rows.upperBound * perImage
  }

  /// Calls `body` for each shard's part of `block`, in order.
  func forEachPiece(of block: Block, _ body: (Piece) -> Void) {
    let perImage = block.slices.perImage
    for shard in block.shards {
      let all = slices(of: block.slot, shard: shard, perImage: perImage)
      let range = all.clamped(to: block.slices.range)
      if range.isEmpty, !all.isEmpty { continue }
      body(
        Piece(
          shard: shard, slices: ImageSlices(range: range, perImage: perImage),
          slicesBefore: range.lowerBound - all.lowerBound,
          isLast: range.upperBound == all.upperBound))
    }
  }

  /// Runs `body(local shard, thread scratch)` for each of this rank's shards; in a short batch some
  /// have no images.
  package func forEachShard(
    _ body: (_ shard: Int, _ scratch: UnsafeMutablePointer<Float>) -> Void
  ) {
    workspace.team.run(tasks: localShardCount) { shard, thread in
      body(shard, scratch(ofThread: thread))
    }
  }

  private func scratch(ofThread thread: Int) -> UnsafeMutablePointer<Float> {
    workspace.floats(at: scratch.threads) + thread * scratch.perThread
  }

  /// The present convolution's weights in the form that its algorithm multiplies with.
  var preparedWeights: UnsafeMutablePointer<Float> { workspace.floats(at: scratch.preparedWeights) }

  /// The present layer's `savedBytes`, as its forward pass left them.
  package var saved: UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(workspace.floats(at: scratch.saved))
  }

  // MARK: Weight gradients

  /// Where local shard `shard` leaves its part of the gradient of the weights at `range`.
  package func shardGradient(_ range: Range<Int>, shard: Int) -> UnsafeMutablePointer<Float> {
    workspace.shardGradient(range, shard: shard, scratch: scratch)
  }

  /// The part of local shard `shard` is whole.
  package func didAddShardGradient(_ range: Range<Int>, shard: Int) {
    workspace.didAddShardGradient(range, shard: shard, scratch: scratch)
  }

  /// The parts of all shards are whole; called once at the end of a layer's backward pass.
  package func combineShardGradients(_ range: Range<Int>) {
    workspace.combineShardGradients(range, scratch: scratch)
  }

  // MARK: Losses

  /// The sums that a loss leaves for one local shard, from `offset` on in the sums of all losses.
  package func lossSums(_ offset: Int, shard: Int) -> MutableVectorView<Double> {
    workspace.lossSums.view.row(shard, width: workspace.lossSumsWidth)[offset...]
  }

  /// Images of the whole mini-batch, all micro-batches together.
  package var miniBatchCount: Int { layout.batch * microBatch.count }
}
