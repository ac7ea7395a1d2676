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
    DetectionSettings.settings.filter { $0.path != \TrainingConfiguration.detection.task }
    + selection(\.network.stridePlacement)
}

/// Images and their changes.
enum DetectionDataSelection: SettingGroup {
  static let title = "Images"
  static let settings = selection(
    \.data.testDirectory, \.data.trainLimit, \.data.testLimit, \.data.mean, \.data.deviation,
    \.augmentation.flip, \.data.transposesByEXIF, \.data.maximumPixels)
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
    \.detection.rule.limit, \.detection.rule.refines)
}

/// The same with the images of a data set.
enum DetectionTestSelection: SettingGroup {
  static let title = DetectionPredictionSelection.title
  static let settings =
    selection(
      \.data.directory, \.data.testDirectory, \.detection.testSet, \.data.testLimit,
      \.detection.isStrict) + DetectionPredictionSelection.settings
}
