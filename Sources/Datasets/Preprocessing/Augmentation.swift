/// Random crops and flips, drawn per sample and epoch.

import Randomness

/// Pad, crop at random, mirror at random (He et al. 2015, §4.2).
///
/// The draw is a function of (seed, epoch, sample index) alone: not of the sample's place in a batch,
/// of the rank or of the thread.
public struct Augmentation: Equatable, Sendable {
  /// Zeros added on each side before a crop of the original size.
  public let padding: Int
  /// Whether half of the images are mirrored.
  public let flip: Bool

  public static let none = Augmentation(padding: 0, flip: false)

  public init(padding: Int, flip: Bool) {
    self.padding = padding
    self.flip = flip
  }

  /// What happens to one sample.
  struct Draw: Equatable {
    /// The crop's first row and column in the unpadded image, −padding…padding.
    var row = 0
    var column = 0
    var isFlipped = false
  }

  func draw(seed: UInt64, epoch: Int, index: Int) -> Draw {
    var draw = Draw()
    guard padding > 0 || flip else { return draw }
    var stream = CounterStream(seed: seed, purpose: .augmentation, epoch: epoch, index: index)
    if padding > 0 {
      draw.row = stream.next(below: 2 * padding + 1) - padding
      draw.column = stream.next(below: 2 * padding + 1) - padding
    }
    if flip { draw.isFlipped = stream.next(below: 2) == 1 }
    return draw
  }
}
