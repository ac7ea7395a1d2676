/// Whole images for a network that takes any size.

import Tensors

/// Reads images of a source one by one, resized by their shorter side, and normalizes them.
///
/// One thread uses a reader.
public struct WholeImageReader: ~Copyable {
  private let source: any ImageSource
  private let normalization: Normalization
  private var image = ImageBuffer()
  private var intermediate = ImageBuffer()
  private var resized = ImageBuffer()
  /// For images of the last shape.
  private var writer: (shape: ImageShape, writer: ImageNormalizer)?

  /// - Parameter normalization: by a mean colour; a mean image fits one size only. Nil: pixels as they
  ///   are.
  public init(_ source: any ImageSource, _ normalization: Normalization? = nil) {
    let normalization = normalization ?? .bytes(channels: 3)
    if case .perPixel = normalization.mean {
      preconditionFailure("images of any size have no common mean image")
    }
    self.source = source
    self.normalization = normalization
  }

  /// The size of an image. Costs little more than reading a JPEG file's head.
  ///
  /// - Throws: `DatasetError` when the file cannot be read or decoded.
  public mutating func size(of index: Int) throws -> ImageShape {
    var size: ImageShape?
    try source.read(index, into: &image) { shape in
      size = shape
      return 8
    }
    return size ?? image.shape
  }

  /// The size of an image of `shape` whose shorter side becomes `shorterSide`, as torchvision rounds it.
  public static func resizedShape(of shape: ImageShape, shorterSide: Int) -> ImageShape {
    ResizedCrop.resizedShape(of: shape, shorterSide: shorterSide)
  }

  /// Writes an image, resized, and its mirror image.
  ///
  /// - Parameter target: [2, H, W, C] of `shape`; overwritten.
  /// - Throws: `DatasetError` when the file cannot be read or decoded.
  public mutating func read(
    _ index: Int, resizedTo shape: ImageShape, to target: MutableVectorView<Float>
  ) throws {
    try source.read(index, into: &image)
    image.resize(to: shape, via: &intermediate, into: &resized)
    if writer?.shape != shape { writer = (shape, ImageNormalizer(normalization, shape: shape)) }
    for (view, isFlipped) in [false, true].enumerated() {
      writer?.writer.write(
        resized.pixels, rows: 0, columns: 0, isFlipped: isFlipped,
        to: target.row(view, width: shape.count))
    }
  }
}
