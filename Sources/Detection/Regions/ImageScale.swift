/// How large an image becomes before a detector sees it (Ren et al. 2015, §3.3).

import Tensors

/// The shorter side becomes `shortSide`, unless the longer one would be longer than `longSide`.
package struct ImageScale: Hashable, Sendable {
  package let shortSide: Int
  package let longSide: Int

  package init(shortSide: Int, longSide: Int) {
    (self.shortSide, self.longSide) = (shortSide, longSide)
  }

  /// The size of an image of `shape`, as torchvision's `GeneralizedRCNNTransform` rounds it; no side is
  /// shorter than a detector needs.
  package func resized(_ shape: ImageShape) -> ImageShape {
    let (short, long) = (min(shape.height, shape.width), max(shape.height, shape.width))
    let factor = min(Double(shortSide) / Double(short), Double(longSide) / Double(long))
    func side(_ side: Int) -> Int { max(Detector.leastSide, Int(Double(side) * factor)) }
    return ImageShape(
      height: side(shape.height), width: side(shape.width), channels: shape.channels)
  }

  /// The largest images that come of it, whatever their shape.
  package var largest: ImageShape {
    ImageShape(height: min(shortSide, longSide), width: longSide, channels: 3)
  }
}
