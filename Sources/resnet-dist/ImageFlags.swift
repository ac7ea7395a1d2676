/// The flags that say how images become the network's input.

import ArgumentParser

/// Flags for the sizes of the network's input, for training and evaluation.
struct ImageSizeFlags: ParsableArguments {
  @Option(
    name: [.long, .customLong("train-crop-size"), .customLong("img-size")],
    help: ArgumentHelp(
      "Side of the network's input; images of all sizes are resized. (default: 224, or the images' "
        + "own where all have one size up to 96)", valueName: "pixels"))
  var imageSize: String?

  @Option(
    help: ArgumentHelp(
      "Shorter side that test images are resized to. (default: 8/7 of the crop: 256 for 224)",
      valueName: "pixels"))
  var valResizeSize: String?

  @Option(
    help: ArgumentHelp(
      "Side of the centre of a test image that is used. (default: --image-size)",
      valueName: "pixels"))
  var valCropSize: String?

  @Flag(
    inversion: .prefixedNo,
    help:
      "Turn photographs upright as their EXIF data say. (default: --no-exif-transpose, as torchvision)"
  )
  var exifTranspose: Bool?

  var values: [(String, String?)] {
    [
      ("exif-transpose", exifTranspose.map { "\($0)" }), ("image-size", imageSize),
      ("val-resize-size", valResizeSize), ("val-crop-size", valCropSize),
    ]
  }
}

/// Flags for the random changes of training images.
struct AugmentationFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How training images are cropped: random-resized, a part of random area and ratio; scale, at a "
        + "random scale (He et al. 2015); pad, small images with zeros around them; center, as test "
        + "images. (default: pad for small images of one size, else random-resized)",
      valueName: "crop"))
  var trainCrop: String?

  @Option(
    help: ArgumentHelp(
      "The parts of the area that random-resized takes. (default: 0.08,1)", valueName: "low,high"))
  var scale: String?

  @Option(
    help: ArgumentHelp(
      "Its ratios of width to height. (default: 0.75,1.333)", valueName: "low,high"))
  var ratio: String?

  @Option(
    help: ArgumentHelp(
      "The lengths of the shorter side for scale. (default: 256,480 for 224, else in proportion)",
      valueName: "low,high"))
  var trainScales: String?

  @Option(
    help: ArgumentHelp(
      "Zeros on each side before the crop of pad; 0: no crop. (default: 4)", valueName: "N"))
  var cropPadding: String?

  @Flag(inversion: .prefixedNo, help: "Mirror half of the images. (default: --flip)")
  var flip: Bool?

  @Option(
    help: ArgumentHelp(
      "Change brightness, contrast and saturation by factors from 1 − x to 1 + x: one x, or three. "
        + "(default: 0)", valueName: "x"))
  var colorJitter: String?

  @Option(
    name: [.long, .customLong("lighting")],
    help: ArgumentHelp(
      "Add noise along ImageNet's principal colours, of this deviation: 0.1 in Krizhevsky et al. 2012. "
        + "(default: 0)", valueName: "x"))
  var pcaNoise: String?

  @Option(
    help: ArgumentHelp(
      "A training image that cannot be decoded ends the run, or is reported and another one takes its "
        + "place. (default: fail)", valueName: "fail|skip"))
  var onBadImage: String?

  var values: [(String, String?)] {
    [
      ("color-jitter", colorJitter), ("pca-noise", pcaNoise), ("on-bad-image", onBadImage),
      ("train-crop", trainCrop), ("scale", scale), ("ratio", ratio),
      ("train-scales", trainScales),
      ("crop-padding", cropPadding), ("flip", flip.map { "\($0)" }),
    ]
  }
}
