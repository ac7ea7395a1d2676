/// The settings that commands take: a group without the common ones, or some of several groups.

import Settings

/// What people type first.
enum CommonSettings: SettingGroup {
  static let title = "Most used"
  static let settings = TrainingConfiguration.settings.filter(\.isCommon)
}

/// A group's other settings.
enum RareSettings<Group: SettingGroup>: SettingGroup {
  static var title: String { Group.title }
  static var settings: [Setting] { Group.settings.filter { !$0.isCommon } }
}

/// The network that a command builds.
enum ArchitectureSelection: SettingGroup {
  static let title = "Network"
  static let settings = selection(\.network.model, \.network.shortcut, \.network.stridePlacement)
}

/// The network that a command builds, and its weights.
enum NetworkSelection: SettingGroup {
  static let title = "Network"
  static let settings = ArchitectureSelection.settings + selection(\.network.weights)
}

/// Settings that name the images of a command: their folder tells the data set where no name is given.
protocol ImageSelection: SettingGroup {}

/// Settings that are read, so that what is wrong with them can be said, and not shown in the help.
protocol HiddenSelection: SettingGroup {}

/// Test images, and how they become the network's input.
enum TestImageSelection: ImageSelection {
  static let title = "Images"
  static let settings = selection(
    \.data.dataset, \.data.directory, \.data.testDirectory, \.data.mean, \.data.deviation,
    \.data.testLimit, \.data.imageSize, \.data.testResize, \.data.testSize, \.data.interpolation,
    \.data.transposesByEXIF, \.data.maximumPixels)
}

/// How image files become the network's input.
enum PredictionSelection: SettingGroup {
  static let title = "Images"
  static let settings = selection(
    \.data.mean, \.data.deviation, \.data.imageSize, \.data.testResize, \.data.testSize,
    \.data.interpolation, \.data.transposesByEXIF, \.data.maximumPixels)
}

/// Training images as a test would see them.
enum StatisticsSelection: ImageSelection {
  static let title = "Images"
  static let settings = selection(
    \.data.dataset, \.data.directory, \.data.trainLimit, \.parallel.workers, \.data.imageSize,
    \.data.testResize, \.data.testSize, \.data.interpolation, \.data.transposesByEXIF,
    \.data.maximumPixels)
}

/// The images of a data set, as they are.
enum CheckSelection: ImageSelection {
  static let title = "Images"
  static let settings = selection(
    \.data.dataset, \.data.directory, \.data.testDirectory, \.data.trainLimit, \.data.testLimit,
    \.data.maximumPixels, \.parallel.workers)
}

/// How a pass over images computes, and how its work is divided.
enum PassSelection: SettingGroup {
  static let title = DivisionSelection.title
  static let settings = selection(\.network.precision) + DivisionSelection.settings
}

/// How the work of a pass over images is divided.
enum DivisionSelection: SettingGroup {
  static let title = "Division of the work"
  static let settings = selection(
    \.parallel.batchSize, \.parallel.shards, \.parallel.threads, \.parallel.workers)
}

/// How a benchmark computes, how its work is divided, and what its ranks exchange.
enum StepSelection: SettingGroup {
  static let title = "Division of the work"
  static let settings = selection(
    \.network.precision, \.parallel.batchSize, \.parallel.accumulate, \.parallel.shards,
    \.parallel.balance,
    \.parallel.normalizationGroup, \.parallel.threads, \.parallel.reduction,
    \.parallel.gradientCompression, \.parallel.bucketMegabytes, \.run.timeline)
}

/// The input pipeline of a benchmark.
enum PipelineSelection: SettingGroup {
  static let title = "Input pipeline"
  static let settings =
    selection(
      \.data.dataset, \.data.directory, \.parallel.workers, \.data.badImages)
    + AugmentationSettings.settings.filter { setting in
      // What is done to targets is no part of it.
      let targets: [PartialKeyPath<TrainingConfiguration>] = [
        \.augmentation.labelSmoothing, \.augmentation.mixupAlpha, \.augmentation.cutMixAlpha,
        \.augmentation.mixProbability,
      ]
      return !targets.contains(setting.path)
    }
}

/// The update of a benchmark's step.
enum UpdateSelection: SettingGroup {
  static let title = OptimizerSettings.title
  static let settings = OptimizerSettings.settings.filter { setting in
    // An average of the weights is a run's, not a step's.
    let averages: [PartialKeyPath<TrainingConfiguration>] = [
      \.optimizer.averageDecay, \.optimizer.averageInterval, \.optimizer.adjustsAverage,
    ]
    return !averages.contains(setting.path)
  }
}

/// The settings of the values at `paths`, in their order.
func selection(_ paths: PartialKeyPath<TrainingConfiguration>...) -> [Setting] {
  paths.flatMap { path in TrainingConfiguration.settings.filter { $0.path == path } }
}
