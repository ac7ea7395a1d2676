/// The settings that detection commands take.

import Settings

/// What people type first.
enum DetectionCommonSelection: SettingGroup {
  static let title = CommonSettings.title
  static let settings = selection(
    \.network.model, \.network.weights, \.data.directory, \.schedule.length,
    \.schedule.learningRate, \.parallel.batchSize, \.network.precision, \.run.recipe,
    \.run.directory)
}

/// The detector.
enum DetectionSelection: SettingGroup {
  static let title = DetectionSettings.title
  static let settings =
    DetectionSettings.settings.filter(\.isFlag)
    + selection(\.network.stridePlacement)
}

/// Images and their changes.
enum DetectionDataSelection: SettingGroup {
  static let title = "Images"
  static let settings = selection(
    \.data.testDirectory, \.data.trainLimit, \.data.testLimit, \.data.mean, \.data.deviation,
    \.augmentation.flip, \.data.transposesByEXIF, \.data.maximumPixels, \.data.badImages)
}

/// Length and learning rate, without what needs a training error.
enum DetectionScheduleSelection: SettingGroup {
  static let title = ScheduleSettings.title
  static let settings = RareSettings<ScheduleSettings>.settings.filter {
    $0.key != "warmup-until-error"
  }
}

/// What belongs to the run, without what needs a validation split.
enum DetectionRunSelection: SettingGroup {
  static let title = RunSettings.title
  static let settings = RareSettings<RunSettings>.settings.filter {
    $0.path != \TrainingConfiguration.run.select
  }
}

/// What users of PyTorch type first, and detectors do not have.
enum DetectionRefusedSelection: HiddenSelection {
  static let title = ParallelSettings.title
  static let settings = selection(\.parallel.threads, \.parallel.workers)
}

/// How the work of a training step is divided.
enum DetectionParallelSelection: SettingGroup {
  static let title = ParallelSettings.title
  static let settings = selection(
    \.parallel.accumulate, \.parallel.balance, \.parallel.reduction,
    \.parallel.gradientCompression, \.parallel.bucketMegabytes)
}

/// How image files become the network's input, and which boxes are reported.
enum DetectionPredictionSelection: SettingGroup {
  static let title = "Images and boxes"
  static let settings = selection(
    \.network.model, \.network.stridePlacement, \.network.precision, \.data.mean,
    \.data.deviation, \.data.transposesByEXIF, \.data.maximumPixels, \.detection.shortSide,
    \.detection.longSide, \.detection.testSides, \.detection.network.testLimits.before,
    \.detection.network.testLimits.after, \.detection.rule.leastScore, \.detection.rule.overlap,
    \.detection.rule.limit, \.detection.rule.refines
  ).map(\.inTestsWords)
}

/// The same with the images of a data set.
enum DetectionTestSelection: SettingGroup {
  static let title = DetectionPredictionSelection.title
  static let settings =
    selection(
      \.data.directory, \.data.testDirectory, \.detection.testSet, \.data.testLimit,
      \.detection.isStrict
    ).map(\.inTestsWords) + DetectionPredictionSelection.settings
}

extension Setting {
  /// The setting where a detector is tested and not trained.
  fileprivate var inTestsWords: Setting {
    switch key {
    case "model":
      described(
        "The backbone, such as resnet50, where the weights do not tell it.", hasDefault: false)
    case "val-set":
      described("The images: a name in VOC's ImageSets/Main, or a COCO annotation file.")
    case "rpn-pre-nms-top-n-test":
      described("Anchors with the highest scores that become proposals.")
    case "rpn-post-nms-top-n-test":
      described("Proposals that are kept: regions that are classified.")
    default: inDetectorsWords
    }
  }
}
