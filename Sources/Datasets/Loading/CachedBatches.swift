/// Mini-batches of what is kept in memory of each image.

import Tensors

/// Whatever hands out this rank's part of each mini-batch in order.
public protocol BatchSource: AnyObject {
  /// The shape of an image.
  var shape: ImageShape { get }

  /// Calls `body` with the next mini-batch; nil after the last.
  ///
  /// - Throws: what reading one of its images threw, or what `body` throws.
  func withNext<Result>(_ body: (Batch) throws -> Result) throws -> Result?

  /// The bad images of the batches given back since the last call, in the batches' order.
  func takeBadImages() -> [BadImage]
}

extension BatchLoader: BatchSource {}

/// Hands out rows of an array, one for each image of a source, in the order of a `BatchLoader` of these
/// images.
public final class CachedBatches: BatchSource {
  public let shape: ImageShape
  /// [images of the source, H, W, C].
  private let values: VectorView<Float>
  private let source: any ImageSource
  private let stream: SampleStream
  private let places: BatchPositions
  private let layouts: [TargetLayout]
  private let steps: Range<Int>
  /// [local images, H, W, C].
  private let rows: AlignedBuffer<Float>
  /// [local images, bytes] of each layout, one after the other.
  private let targetMemory: AlignedBuffer<UInt8>
  private let targets: [MutableVectorView<UInt8>]
  private var step: Int

  /// - Parameters:
  ///   - values: [images of `source`, H, W, C], read when a batch is made; they outlive this object.
  ///   - shape: H, W and C.
  ///   - batchSize: images of a batch of all ranks.
  ///   - miniBatch: images of a mini-batch, which may have several batches.
  ///   - localRange: this rank's positions in each mini-batch.
  ///   - steps: which mini-batches to hand out; sequential ones end with the images, the last may be
  ///     short.
  ///   - layouts: what to deliver for each image.
  public init(
    _ values: VectorView<Float>, shape: ImageShape, of source: any ImageSource,
    order: SampleOrder, batchSize: Int, miniBatch: Int, localRange: Range<Int>, steps: Range<Int>,
    targets layouts: [TargetLayout]
  ) {
    precondition(values.count == source.count * shape.count, "a row for each image")
    precondition(layouts.allSatisfy(source.provides), "targets of the source")
    (self.values, self.shape, self.source) = (values, shape, source)
    (self.layouts, self.steps) = (layouts, steps)
    stream = SampleStream(order, runs: source.storageRuns, miniBatch: miniBatch)
    places = BatchPositions(
      images: source.count, order: order, batchSize: batchSize, localRange: localRange)
    rows = AlignedBuffer(count: localRange.count * shape.count)
    let memory = AlignedBuffer<UInt8>(
      count: localRange.count * layouts.reduce(0) { $0 + $1.byteCount })
    var offset = 0
    targets = layouts.map { layout in
      let size = localRange.count * layout.byteCount
      defer { offset += size }
      return memory.view[offset..<offset + size]
    }
    targetMemory = memory
    step = steps.lowerBound
  }

  public func withNext<Result>(_ body: (Batch) throws -> Result) throws -> Result? {
    guard step < steps.upperBound else { return nil }
    let positions = places.positions(ofStep: step)
    stream.forEach(positions) { row, _, index in
      rows.view.row(row, width: shape.count).update(
        from: values.row(index, width: shape.count))
      for (layout, block) in zip(layouts, targets) {
        var target = TargetSpace(layout, in: block.row(row, width: layout.byteCount))
        source.writeAnyTarget(of: index, to: &target)
      }
    }
    step += 1
    return try body(
      Batch(
        pixels: ImageTensor(base: rows.pointer, images: positions.count, shape: shape),
        targets: Targets(targets.map { VectorView($0) })))
  }

  /// None: what is kept was made of good images.
  public func takeBadImages() -> [BadImage] { [] }
}
