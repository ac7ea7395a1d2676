/// Image files for a network that takes any size, one by one.

import Tensors

/// Decodes image files, and writes them resized, mirrored and normalized.
///
/// One thread uses a reader.
public struct ImageFileReader: ~Copyable {
  private let normalization: Normalization
  private let decoding: ImageDecoding
  private var image = ImageBuffer()
  private var intermediate = ImageBuffer()
  private var resized = ImageBuffer()
  /// For images of the last shape.
  private var writer: (shape: ImageShape, writer: ImageNormalizer)?

  /// - Parameter normalization: by a mean colour; a mean image fits one size only.
  public init(_ normalization: Normalization, decoding: ImageDecoding) {
    if case .perPixel = normalization.mean {
      preconditionFailure("images of any size have no common mean image")
    }
    (self.normalization, self.decoding) = (normalization, decoding)
  }

  /// Decodes a file.
  ///
  /// - Returns: its size.
  /// - Throws: `DatasetError` when the file cannot be read or decoded.
  public mutating func read(_ path: String) throws -> ImageShape {
    try ImageDecoder.decode(try fileBytes(at: path), path: path, into: &image, decoding)
    return image.shape
  }

  /// The pixels of the file that was read last, [H, W, 3].
  public var pixels: MutableVectorView<UInt8> { image.pixels }

  /// Writes the file that was read last.
  ///
  /// - Parameters:
  ///   - shape: its new size, bilinear and antialiased as Pillow resizes.
  ///   - target: [H, W, 3] of `shape`; overwritten.
  public mutating func write(
    resizedTo shape: ImageShape, isFlipped: Bool, to target: MutableVectorView<Float>
  ) {
    image.resize(to: shape, via: &intermediate, into: &resized)
    if writer?.shape != shape { writer = (shape, ImageNormalizer(normalization, shape: shape)) }
    writer?.writer.write(resized.pixels, rows: 0, columns: 0, isFlipped: isFlipped, to: target)
  }
}
