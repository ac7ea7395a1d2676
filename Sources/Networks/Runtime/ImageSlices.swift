/// Part of a rank's images, down to some rows of one.

import Tensors

/// Consecutive slices of images, each `perImage` slices of equal height.
///
/// Layers whose output rows need no other input rows take large images in slices that stay in the
/// second-level cache.
package struct ImageSlices {
  /// Counted from this rank's first image.
  package let range: Range<Int>
  package let perImage: Int

  /// Whole images.
  package init(images: Range<Int>) { self.init(range: images, perImage: 1) }

  package init(range: Range<Int>, perImage: Int) {
    self.range = range
    self.perImage = perImage
  }

  /// The image that the first slice is a part of.
  package var firstImage: Int { range.lowerBound / perImage }

  /// A slice of an image of `shape`.
  static func shape(of shape: ImageShape, perImage: Int) -> ImageShape {
    ImageShape(height: shape.height / perImage, width: shape.width, channels: shape.channels)
  }
}
