/// The settings of the images and of the network's input.

import Datasets
import Kernels

/// What is subtracted from each pixel, in units of pixel/255.
package enum MeanChoice: Hashable, Sendable {
  /// Per channel where images are taken as they are, else ImageNet's mean colour.
  case automatic
  /// The training images' mean image (He et al. 2015, §4.2).
  case perPixel
  /// The training images' mean colour.
  case perChannel
  /// The mean image in a file of `data statistics`, and its deviation where that would be the training
  /// images'.
  case file(String)
  case none
  case values([Float])
}

/// What each channel is divided by, in units of pixel/255.
package enum DeviationChoice: Hashable, Sendable {
  /// Per channel where images are taken as they are, else ImageNet's.
  case automatic
  /// The training images' standard deviation.
  case perChannel
  case none
  case values([Float])
}

package struct DataSettings: Hashable, Sendable {
  package var dataset = DatasetName.fashionMNIST
  /// Nil: the data set's usual place.
  package var directory: String?
  /// Where the test images are, if elsewhere: the value of `directory` for them.
  package var testDirectory: String?
  /// Use only the first of the training images; nil: all.
  package var trainLimit: Int?
  /// Use only the first of the test images; nil: all.
  package var testLimit: Int?
  /// Training images that are held out, to evaluate epochs with; nil: the test images are.
  package var validationSplit: Int?
  package var mean = MeanChoice.automatic
  package var deviation = DeviationChoice.automatic
  /// The side of the network's input in training; nil: 224, or the images' own size where all are small.
  package var imageSize: Int?
  /// Smaller sides at the beginning, the last as `imageSize`; empty: one size for the whole run.
  package var imageSizeSchedule: [ImageSizePhase] = []
  /// The shorter side that test images are resized to; nil: 256 where `testSize` is 224, else in proportion.
  package var testResize: Int?
  /// The side of the centre of test images; nil: as in training.
  package var testSize: Int?
  /// How images are resized.
  package var interpolation = ResamplingFilter.bilinear
  /// Whether photographs are turned upright as their EXIF data say.
  package var transposesByEXIF = false
  /// The largest image that is decoded, in pixels.
  package var maximumPixels = ImageDecoding.usualMaximum
  /// What becomes of training images that cannot be read or decoded; a bad test image always ends the run.
  package var badImages = BadImagePolicy.fail

  package init() {}

  /// How image files are decoded.
  package var decoding: ImageDecoding {
    ImageDecoding(upright: transposesByEXIF, maximumPixels: maximumPixels)
  }
}

extension DataSettings: SettingGroup {
  package static let title = "Images"

  /// Accepted sides of images, in pixels.
  package static let sides = 1...16_384

