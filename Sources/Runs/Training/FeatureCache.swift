/// What a frozen network makes of a source's images, computed once by all ranks.

import Datasets
import Distributed
import MPI
import Networks
import Tensors

/// The features of all images of a source: what the classifier reads of each.
final class FeatureCache {
  let source: any ImageSource
  /// Of one image.
  let shape: ImageShape
  private let array: HostArray
  private let ranks: ProcessGroup

  /// Takes the memory. Collective.
  ///
  /// - Throws: `MPIError`.
  init(_ source: any ImageSource, shape: ImageShape, ranks: ProcessGroup) throws {
    (self.source, self.shape, self.ranks) = (source, shape, ranks)
    array = try HostArray(count: source.count * shape.count, ranks)
  }

  /// Bytes that this rank takes for a cache. Collective.
  static func bytes(
    _ source: any ImageSource, shape: ImageShape, ranks: ProcessGroup
  ) throws -> Int {
    try HostArray.bytes(count: source.count * shape.count, ranks)
  }

  /// Computes all features. Collective, once.
  ///
  /// - Parameters:
  ///   - layout: of a batch over ranks.
  ///   - loader: this rank's images, in the source's order, in batches of `layout`.
  ///   - pass: the features of images, [images, H, W, C], of which the batch has so many on all ranks.
  ///   - progress: called after each batch with the batches and images done.
  /// - Throws: `MPIError`, and what loading an image or `progress` throws.
  func fill(
    _ layout: ShardLayout, from loader: BatchLoader,
    pass: (_ images: ImageTensor, _ batch: Int) throws -> UnsafeBufferPointer<Float>,
    progress: (_ batches: Int, _ images: Int) throws -> Void
  ) throws {
    let width = shape.count
    let rows = AlignedBuffer<Float>(count: layout.capacity * width)
    for step in 0..<Self.batches(of: source, layout) {
      let first = step * layout.capacity
      let count = min(layout.capacity, source.count - first)
      let batch = layout.shortened(to: count)
      let counts = (0..<layout.ranks).map { rank in
        batch.positions(ofShards: batch.shards(ofRank: rank)).count * width
      }
      let blocks = try BlockLayout(counts: counts)
      _ = try loader.withNext { images in
        let features = try pass(images.pixels, count)
        try ranks.control.allGatherV(features, into: rows.elements, blocks)
      }
      if array.isWriter {
        array.elements[(first * width)...].update(
          from: VectorView(rows.view)[0..<count * width])
      }
      try progress(step + 1, first + count)
    }
    try array.publish()
  }

  static func batches(of source: any ImageSource, _ layout: ShardLayout) -> Int {
    (source.count + layout.capacity - 1) / layout.capacity
  }

  /// This rank's part of some mini-batches.
  ///
  /// - Parameters:
  ///   - layout: of a batch over ranks.
  ///   - microBatches: batches of a mini-batch.
  ///   - targets: of each image.
  func loader(
    _ order: SampleOrder, _ layout: ShardLayout, microBatches: Int = 1, steps: Range<Int>,
    targets: [TargetLayout]
  ) -> CachedBatches {
    CachedBatches(
      VectorView(array.elements), shape: shape, of: source, order: order,
      batchSize: layout.capacity, miniBatch: layout.capacity * microBatches,
      localRange: layout.localPositions, steps: steps,
      targets: targets)
  }
}
