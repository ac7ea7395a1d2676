/// The settings of object detection: Faster R-CNN's regions, losses and tests.

import Detection

/// What a run trains.
package enum TrainingTask: String, CaseIterable, Sendable {
  case classification
  case detection
}

/// What becomes of objects that are marked as difficult when a detector is trained.
package enum DifficultObjects: String, CaseIterable, Sendable {
  /// They are no objects.
  case drop
  case keep
}

package struct DetectionSettings: Hashable, Sendable {
  package var task = TrainingTask.classification
  /// Pixels that an image's shorter side becomes.
  package var shortSide = 600
  /// Pixels that an image's longer side has at most; the shorter one is then shorter.
  package var longSide = 1000
  /// Shorter sides of which one is drawn for each training image; empty: `shortSide`.
  package var trainingSides: [Int] = []
  /// Shorter sides of the sizes in which tests look at regions; empty: `shortSide`.
  package var testSides: [Int] = []
  /// The image set or annotation file of each split; nil: the data set's usual one.
  package var trainingSet: String?
  package var testSet: String?
  package var difficult = DifficultObjects.drop
  /// Whether a box without area ends the run instead of being dropped.
  package var isStrict = false
  /// Weights of a detector that proposes the regions; nil: the network itself does.
  package var proposalsFrom: String?
  /// Of four-step training: iterations of the second and the fourth step over those of the first and the third.
  package var regionStepLength = 0.5
  /// Of four-step training: the mini-batch of the second and the fourth step; nil: twice that of the others.
  package var regionStepBatchSize: Int?
  /// The network's own, in its words.
  package var network = Detector.Settings()
  /// Which boxes are reported.
  package var rule = DetectionRule()

  package init() {}
}

extension DetectionSettings: SettingGroup {
  package static let title = "Detection"

  private static let share = 0.0...1.0

  package static let settings: [Setting] = [
    Setting(
      "task", \.detection.task, .choice,
      "What the run trains; 'train' is for classification, 'detect train' for detection.",
      effect: .fixed),
    Setting(
      "min-size", \.detection.shortSide, .integer(Detector.leastSide...16_384), valueName: "pixels",
      "Pixels that the shorter side of each image is resized to.", aliases: ["short-side", "imgsz"]),
    Setting(
      "max-size", \.detection.longSide, .integer(Detector.leastSide...16_384), valueName: "pixels",
      "The most pixels that the longer side may then have.", aliases: ["long-side"]),
    Setting(
      "train-min-sizes", \.detection.trainingSides, .sides,
      "Shorter sides of which one is drawn for each training image.", unset: "--min-size"),
    Setting(
      "test-min-sizes", \.detection.testSides, .sides,
      "Shorter sides of several sizes of each image: tests look at a region in the two where it is closest to "
        + "224 pixels (multi-scale testing), such as 200,400,600,800,1000; proposals are made at --min-size.",
      unset: "--min-size"),
    Setting(
      "train-set", \.detection.trainingSet, .text("a name", "name"),
      "The training images: a name in VOC's ImageSets/Main, or a COCO annotation file.",
      unset: "train", effect: .none),
    Setting(
      "val-set", \.detection.testSet, .text("a name", "name"),
      "The images that epochs are evaluated on, likewise.", unset: "val, or test", effect: .none),
    Setting(
      "difficult", \.detection.difficult, .choice,
      "Whether objects that VOC calls difficult are trained; evaluations never count them."),
    Setting(
      "strict", \.detection.isStrict, .flag,
      "Refuse data with boxes that have no area instead of dropping them.", effect: .none),
    Setting(
      "anchor-sizes", \.detection.network.anchors.sizes,
      .numbers(1...Double(DataSettings.sides.upperBound), "pixels"),
      "Square roots of the anchors' areas.", effect: .fixed),
    Setting(
      "anchor-ratios", \.detection.network.anchors.ratios, .numbers(0.01...100, "ratios"),
      "The anchors' heights over their widths.", effect: .fixed),
    Setting(
      "rpn-channels", \.detection.network.proposalChannels, .integer(1...4096),
      "Channels of the region proposal network.", effect: .fixed),
    Setting(
      "rpn-batch-size-per-image", \.detection.network.anchorSampling.count, .integer(1...65_536),
      "Anchors of an image that are trained."),
    Setting(
      "rpn-positive-fraction", \.detection.network.anchorSampling.foregroundShare, .real(share),
      "The part of them that may be foreground."),
    Setting(
      "rpn-fg-iou-thresh", \.detection.network.anchorMatching.foreground, .overlap,
      "The least overlap with an object that makes an anchor foreground."),
    Setting(
      "rpn-bg-iou-thresh", \.detection.network.anchorMatching.background, .overlap,
      "Overlap below which an anchor is background."),
    Setting(
      "rpn-drop-crossing", \.detection.network.dropsCrossingAnchors, .flag,
      "Leave anchors that cross the image's border out of the training, as the paper does."),
    Setting(
      "rpn-pre-nms-top-n-train", \.detection.network.trainingLimits.before, .integer(1...1_000_000),
      "Anchors with the highest scores that become proposals in training."),
    Setting(
      "rpn-post-nms-top-n-train", \.detection.network.trainingLimits.after, .integer(1...100_000),
      "Proposals that are kept in training."),
    Setting(
      "rpn-pre-nms-top-n-test", \.detection.network.testLimits.before, .integer(1...1_000_000),
      "The same in tests.", effect: .result),
    Setting(
      "rpn-post-nms-top-n-test", \.detection.network.testLimits.after, .integer(1...100_000),
      "The same in tests: regions that are classified."),
    Setting(
      "rpn-nms-thresh", \.detection.network.trainingLimits.overlap, .overlap,
      "Overlap above which the worse of two proposals is dropped, in training and tests."),
    Setting(
      "box-batch-size-per-image", \.detection.network.regionSampling.count, .integer(1...100_000),
      "Regions of an image that are trained."),
    Setting(
      "box-positive-fraction", \.detection.network.regionSampling.foregroundShare, .real(share),
      "The part of them that may be foreground."),
    Setting(
      "box-fg-iou-thresh", \.detection.network.regionMatching.foreground, .overlap,
      "The least overlap with an object that makes a region foreground; others are background."),
    Setting(
      "box-score-thresh", \.detection.rule.leastScore, .overlap,
      "Boxes with a lower probability are not reported."),
    Setting(
      "box-nms-thresh", \.detection.rule.overlap, .overlap,
      "Overlap above which the worse of two boxes of a class is not reported; 0.3 is usual for VOC."
    ),
    Setting(
      "box-detections-per-img", \.detection.rule.limit, .integer(1...100_000),
      "The most boxes that are reported for an image."),
    Setting(
      "box-refinement", \.detection.rule.refines, .flag,
      "Pool features again from each box that was found, and let boxes that overlap vote, as appendix B of "
        + "the paper does: tests take up to twice the time."),
    Setting(
      "global-context", \.detection.network.usesContext, .flag,
      "Concatenate features of the whole image to those of each region, as appendix B of the paper does.",
      effect: .fixed),
    Setting(
      "roi-pooling", \.detection.network.pooling, .choice,
      "How a region's features are cut out: roi-align, or roi-pool as in the paper."),
    Setting(
      "roi-size", \.detection.network.pooledSide, .integer(1...64), valueName: "positions",
      "The side of a region's features.", effect: .fixed),
    Setting(
      "rpn-smooth-l1-beta", \.detection.network.anchorBeta, .real(0...), valueName: "beta",
      "Where the anchors' box loss becomes linear; 0: everywhere."),
    Setting(
      "box-smooth-l1-beta", \.detection.network.regionBeta, .real(0...), valueName: "beta",
      "Where the regions' box loss becomes linear; 0: everywhere."),
    Setting(
      "freeze-stages", \.detection.network.frozenStages, .integer(0...4),
      "Stages that keep their weights: 1 is the stem, 2 also layer1, 3 layer2, 4 layer3. BN is fixed in all.",
      effect: .fixed),
    Setting(
      "training", \.detection.network.training, .choice,
      "joint: all layers by both losses; four-steps: proposals and regions in turn, as the paper; rpn, "
        + "fast-rcnn: only that part, by its own loss.", effect: .fixed),
    Setting(
      "proposals-from", \.detection.proposalsFrom, .text("a path", "path"),
      "fast-rcnn: the run, checkpoint or file of the detector whose proposals are trained and tested.",
      unset: "the network itself"),
    Setting(
      "fast-rcnn-length", \.detection.regionStepLength, .real(0.01...100), valueName: "part",
      "four-steps: iterations of steps 2 and 4 (regions) over those of steps 1 and 3 (proposals), which have "
        + "--iterations or --epochs.", effect: .fixed),
    Setting(
      "fast-rcnn-batch-size", \.detection.regionStepBatchSize,
      .integer(ParallelSettings.batchSizes),
      "four-steps: images in a mini-batch of steps 2 and 4, at the same rate.",
      unset: "twice --batch-size", effect: .fixed),
  ]

