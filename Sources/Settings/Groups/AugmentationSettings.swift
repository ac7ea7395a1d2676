/// The settings of the random changes of training images and of their targets.

import Datasets
import Kernels

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

/// Automatic augmentation, by the names of torchvision's reference training.
package enum AutoAugmentChoice: String, CaseIterable, Sendable {
  case none
  case trivialWide = "ta_wide"
  case random = "ra"
}

package struct AugmentationSettings: Hashable, Sendable {
  /// Nil: pad where all images have one small size and `imageSize` is not given, else random-resized.
  package var crop: TrainingCrop?
  /// The share of the image's area that random-resized takes.
  package var area = 0.08...1.0
  /// The ratio of width to height that random-resized takes.
  package var ratio = 3.0 / 4...4.0 / 3
  /// Lengths of the shorter side for scale; nil: 256 to 480 where the input is 224, else in proportion.
  package var scales: ClosedRange<Int>?
  /// Zeros added on each side before the random crop; 0 turns the crop off.
  package var cropPadding = 4
  /// Whether images are mirrored at random.
  package var flip = true
  package var autoAugment = AutoAugmentChoice.none
  /// Of RandAugment.
  package var randAugmentMagnitude = AutoAugmentation.usualMagnitude
  /// How far brightness, contrast and saturation of training images are changed at random.
  package var colorJitter = [0.0, 0.0, 0.0]
  /// The deviation of the noise along ImageNet's principal colours.
  package var pcaNoise = 0.0
  /// The part of the training loss's target that is spread evenly over the classes.
  package var labelSmoothing = 0.0
  /// Whether the training loss asks of each class whether it is there.
  package var usesBinaryLoss = false
  /// Targets above it become 1 for that loss, the others 0; nil: they stay.
  package var binaryThreshold: Double?
  /// How often in a row an image comes, each time changed anew, of which as many fewer come in an epoch.
  package var repeats = 1
  /// The part of training images in which a rectangle is erased.
  package var randomErasing = 0.0
  /// α of mixup and of CutMix; 0: none.
  package var mixupAlpha = 0.0
  package var cutMixAlpha = 0.0
  /// The part of mini-batches that is mixed.
  package var mixProbability = 1.0

  package init() {}
}

extension AugmentationSettings {
  /// The random operations of training images; nil: none.
  package var automatic: AutoAugmentation? {
    switch autoAugment {
    case .none: nil
    case .trivialWide: .trivialWide
    case .random: .random(magnitude: randAugmentMagnitude)
    }
  }

  /// What binary cross-entropy compares with; nil: the loss is softmax cross-entropy.
  package var binaryTargets: BinaryCrossEntropy.TargetRule? {
    usesBinaryLoss ? .init(labelSmoothing: labelSmoothing, threshold: binaryThreshold) : nil
  }

  /// How images of a mini-batch are mixed; nil: not at all. It then smooths the labels, too.
  package var mixing: BatchMixing? {
    if mixupAlpha == 0, cutMixAlpha == 0 { return nil }
    return BatchMixing(
      mixupAlpha: mixupAlpha, cutMixAlpha: cutMixAlpha, probability: mixProbability,
      labelSmoothing: labelSmoothing)
  }
}

extension AugmentationSettings: SettingGroup {
  package static let title = "Augmentation"

