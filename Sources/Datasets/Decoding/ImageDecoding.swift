/// What is asked of image files beside their pixels.

import Tensors

/// How image files are decoded.
public struct ImageDecoding: Hashable, Sendable {
  /// Whether a JPEG file's EXIF orientation is applied.
  public var upright: Bool
  /// The largest image that is decoded, so that a few bytes cannot claim all memory. A JPEG file of one scan
  /// counts in the size to which it is decoded, since its decoder holds a few rows of the full one.
  public var maximumPixels: Int

  /// What Pillow decodes at most.
  public static let usualMaximum = 178_956_970
  /// Pixels above which an image is worth making smaller: 192 MiB decoded.
  public static let largePixels = 1 << 26

  public init(upright: Bool = false, maximumPixels: Int = usualMaximum) {
    self.upright = upright
    self.maximumPixels = maximumPixels
  }

  /// Checks the size of a file against that of what is held of it while it is decoded.
  ///
  /// - Throws: `DatasetError.oversized`.
  func check(_ file: ImageShape, decoded: ImageShape, path: String) throws {
    // Each side fits 32 bits, so the product fits 64.
    if decoded.area > maximumPixels {
      throw DatasetError.oversized(path: path, shape: file, maximum: maximumPixels)
    }
  }
}
