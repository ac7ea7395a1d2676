/// How images of any size become the network's input: what follows from the settings.

import Datasets
import Distributed
import Tensors

extension DataSettings {
  /// The longest side of images of one size that are small: taken as they are, where nothing else is said.
  package static let smallSide = 96
  private static let usualSize = 224

  /// Whether images of that common size are taken as they are.
  ///
  /// - Parameter shape: nil: they have no common size.
  package func keepsSize(of shape: ImageShape?) -> Bool {
    guard let shape, fullSize == nil, testResize == nil, testSize == nil else { return false }
    return max(shape.height, shape.width) <= Self.smallSide
  }

  /// The side that training ends with, where one is given.
  fileprivate var fullSize: Int? { imageSizeSchedule.last?.side ?? imageSize }

  /// What is done to test images.
  ///
  /// - Throws: `ImageSizeError`.
  package func testTransform(_ shape: ImageShape?) throws(ImageSizeError) -> ImageTransform {
    if keepsSize(of: shape) { return .none }
    let sizes = testSizes
    guard sizes.resize >= sizes.crop else {
      throw .smallResize(resize: sizes.resize, size: sizes.crop)
    }
    return .test(resize: sizes.resize, size: sizes.crop, interpolation: interpolation)
  }

  /// The side of the network's input in training.
  fileprivate func trainingSide(_ shape: ImageShape?) -> Int {
    if let fullSize { return fullSize }
    guard let shape, keepsSize(of: shape) else { return Self.usualSize }
    return min(shape.height, shape.width)
  }

  /// The shorter side and the crop of resized test images.
  fileprivate var testSizes: (resize: Int, crop: Int) {
    let crop = testSize ?? fullSize ?? Self.usualSize
    return (testResize ?? Self.scaled(256, crop), crop)
  }

  /// A length for images of 224, for images of another size.
  fileprivate static func scaled(_ length: Int, _ side: Int) -> Int {
    (length * side + usualSize / 2) / usualSize
  }
}

extension TrainingConfiguration {
  /// What is done to training images: decoded in reduced size where that is faster, changed at random.
  ///
  /// - Throws: `ImageSizeError`.
  package func trainingTransform(
    for source: any ImageSource
  ) throws(ImageSizeError) -> ImageTransform {
    var transform = try trainingTransform(source.imageShape)
    transform.reducesDecoding = true
    transform.interpolation = data.interpolation
    let jitter = augmentation.colorJitter
    transform.color = ColorJitter(
      brightness: jitter[0], contrast: jitter[1], saturation: jitter[2],
      pcaNoise: augmentation.pcaNoise)
    transform.automatic = augmentation.automatic
    transform.erasing = RandomErasing(probability: augmentation.randomErasing)
    return transform
  }

  /// What is done to training images of each part of a run, and the step that it begins after, in order;
  /// the images grow.
  ///
  /// - Throws: `ImageSizeError`.
  package func trainingPhases(
    for source: any ImageSource, _ timeline: TrainingTimeline
  ) throws(ImageSizeError) -> [(start: Int, transform: ImageTransform)] {
    var phases: [(start: Int, transform: ImageTransform)] = []
    for phase in data.imageSizeSchedule {
      var configuration = self
      configuration.data.imageSizeSchedule = []
      configuration.data.imageSize = phase.side
      let start = timeline.steps(until: phase.start)
      if let last = phases.last, start < last.start { throw .phaseOrder(side: phase.side) }
      phases.append((start, try configuration.trainingTransform(for: source)))
    }
    return phases.isEmpty ? [(0, try trainingTransform(for: source))] : phases
  }

  /// What is done to test images.
  ///
  /// - Throws: `ImageSizeError`.
  package func testTransform(for source: any ImageSource) throws(ImageSizeError) -> ImageTransform {
    try data.testTransform(source.imageShape)
  }

  /// Crop and flip of training images.
  ///
  /// - Parameter shape: the images' common one; nil: they have none.
  package func trainingTransform(_ shape: ImageShape?) throws(ImageSizeError) -> ImageTransform {
    if let size = data.imageSize, let last = data.imageSizeSchedule.last?.side, size != last {
      throw .otherLastSize(size: size, last: last)
    }
    let side = data.trainingSide(shape)
    let flip = augmentation.flip ? ImageTransform.Flip.random : .never
    switch trainingCrop(shape) {
    case .pad:
      guard data.keepsSize(of: shape) else { throw .nothingToPad }
      let padding = augmentation.cropPadding
      return ImageTransform(crop: padding > 0 ? .padded(padding) : .whole, flip: flip)
    case .randomResized:
      return ImageTransform(
        crop: .randomResized(size: side, area: augmentation.area, ratio: augmentation.ratio),
        flip: flip)
    case .scale:
      let scales = trainingScales(side)
      guard scales.lowerBound >= side else { throw .smallScales(scales: scales, size: side) }
      return ImageTransform(
        crop: .resized(shorterSide: scales, size: side, at: .random), flip: flip)
    case .center:
      var transform = try data.testTransform(shape)
      transform.flip = flip
      return transform
    }
  }

  private func trainingCrop(_ shape: ImageShape?) -> TrainingCrop {
    augmentation.crop ?? (data.keepsSize(of: shape) ? .pad : .randomResized)
  }

  private func trainingScales(_ side: Int) -> ClosedRange<Int> {
    augmentation.scales ?? DataSettings.scaled(256, side)...DataSettings.scaled(480, side)
  }

  /// The same with all sizes and crops that follow for images of that common size.
  ///
  /// - Parameter shape: nil: they have none.
  package func withDerivedImages(_ shape: ImageShape?) -> TrainingConfiguration {
    var derived = self
    let crop = trainingCrop(shape)
    derived.augmentation.crop = crop
    guard !data.keepsSize(of: shape) else { return derived }
    let side = data.trainingSide(shape)
    derived.data.imageSize = side
    (derived.data.testResize, derived.data.testSize) = data.testSizes
    if crop == .scale { derived.augmentation.scales = trainingScales(side) }
    return derived
  }
}

/// The sizes do not fit each other or the images.
package enum ImageSizeError: UsageError, Equatable, CustomStringConvertible {
  case nothingToPad
  case smallScales(scales: ClosedRange<Int>, size: Int)
  case smallResize(resize: Int, size: Int)
  case otherLastSize(size: Int, last: Int)
  case phaseOrder(side: Int)
  case meanImage(training: ImageShape, other: ImageShape)

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
    case .otherLastSize(let size, let last):
      "--image-size-schedule ends with \(last) pixels and --image-size is \(size): end it with \(size), or "
        + "turn a recipe's off with --image-size-schedule none"
    case .phaseOrder(let side):
      "--image-size-schedule: \(side) pixels begin before the smaller size does: give later milestones "
        + "to larger sizes"
    case .meanImage(let training, let other):
      "--mean per-pixel is an image of \(training.height)×\(training.width) pixels, but the run has "
        + "images of \(other.height)×\(other.width), too: use --mean per-channel or R,G,B"
    }
  }
}