  package static let settings: [Setting] = [
    Setting(
      "train-crop", \.augmentation.crop, .choice, valueName: "crop",
      "How training images are cropped: random-resized, a part of random area and ratio; scale, at "
        + "a random scale (He et al. 2015); pad, small images with zeros around them; center, as "
        + "test images.", unset: "pad for small images of one size, else random-resized"),
    Setting(
      "scale", \.augmentation.area,
      .interval("two parts of the area, such as 0.08,1") {
        $0.lowerBound > 0 && $0.upperBound <= 1
      }, "The parts of the area that random-resized takes."),
    Setting(
      "ratio", \.augmentation.ratio,
      .interval("two ratios of width to height, such as 0.75,1.333") {
        $0.lowerBound > 0.01 && $0.upperBound < 100
      }, "Its ratios of width to height."),
    Setting(
      "train-scales", \.augmentation.scales, .lengths,
      "The lengths of the shorter side for scale.",
      unset: "256,480 for 224, else in proportion"),
    Setting(
      "crop-padding", \.augmentation.cropPadding, .integer(0...64),
      "Zeros on each side before the crop of pad; 0: no crop."),
    Setting("flip", \.augmentation.flip, .flag, "Mirror half of the images."),
    Setting(
      "auto-augment", \.augmentation.autoAugment, .choice,
      "Random operations on each image: ta_wide, one of any strength (TrivialAugment, Müller and "
        + "Hutter 2021); ra, two of one strength (RandAugment, Cubuk et al. 2019).",
      aliases: ["aa"]),
    Setting(
      "ra-magnitude", \.augmentation.randAugmentMagnitude,
      .integer(0...AutoAugmentation.bins - 1), valueName: "strength",
      "The strength of RandAugment's operations."),
    Setting(
      "color-jitter", \.augmentation.colorJitter, .jitter,
      "Change brightness, contrast and saturation by factors from 1 − x to 1 + x: one x, or three."
    ),
    Setting(
      "pca-noise", \.augmentation.pcaNoise, .real(0...10),
      "Add noise along ImageNet's principal colours, of this deviation: 0.1 in Krizhevsky et al. "
        + "2012.", aliases: ["lighting"]),
    Setting(
      "label-smoothing", \.augmentation.labelSmoothing, .real(0..<1), valueName: "part",
      "The part of the training loss's target that is spread evenly over all classes.",
      aliases: ["smoothing"]),
    Setting(
      "bce-loss", \.augmentation.usesBinaryLoss, .flag,
      "Train with binary cross-entropy, a yes or no for each class (Wightman et al. 2021); tests "
        + "measure cross-entropy all the same."),
    Setting(
      "bce-target-thresh", \.augmentation.binaryThreshold, .real(0..<1), valueName: "target",
      "With --bce-loss: targets above this become 1 and the others 0, so that a mixed image has both "
        + "classes.", unset: "targets stay as mixed"),
    Setting(
      "ra-reps", \.augmentation.repeats, .integer(1...64),
      "Repeated augmentation: an image comes N times in a row, augmented anew each time, and an epoch "
        + "has the same number of samples, of an Nth of the images (Hoffer et al. 2019, Berman et al. 2019).",
      aliases: ["aug-repeats"]),
    Setting(
      "random-erase", \.augmentation.randomErasing, .real(0...1), valueName: "part",
      "The part of images in which a random rectangle is set to the mean (Zhong et al. 2017).",
      aliases: ["reprob"]),
    Setting(
      "mixup-alpha", \.augmentation.mixupAlpha, .real(0...100), valueName: "alpha",
      "Mix each image and target with the one before it, by a weight of Beta(alpha, alpha) for each "
        + "mini-batch or BN group (mixup, Zhang et al. 2018); 0: do not.", aliases: ["mixup"]),
    Setting(
      "cutmix-alpha", \.augmentation.cutMixAlpha, .real(0...100), valueName: "alpha",
      "Paste a part of the image before it into each image (CutMix, Yun et al. 2019); with mixup "
        + "too, one of the two is drawn for each mini-batch or BN group.", aliases: ["cutmix"]),
    Setting(
      "mix-probability", \.augmentation.mixProbability, .real(0...1), valueName: "part",
      "The part of mini-batches or BN groups that mixup and CutMix change.",
      aliases: ["mixup-prob"]),
  ]
}

extension ValueFormat where Value == ClosedRange<Int> {
  fileprivate static var lengths: Self {
    .init("two lengths of the shorter side, such as 256,480", valueName: "low,high") { text in
      let ends = NumberText.words(text).map { Int($0) }
      guard ends.count == 2, let low = ends[0], let high = ends[1], 1 <= low, low <= high,
        high <= 65_536
      else { return nil }
      return low...high
    } text: {
      "\($0.lowerBound),\($0.upperBound)"
    }
  }
}

extension ValueFormat where Value == [Double] {
  fileprivate static var jitter: Self {
    .init(
      "a number from 0 on, or one each for brightness, contrast and saturation", valueName: "x"
    ) { text in
      guard let values = NumberText.list(text), [1, 3].contains(values.count),
        values.allSatisfy({ $0 >= 0 })
      else { return nil }
      return values.count == 1 ? Array(repeating: values[0], count: 3) : values
    } text: { values in
      Set(values).count == 1 ? NumberText.shortest(values[0]) : NumberText.text(values)
    }
  }
}
