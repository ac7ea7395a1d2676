/// Published settings by name: the training runs of papers and of the libraries that people know.

import Detection

/// A set of settings that belong together, to be used instead of the defaults.
///
/// Everything that a recipe leaves out keeps its default. Learning rates are for the recipe's own
/// mini-batch, or for `lr-reference-batch` images where the source scales them.
package enum Recipe: String, CaseIterable, Sendable {
  case he2015CIFAR = "he2015-cifar"
  case he2015CIFAR110 = "he2015-cifar110"
  case he2015ImageNet = "he2015-imagenet"
  case goyal2017 = "goyal2017"
  case resNeXtCIFAR = "resnext-cifar"
  case resNeXtImageNet = "resnext-imagenet"
  case torchvisionV1 = "torchvision-v1"
  case torchvisionV2 = "torchvision-v2"
  case timmA3 = "timm-a3-like"
  case ffcv = "ffcv"
  case fast = "fast"
  case fasterRCNN = "faster-rcnn"
  case he2015VOC = "he2015-voc"
  case he2015COCO = "he2015-coco"
  case he2015VOCFourSteps = "he2015-voc-four-steps"
  case he2015COCOFourSteps = "he2015-coco-four-steps"

  /// All names, in a sentence.
  package static var names: String { text(allCases) }

  /// Those of recipes for a task, in a sentence.
  package static func names(for task: TrainingTask) -> String {
    text(
      allCases.filter { $0.changes.applied(to: TrainingConfiguration()).detection.task == task })
  }

  private static func text(_ recipes: [Recipe]) -> String {
    recipes.map(\.rawValue).joined(separator: ", ")
  }

  /// Where the settings are from.
  package var source: String {
    switch self {
    case .he2015CIFAR, .he2015CIFAR110: "He et al. 2015, arXiv 1512.03385, §4.2"
    case .he2015ImageNet: "He et al. 2015, arXiv 1512.03385, §3.4"
    case .goyal2017: "Goyal et al. 2017, arXiv 1706.02677, §5.1"
    case .resNeXtCIFAR: "Xie et al. 2017, arXiv 1611.05431, §5.3"
    case .resNeXtImageNet: "Xie et al. 2017, arXiv 1611.05431, §4"
    case .torchvisionV1: "torchvision's references/classification, IMAGENET1K_V1"
    case .torchvisionV2: "torchvision's references/classification, IMAGENET1K_V2"
    case .timmA3: "Wightman et al. 2021, arXiv 2110.00476, procedure A3"
    case .ffcv: "ffcv-imagenet, rn50_88_epochs"
    case .fasterRCNN: "Ren et al. 2015, arXiv 1506.01497, with detectron2's schedule"
    case .he2015VOC, .he2015COCO, .he2015VOCFourSteps, .he2015COCOFourSteps:
      "He et al. 2015, arXiv 1512.03385, appendix A"
    case .fast:
      "one cycle (Smith and Topin 2018, arXiv 1708.07120) on Fashion-MNIST in 90 seconds on 2 cores"
    }
  }

  /// What it departs from its source in; nil: nothing that is known.
  package var departure: String? {
    switch self {
    case .torchvisionV1, .torchvisionV2, .fast: nil
    case .he2015CIFAR, .he2015CIFAR110, .resNeXtCIFAR:
      "BN over the whole mini-batch instead of each GPU's part of it (--bn-group-size)"
    case .he2015ImageNet:
      "ImageNet's mean colour and deviation instead of the training images' mean image"
    case .resNeXtImageNet:
      "100 epochs with drops after 30, 60 and 90: the paper says three drops and no length"
    case .goyal2017:
      "the test images' error of the last epoch instead of the median of five, fb.resnet.torch's colour "
        + "jitter and PCA noise, the classifier's weights drawn as PyTorch draws them"
    case .timmA3:
      "torchvision's RandAugment of one strength instead of timm's, images mixed with the one before "
        + "instead of the one opposite, a warm-up towards the cosine's rate instead of the highest"
    case .ffcv: "max pooling and strides without blur, no mirrored views in tests"
    case .fasterRCNN: "128 regions an image instead of 512"
    case .he2015VOC:
      "proposals and regions are trained together instead of in four steps, mini-batches of 8 images at "
        + "8 times the rate instead of 1, and RoIAlign instead of RoI pooling"
    case .he2015COCO:
      "proposals and regions are trained together instead of in four steps, and RoIAlign instead of RoI pooling"
    case .he2015VOCFourSteps:
      "mini-batches of 8 and 16 images at 8 times the rate instead of 1 and 2 images, and RoIAlign instead of RoI pooling"
    case .he2015COCOFourSteps: "RoIAlign instead of RoI pooling"
    }
  }

  /// The values in the command line's spelling.
  package var values: [(key: String, value: String)] {
    let configuration = changes.applied(to: TrainingConfiguration())
    return TrainingConfiguration.settings.compactMap { setting in
      guard changes.contains(setting.path), let text = setting.text(configuration) else {
        return nil
      }
      return (setting.key, text)
    }
  }

  /// The values that it sets. Milestones are parts of the run, so that a shorter one drops the rate as often.
  package var changes: ConfigurationChanges {
    switch self {
    case .he2015CIFAR: Self.cifarIn64kIterations
    case .he2015CIFAR110:
      Self.cifarIn64kIterations + [
        .init(\.network.model, "resnet110"), .init(\.schedule.warmUpRate, 0.01),
        .init(\.schedule.warmUpLength, .trainingError(0.8)),
      ]
    case .he2015ImageNet:
      Self.imageNet + [
        .init(\.network.stridePlacement, .first1x1), .init(\.augmentation.crop, .scale),
        .init(\.augmentation.pcaNoise, 0.1), .init(\.schedule.length, .iterations(600_000)),
        .init(\.schedule.name, .plateau),
      ]
    case .goyal2017:
      Self.imageNet + [
        .init(\.parallel.batchSize, 8192), .init(\.parallel.normalizationGroup, 32),
        .init(\.schedule.learningRateReferenceBatch, 256),
        .init(\.schedule.milestones, Milestone.parts([30, 60, 80], of: 90)),
        .init(\.schedule.warmUpLength, .epochs(5)), .init(\.optimizer.nesterov, true),
        .init(\.optimizer.normalizationWeightDecay, 0), .init(\.network.zeroInitResidual, true),
        .init(\.augmentation.colorJitter, [0.4, 0.4, 0.4]), .init(\.augmentation.pcaNoise, 0.1),
      ]
    case .resNeXtCIFAR:
      Self.cifar + [
        .init(\.network.model, "resnext29_8x64d"), .init(\.schedule.length, .epochs(300)),
        .init(\.schedule.milestones, Milestone.parts([150, 225], of: 300)),
        .init(\.optimizer.weightDecay, 5e-4),
      ]
    case .resNeXtImageNet:
      Self.imageNet + [
        .init(\.network.model, "resnext50_32x4d"), .init(\.parallel.normalizationGroup, 32),
        .init(\.schedule.length, .epochs(100)),
        .init(\.schedule.milestones, Milestone.parts([30, 60, 90], of: 100)),
      ]
    case .torchvisionV1:
      Self.imageNet + [
        .init(\.parallel.normalizationGroup, 32),
        .init(\.schedule.milestones, Milestone.parts([30, 60], of: 90)),
      ]
    case .torchvisionV2:
      Self.imageNet + [
        .init(\.parallel.batchSize, 1024), .init(\.parallel.normalizationGroup, 128),
        .init(\.schedule.length, .epochs(600)), .init(\.schedule.learningRate, 0.5),
        .init(\.schedule.name, .cosine), .init(\.schedule.warmUpLength, .epochs(5)),
        .init(\.schedule.warmUpRate, 0.005), .init(\.schedule.warmUpPrecedes, true),
        .init(\.schedule.interval, .epoch), .init(\.optimizer.weightDecay, 2e-5),
        .init(\.optimizer.normalizationWeightDecay, 0), .init(\.augmentation.labelSmoothing, 0.1),
        .init(\.augmentation.mixupAlpha, 0.2), .init(\.augmentation.cutMixAlpha, 1),
        .init(\.augmentation.autoAugment, .trivialWide), .init(\.augmentation.randomErasing, 0.1),
        .init(\.augmentation.repeats, 4),
        .init(\.optimizer.averageDecay, 0.99998), .init(\.optimizer.averageInterval, 32),
        .init(\.optimizer.adjustsAverage, true),
        .init(\.data.imageSize, 176), .init(\.data.testResize, 232), .init(\.data.testSize, 224),
      ]
    case .timmA3:
      Self.imageNet + [
        .init(\.parallel.batchSize, 2048), .init(\.parallel.normalizationGroup, 512),
        .init(\.schedule.length, .epochs(100)), .init(\.schedule.learningRate, 8e-3),
        .init(\.schedule.name, .cosine), .init(\.schedule.warmUpLength, .epochs(5)),
        .init(\.schedule.warmUpRate, 1e-4), .init(\.schedule.interval, .epoch),
        .init(\.optimizer.name, .lamb),
        .init(\.optimizer.weightDecay, 0.02), .init(\.optimizer.normalizationWeightDecay, 0),
        .init(\.augmentation.usesBinaryLoss, true), .init(\.augmentation.binaryThreshold, 0.2),
        .init(\.augmentation.mixupAlpha, 0.1), .init(\.augmentation.cutMixAlpha, 1),
        .init(\.augmentation.autoAugment, .random), .init(\.augmentation.randAugmentMagnitude, 18),
        .init(\.data.imageSize, 160), .init(\.data.testResize, 235), .init(\.data.testSize, 224),
        .init(\.data.interpolation, .bicubic),
      ]
    case .ffcv:
      Self.imageNet + [
        .init(\.parallel.batchSize, 4096), .init(\.parallel.normalizationGroup, 512),
        .init(\.schedule.length, .epochs(88)), .init(\.schedule.learningRate, 1.7),
        .init(\.schedule.name, .polynomial), .init(\.schedule.warmUpLength, .epochs(2)),
        .init(\.schedule.warmUpRate, 1.7e-4), .init(\.schedule.warmUpPrecedes, true),
        .init(\.optimizer.normalizationWeightDecay, 0), .init(\.augmentation.labelSmoothing, 0.1),
        .init(
          \.data.imageSizeSchedule,
          [
            ImageSizePhase(side: 160, start: .fraction(0)),
            ImageSizePhase(side: 192, start: .fraction(0.8)),
          ]),
        // A crop of 224/256 of the shorter side, resized to 256.
        .init(\.data.testResize, 293), .init(\.data.testSize, 256),
      ]
    case .fasterRCNN: Self.detection
    case .he2015VOC:
      Self.detection + [
        .init(\.network.model, "resnet101"), .init(\.network.stridePlacement, .first1x1),
        .init(\.schedule.length, .iterations(80_000)), .init(\.parallel.batchSize, 8),
        .init(\.schedule.learningRate, 0.001), .init(\.schedule.learningRateReferenceBatch, 1),
        .init(\.schedule.milestones, [.fraction(0.75)]), .init(\.optimizer.weightDecay, 5e-4),
        .init(\.detection.network.anchors.sizes, [128, 256, 512]),
        .init(\.detection.network.dropsCrossingAnchors, true), .init(\.detection.rule.overlap, 0.3),
      ]
    case .he2015COCO:
      Self.detection + [
        .init(\.network.model, "resnet101"), .init(\.network.stridePlacement, .first1x1),
        .init(\.schedule.length, .iterations(320_000)), .init(\.parallel.batchSize, 8),
        .init(\.schedule.learningRate, 0.001), .init(\.schedule.learningRateReferenceBatch, 8),
        .init(\.schedule.milestones, [.fraction(0.75)]), .init(\.optimizer.weightDecay, 5e-4),
        .init(\.detection.network.anchors.sizes, [64, 128, 256, 512]),
        .init(\.detection.network.dropsCrossingAnchors, true), .init(\.detection.rule.overlap, 0.3),
      ]
    case .he2015VOCFourSteps:
      Self.he2015VOC.changes + [.init(\.detection.network.training, .fourSteps)]
    case .he2015COCOFourSteps:
      Self.he2015COCO.changes + [
        .init(\.detection.network.training, .fourSteps), .init(\.detection.regionStepLength, 1),
      ]
    case .fast:
      [
        .init(\.network.model, "resnet8"), .init(\.data.dataset, .fashionMNIST),
        // Of all training pixels, without the border that makes the images 32×32.
        .init(\.data.mean, .values([0.286, 0.286, 0.286])),
        .init(\.data.deviation, .values([0.353, 0.353, 0.353])),
        .init(\.data.imageSize, 28), .init(\.data.testResize, 32),
        .init(\.augmentation.crop, .center), .init(\.augmentation.labelSmoothing, 0.1),
        .init(\.parallel.batchSize, 256), .init(\.schedule.length, .iterations(600)),
        .init(\.schedule.learningRate, 0.8), .init(\.schedule.name, .oneCycle),
        .init(\.optimizer.nesterov, true), .init(\.optimizer.weightDecay, 5e-4),
        .init(\.run.evaluateEvery, 100),
      ]
    }
  }

  /// CIFAR-10 by mean image and without a deviation, padded crops, mirrored (He et al. 2015, §4.2).
  private static let cifar: ConfigurationChanges = [
    .init(\.data.dataset, .cifar10), .init(\.data.mean, .perPixel),
    .init(\.data.deviation, DeviationChoice.none), .init(\.augmentation.crop, .pad),
    .init(\.parallel.batchSize, 128), .init(\.schedule.learningRate, 0.1),
    .init(\.schedule.name, .step), .init(\.optimizer.weightDecay, 1e-4),
    .init(\.optimizer.momentum, 0.9),
  ]

  /// The rate drops after 32k and 48k of 64k iterations.
  private static let cifarIn64kIterations: ConfigurationChanges =
    cifar + [
      .init(\.schedule.length, .iterations(64_000)),
      .init(\.schedule.milestones, Milestone.parts([32_000, 48_000], of: 64_000)),
      .init(\.data.validationSplit, 5000),
    ]

  /// Faster R-CNN on ResNet-50: 0.02 for 16 images, for 12 epochs.
  private static let detection: ConfigurationChanges = [
    .init(\.detection.task, .detection), .init(\.network.model, "resnet50"),
    .init(\.parallel.batchSize, 8), .init(\.schedule.length, .epochs(12)),
    .init(\.schedule.learningRate, 0.02), .init(\.schedule.learningRateReferenceBatch, 16),
    .init(\.schedule.name, .step),
    .init(\.schedule.milestones, [.fraction(0.67), .fraction(0.92)]),
    .init(\.schedule.warmUpLength, .iterations(100)), .init(\.schedule.warmUpRate, 0.001),
    .init(\.optimizer.weightDecay, 1e-4), .init(\.optimizer.momentum, 0.9),
  ]

  /// ResNet-50 on a folder of images, 256 at a time, for 90 epochs.
  private static let imageNet: ConfigurationChanges = [
    .init(\.network.model, "resnet50"), .init(\.data.dataset, .imageFolder),
    .init(\.parallel.batchSize, 256), .init(\.schedule.length, .epochs(90)),
    .init(\.schedule.learningRate, 0.1), .init(\.schedule.name, .step),
    .init(\.optimizer.weightDecay, 1e-4), .init(\.optimizer.momentum, 0.9),
    .init(\.augmentation.crop, .randomResized),
  ]
}
