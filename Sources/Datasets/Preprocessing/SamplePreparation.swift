/// From a source's image to the network's input: read, crop, resize, mirror, normalize.

import Kernels
import Tensors

/// Prepares samples; the same for all threads, each with its own `Scratch`.
struct SamplePreparation: Sendable {
  /// One thread's memory.
  struct Scratch: ~Copyable {
    var image = ImageBuffer()
    var intermediate = ImageBuffer()
    var resized = ImageBuffer()
  }

  let source: any ImageSource
  let transform: ImageTransform
  let output: ImageShape
  private let writer: ImageNormalizer

  /// - Precondition: the source's images have one shape, or `transform` gives them one.
  init(
    _ source: any ImageSource, _ transform: ImageTransform, _ normalization: Normalization
  ) {
    guard let output = transform.outputShape(of: source.imageShape) else {
      preconditionFailure("images of several sizes need a transform that makes them equal")
    }
    self.source = source
    self.transform = transform
    self.output = output
    writer = ImageNormalizer(normalization, shape: output)
  }

  /// Prepares one sample.
  ///
  /// - Parameter target: [H, W, C] of `output`; overwritten.
  /// - Throws: what reading the image throws.
  func prepare(
    _ index: Int, seed: UInt64, epoch: Int, scratch: inout Scratch,
    to target: MutableVectorView<Float>
  ) throws {
    var drawn: ImageTransform.Draw?
    try source.read(index, into: &scratch.image) { shape in
      let draw = transform.draw(seed: seed, epoch: epoch, index: index, shape: shape)
      drawn = draw
      guard transform.reducesDecoding, case .resized(let crop) = draw.view else { return 1 }
      return crop.largestDivisor
    }
    let draw =
      drawn
      ?? transform.draw(seed: seed, epoch: epoch, index: index, shape: scratch.image.shape)
    switch draw.view {
    case .shifted(let rows, let columns):
      guard scratch.image.shape == output else {
        throw DatasetError.wrongSize(
          path: source.imageName(at: index), found: scratch.image.shape, expected: output)
      }
      scratch.image.change(by: draw, scratch: &scratch.intermediate)
      writer.write(
        scratch.image.pixels, rows: rows, columns: columns,
        isFlipped: draw.isFlipped, to: target)
    case .resized(let crop):
      scratch.image.resample(crop, via: &scratch.intermediate, to: &scratch.resized)
      scratch.resized.change(by: draw, scratch: &scratch.intermediate)
      writer.write(
        scratch.resized.pixels, rows: 0, columns: 0,
        isFlipped: draw.isFlipped, to: target)
    }
    if let shift = draw.color.shift { writer.add(shift, to: target) }
    if let box = transform.erasing.draw(seed: seed, epoch: epoch, index: index, shape: output) {
      for row in box.rows {
        let first = (row * output.width + box.columns.lowerBound) * output.channels
        target[first..<first + box.columns.count * output.channels].update(repeating: 0)
      }
    }
  }
}

extension ImageBuffer {
  /// Applies the operations and the changes of the colours that were drawn.
  ///
  /// - Parameter scratch: memory for another image of the same size.
  fileprivate mutating func change(by draw: ImageTransform.Draw, scratch: inout ImageBuffer) {
    for operation in draw.operations { apply(operation, scratch: &scratch) }
    for blend in draw.color.blends { self.blend(blend) }
  }

  /// Resizes a part of the image into `target`.
  func resample(
    _ crop: ResizedCrop, via intermediate: inout ImageBuffer, to target: inout ImageBuffer
  ) {
    let (rows, columns, row, column) = crop.axes(decoded: shape, divisor: divisor)
    target.reshape(ImageShape(height: rows.count, width: columns.count, channels: 3))
    intermediate.reshape(
      ImageShape(height: rows.inputs.count, width: columns.count, channels: 3))
    let pitch = shape.width * 3
    ImageResampling.resample(
      VectorView(paddedPixels[(row * pitch + column * 3)...]), pitch: pitch, columns: columns,
      rows: rows, intermediate: intermediate.paddedPixels, to: target.paddedPixels)
  }

  /// Resizes the whole image, as Pillow does; one that was reduced when it was decoded, too.
  ///
  /// - Parameters:
  ///   - intermediate: memory for the image between the passes.
  ///   - target: takes the result.
  public func resize(
    to size: ImageShape, filter: ResamplingFilter = .bilinear,
    via intermediate: inout ImageBuffer, into target: inout ImageBuffer
  ) {
    // A crop is of the file's own size.
    let crop = ResizedCrop(
      rows: 0..<shape.height * divisor, columns: 0..<shape.width * divisor, height: size.height,
      width: size.width,
      windowRows: 0..<size.height, windowColumns: 0..<size.width, filter: filter)
    resample(crop, via: &intermediate, to: &target)
  }
}
