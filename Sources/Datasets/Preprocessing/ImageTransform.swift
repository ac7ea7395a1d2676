/// What is done to an image before the network sees it: a description, and its random draws.

import Kernels
import Randomness
import Tensors

/// Crops, resizes and mirrors an image; training at random, tests in one way.
///
/// A draw is a function of (seed, epoch, sample index) and the image's size alone: not of the
/// sample's place in a batch, of the rank or of the thread.
public struct ImageTransform: Equatable, Sendable {
  /// Which part of an image becomes the input, at which size.
  public enum Crop: Equatable, Sendable {
    /// The image as it is.
    case whole
    /// Zeros added on each side, then a crop of the image's own size (He et al. 2015, §4.2).
    case padded(Int)
    /// A part with a random share of the area and a random ratio of its sides, resized to a square:
    /// torchvision's `RandomResizedCrop` (Szegedy et al. 2014, §6).
    case randomResized(size: Int, area: ClosedRange<Double>, ratio: ClosedRange<Double>)
    /// The whole image resized, so that its shorter side has a random length in a range, then a square of
    /// it. At random positions this is the paper's (He et al. 2015, §3.4), at the centre, with a range
    /// of one length, torchvision's `Resize` and `CenterCrop`.
    case resized(shorterSide: ClosedRange<Int>, size: Int, at: Position)
  }

  /// Where a square is cut out of a resized image.
  public enum Position: Equatable, Sendable, CaseIterable {
    case random
    case center
    /// What is the centre of the mirror image: a pixel beside `center` where the spare columns are odd.
    case centerOfMirrorImage
    case topLeft
    case topRight
    case bottomLeft
    case bottomRight
  }

  public enum Flip: Equatable, Sendable {
    case never
    case always
    /// Half of the images.
    case random
  }

  public var crop: Crop
  /// How an image is resized.
  public var interpolation = ResamplingFilter.bilinear
  public var flip: Flip
  /// Random changes of the colours, after the crop; of padded images before it.
  public var color = ColorJitter.none
  /// Random operations, before the changes of the colours; nil: none.
  public var automatic: AutoAugmentation?
  /// Rectangles set to the mean, after the normalization.
  public var erasing = RandomErasing.none
  /// Whether large JPEG files may be decoded in reduced size before they are resized: faster, and not to
  /// the last bit what torchvision makes of them.
  public var reducesDecoding = false

  public static let none = ImageTransform(crop: .whole)

  /// - Precondition: sizes are positive, and a resized image is never smaller than what is cut out
  ///   of it.
  public init(crop: Crop, flip: Flip = .never) {
    switch crop {
    case .whole: break
    case .padded(let padding): precondition(padding >= 0)
    case .randomResized(let size, let area, let ratio):
      precondition(size > 0 && area.lowerBound > 0 && area.upperBound <= 1 && ratio.lowerBound > 0)
    case .resized(let side, let size, _): precondition(size > 0 && side.lowerBound >= size)
    }
    self.crop = crop
    self.flip = flip
  }

  /// Pad, crop, mirror: the recipe for CIFAR.
  public init(padding: Int, flip: Bool) {
    self.init(crop: padding > 0 ? .padded(padding) : .whole, flip: flip ? .random : .never)
  }

  /// torchvision's `Resize(resize)` and `CenterCrop(size)`.
  public static func test(
    resize: Int, size: Int, interpolation: ResamplingFilter = .bilinear
  ) -> ImageTransform {
    var transform = ImageTransform(
      crop: .resized(shorterSide: resize...resize, size: size, at: .center))
    transform.interpolation = interpolation
    return transform
  }

  /// The input that images of `shape` become; nil where they have no common shape and keep their own.
  public func outputShape(of shape: ImageShape?) -> ImageShape? {
    switch crop {
    case .whole, .padded: shape
    case .randomResized(let size, _, _), .resized(_, let size, _):
      ImageShape(height: size, width: size, channels: 3)
    }
  }

  /// Whether an image becomes another input in each epoch.
  public var isRandom: Bool {
    let hasRandomCrop =
      switch crop {
      case .whole: false
      case .padded(let padding): padding > 0
      case .randomResized: true
      case .resized(let side, _, let position): side.count > 1 || position == .random
      }
    return hasRandomCrop || flip == .random || color != .none || automatic != nil
      || erasing != .none
  }

  /// What happens to one sample.
  struct Draw: Equatable {
    var view: ImageView
    var isFlipped = false
    var color = ColorJitter.Draw()
    var operations: [ImageOperation] = []
  }

  func draw(seed: UInt64, epoch: Int, index: Int, shape: ImageShape) -> Draw {
    var stream = CounterStream(seed: seed, purpose: .augmentation, epoch: epoch, index: index)
    let view: ImageView
    switch crop {
    case .whole: view = .shifted(rows: 0, columns: 0)
    case .padded(let padding):
      view = .shifted(
        rows: stream.next(below: 2 * padding + 1) - padding,
        columns: stream.next(below: 2 * padding + 1) - padding)
    case .randomResized(let size, let area, let ratio):
      view = .resized(
        .randomResized(shape, size: size, area: area, ratio: ratio, from: &stream)
          .with(interpolation))
    case .resized(let side, let size, let position):
      let length = side.lowerBound + stream.next(below: side.count)
      view = .resized(
        .square(of: shape, shorterSide: length, size: size, at: position, from: &stream)
          .with(interpolation))
    }
    let isFlipped =
      switch flip {
      case .never: false
      case .always: true
      case .random: stream.next(below: 2) == 1
      }
    var draw = Draw(view: view, isFlipped: isFlipped, color: color.draw(from: &stream))
    if let automatic {
      draw.operations = automatic.draw(from: &stream, shape: outputShape(of: shape) ?? shape)
    }
    return draw
  }
}
