/// How images of any size become the network's input: what the user chose, and what follows from it.

import Datasets
import Distributed
import Tensors

/// How training images are cropped.
package enum TrainingCrop: String, CaseIterable, Sendable {
  /// Zeros around the image, then a crop of its own size (He et al. 2015, §4.2).
  case pad
  /// A part of random area and ratio, resized (Szegedy et al. 2014, §6).
  case randomResized = "random-resized"
  /// The image resized to a shorter side of random length, then a random crop (He et al. 2015, §3.4).
  case scale
  /// As for test images.
  case center
}

/// The part of a configuration that says how images become the network's input.
package struct ImageOptions: Hashable, Sendable {
  /// The side of the network's input in training; nil: 224, or the images' own size where all are small.
  package var size: Int?
  /// Nil: pad where all images have one small size and `size` is not given, else random-resized.
  package var trainingCrop: TrainingCrop?
  /// The share of the image's area that random-resized takes.
  package var area = 0.08...1.0
  /// The ratio of width to height that random-resized takes.
  package var ratio = 3.0 / 4...4.0 / 3
  /// Lengths of the shorter side for scale; nil: 256 to 480 where `size` is 224, else in proportion.
  package var scales: ClosedRange<Int>?
  /// The shorter side that test images are resized to; nil: 256 where `testSize` is 224, else in proportion.
  package var testResize: Int?
  /// The side of the centre of test images; nil: as in training.
  package var testSize: Int?
  /// How far brightness, contrast and saturation of training images are changed at random.
  package var colorJitter = [0.0, 0.0, 0.0]
  /// The deviation of the noise along ImageNet's principal colours.
  package var principalNoise = 0.0
  /// Whether photographs are turned upright as their EXIF data say.
  package var transposesByEXIF = false
  /// What becomes of training images that cannot be read or decoded; a bad test image always ends the run.
  package var badImages = BadImagePolicy.fail

  package init() {}

  /// The longest side of images of one size that are small: taken as they are, where nothing else is said.
  package static let smallSide = 96
  private static let usualSize = 224

  /// Whether the images of a source are taken as they are.
  package func keepsSize(of shape: ImageShape?) -> Bool {
    guard let shape, size == nil, testResize == nil, testSize == nil else { return false }
    return max(shape.height, shape.width) <= Self.smallSide
  }

  /// What is done to training images.
  ///
  /// - Parameters:
  ///   - shape: the images' common one; nil: they have none.
  ///   - padding: zeros around the image for `pad`.
  ///   - flip: whether half of the images are mirrored.
  /// - Throws: `ImageOptionsError`.
  package func trainingTransform(
    _ shape: ImageShape?, padding: Int, flip: Bool
  ) throws -> ImageTransform {
    let keeps = keepsSize(of: shape)
    let side = size ?? (keeps ? min(shape!.height, shape!.width) : Self.usualSize)
    let flip = flip ? ImageTransform.Flip.random : .never
    let crop: ImageTransform.Crop
    switch trainingCrop ?? (keeps ? .pad : .randomResized) {
    case .pad:
      guard keeps else { throw ImageOptionsError.nothingToPad }
      return ImageTransform(crop: padding > 0 ? .padded(padding) : .whole, flip: flip)
    case .randomResized: crop = .randomResized(size: side, area: area, ratio: ratio)
    case .scale:
      let scales = scales ?? Self.scaled(256, side)...Self.scaled(480, side)
      guard scales.lowerBound >= side else {
        throw ImageOptionsError.smallScales(scales: scales, size: side)
      }
      crop = .resized(shorterSide: scales, size: side, at: .random)
    case .center:
      var transform = try testTransform(shape)
      transform.flip = flip
      return transform
    }
    return ImageTransform(crop: crop, flip: flip)
  }

  /// What is done to test images.
  ///
  /// - Throws: `ImageOptionsError`.
  package func testTransform(_ shape: ImageShape?) throws -> ImageTransform {
    if keepsSize(of: shape) { return .none }
    let side = testSize ?? size ?? Self.usualSize
    let resize = testResize ?? Self.scaled(256, side)
    guard resize >= side else { throw ImageOptionsError.smallResize(resize: resize, size: side) }
    return .test(resize: resize, size: side)
  }

  /// A length for images of 224, for images of another size.
  private static func scaled(_ length: Int, _ side: Int) -> Int {
    (length * side + usualSize / 2) / usualSize
  }
}

/// The choices do not fit each other or the images.
package enum ImageOptionsError: UsageError, Equatable, CustomStringConvertible {
  case nothingToPad
  case smallScales(scales: ClosedRange<Int>, size: Int)
  case smallResize(resize: Int, size: Int)
  case sizesDiffer(training: ImageShape, test: ImageShape)

  package var description: String {
    switch self {
    case .nothingToPad:
      "--train-crop pad is for small images that all have one size, taken as they are: use "
        + "random-resized, scale or center for others"
    case .smallScales(let scales, let size):
      "--train-scales \(scales.lowerBound),\(scales.upperBound) makes images smaller than the crop "
        + "of \(size) pixels: use larger ones, or a smaller --image-size"
    case .smallResize(let resize, let size):
      "--val-resize-size \(resize) makes images smaller than the crop of \(size) pixels: use a "
        + "larger one, or a smaller --val-crop-size"
    case .sizesDiffer(let training, let test):
      "training images become \(training.height)×\(training.width) pixels and test images "
        + "\(test.height)×\(test.width): a run tests at the size it trains at; leave out "
        + "--val-crop-size and give it to eval afterwards"
    }
  }
}

/// The transforms of a configuration's images.
extension TrainingConfiguration {
  /// For training images: decoded in reduced size where that is faster, changed at random.
  ///
  /// - Throws: `ImageOptionsError`.
  package func trainingTransform(for source: any ImageSource) throws -> ImageTransform {
    var transform = try images.trainingTransform(
      source.imageShape, padding: cropPadding, flip: flip)
    transform.reducesDecoding = true
    let jitter = images.colorJitter
    transform.color = ColorChange(
      brightness: jitter[0], contrast: jitter[1], saturation: jitter[2],
      principalNoise: images.principalNoise)
    return transform
  }

  /// - Throws: `ImageOptionsError`.
  package func testTransform(for source: any ImageSource) throws -> ImageTransform {
    try images.testTransform(source.imageShape)
  }
}