  /// What the detector is built from.
  ///
  /// Proposals overlap in tests as in training, and regions are foreground or background.
  package var detectorSettings: Detector.Settings {
    var settings = network
    settings.testLimits.overlap = network.trainingLimits.overlap
    settings.regionMatching.background = network.regionMatching.foreground
    return settings
  }
}

extension ValueFormat where Value == Float {
  /// A number from 0 to 1.
  fileprivate static var overlap: Self {
    .init("a number from 0 to 1", valueName: "x") { text in
      Float(text).flatMap { (0...1).contains($0) ? $0 : nil }
    } text: {
      "\($0)"
    }
  }
}

extension ValueFormat where Value == [Double] {
  /// Numbers in a range with commas.
  fileprivate static func numbers(_ range: ClosedRange<Double>, _ name: String) -> Self {
    .init(
      "numbers from \(NumberText.shortest(range.lowerBound)) to \(NumberText.shortest(range.upperBound)) "
        + "with commas", valueName: name
    ) { text in
      guard let values = NumberText.list(text), !values.isEmpty, values.count <= 64,
        values.allSatisfy(range.contains)
      else { return nil }
      return values
    } text: {
      NumberText.text($0)
    }
  }
}

extension ValueFormat where Value == [Int] {
  /// Sides of images with commas.
  fileprivate static var sides: Self {
    let range = Detector.leastSide...16_384
    return .init(
      "none, or whole numbers from \(range.lowerBound) to \(range.upperBound) with commas",
      valueName: "pixels"
    ) { text in
      if text == "none" { return [] }
      let values = NumberText.words(text).map { Int($0) }
      guard values.allSatisfy({ $0.map(range.contains) ?? false }) else { return nil }
      return values.compactMap(\.self)
    } text: {
      $0.isEmpty ? nil : $0.map(String.init).joined(separator: ",")
    }
  }
}