  package static let settings: [Setting] = [
    Setting(
      "dataset", \.data.dataset, .choice,
      "The images: fashion-mnist, cifar10, cifar100, image-folder, webdataset (tar files) or "
        + "synthetic; where it is not given, --data-dir tells.", effect: .fixed, isCommon: true),
    Setting(
      "data-dir", \.data.directory, .text("a folder", "folder", completion: .folder),
      "Where the images are. An image folder holds train/<class>/ and test/<class>/, or <class>/ "
        + "alone; tar files are a folder, or a pattern in quotes such as 'train-{0000..0146}.tar'.",
      aliases: ["data-path"], unset: "where the data set's package or 'data fetch' puts it",
      effect: .none, isCommon: true),
    Setting(
      "val-data", \.data.testDirectory,
      .text("a folder, or tar files", "folder", completion: .file),
      "Where the test images are, if not in --data-dir.", aliases: ["val-dir"], effect: .none),
    Setting(
      "train-limit", \.data.trainLimit, .integer(1...),
      "Use only the first N training images.", unset: "all", effect: .fixed),
    Setting(
      "test-limit", \.data.testLimit, .integer(1...), "Use only the first N test images.",
      unset: "all", effect: .none),
    Setting(
      "validation-split", \.data.validationSplit, .integer(1...),
      "Hold out N training images, drawn at random, and evaluate epochs on them; the test images "
        + "wait for the end.", unset: "none, epochs are evaluated on the test images",
      effect: .fixed),
    Setting(
      "mean", \.data.mean, .mean, valueName: "mean",
      "What is subtracted from pixel/255: per-channel, per-pixel (the mean image), the file of "
        + "'data statistics', none, or R,G,B; auto is per-channel for small images, else "
        + "ImageNet's.", effect: .fixed),
    Setting(
      "std", \.data.deviation, .deviation, valueName: "std",
      "The standard deviation that pixels are divided by: per-channel, none, or R,G,B; auto as for "
        + "--mean.", effect: .fixed),
    Setting(
      "image-size", \.data.imageSize, .integer(sides), valueName: "pixels",
      "Side of the network's input; images of all sizes are resized.",
      aliases: ["train-crop-size", "img-size"],
      unset: "224, or the images' own where all have one size up to 96"),
    Setting(
      "image-size-schedule", \.data.imageSizeSchedule, .imageSizes,
      "Begin with smaller images: sides that grow and when each begins. The last is the --image-size.",
      effect: .fixed),
    Setting(
      "val-resize-size", \.data.testResize, .integer(sides), valueName: "pixels",
      "Shorter side that test images are resized to.",
      unset: "8/7 of the crop: 256 for 224", effect: .none),
    Setting(
      "val-crop-size", \.data.testSize, .integer(sides), valueName: "pixels",
      "Side of the centre of a test image that is used.", unset: "--image-size"),
    Setting(
      "interpolation", \.data.interpolation, .choice,
      "How images are resized: bilinear, as torchvision's networks want, or bicubic, as most of timm's do.",
      aliases: ["train-interpolation"]),
    Setting(
      "exif-transpose", \.data.transposesByEXIF, .flag,
      "Turn photographs upright as their EXIF data say; torchvision does not."),
    Setting(
      "max-image-pixels", \.data.maximumPixels, .integer(1...4_294_967_296), valueName: "pixels",
      "The largest image that is decoded. JPEG files count in the reduced size to which they are "
        + "decoded in training, unless they are progressive.", effect: .none),
    Setting(
      "on-bad-image", \.data.badImages, .choice,
      "A training image that cannot be decoded ends the run (fail), or is reported and another one "
        + "takes its place (skip)."),
  ]
}

extension ValueFormat where Value == MeanChoice {
  fileprivate static var mean: Self {
    .init(
      "auto, per-pixel, per-channel, none, a .safetensors file, or a number for each channel"
    ) { text in
      switch text {
      case "auto": .automatic
      case "per-pixel": .perPixel
      case "per-channel": .perChannel
      case "none": MeanChoice.none
      case _ where text.hasSuffix(".safetensors"): .file(text)
      default: channels(text).map(MeanChoice.values)
      }
    } text: {
      switch $0 {
      case .automatic: "auto"
      case .perPixel: "per-pixel"
      case .file(let path): path
      case .perChannel: "per-channel"
      case .none: "none"
      case .values(let values): list(values)
      }
    }
  }
}

extension ValueFormat where Value == DeviationChoice {
  fileprivate static var deviation: Self {
    .init("auto, per-channel, none, or a positive number for each channel") { text in
      switch text {
      case "auto": return .automatic
      case "per-channel": return .perChannel
      case "none": return DeviationChoice.none
      default:
        guard let values = channels(text), values.allSatisfy({ $0 > 0 }) else { return nil }
        return .values(values)
      }
    } text: {
      switch $0 {
      case .automatic: "auto"
      case .perChannel: "per-channel"
      case .none: "none"
      case .values(let values): list(values)
      }
    }
  }
}

/// Three finite numbers, one for each of red, green and blue.
private func channels(_ text: String) -> [Float]? {
  let parts = NumberText.words(text)
  let values = parts.compactMap { Float($0) }
  guard values.count == parts.count, values.count == 3, values.allSatisfy(\.isFinite) else {
    return nil
  }
  return values
}

private func list(_ values: [Float]) -> String {
  values.map { "\($0)" }.joined(separator: ",")
}
