/// Where a configuration's values come from: defaults, the resumed run, a file, the command line.

import Datasets
import Distributed
import Foundation
import Networks
import Settings

extension TrainingConfiguration {
  /// Defaults < the resumed run's `config.yaml` < the recipe that `file` or `changes` name < what the data
  /// and the weights tell < `file` < `changes`. What a recipe says of blocks that the network does not have is left out.
  ///
  /// - Parameter base: what a new run has instead of the defaults where no recipe is named.
  /// - Throws: `ConfigurationError`, and `CheckpointError` when there is nothing to resume.
  package static func resolve(
    _ changes: ConfigurationChanges, file: String?, resume: String?,
    base: ConfigurationChanges = []
  ) throws -> TrainingConfiguration {
    var configuration = TrainingConfiguration()
    var bringsWeights = false
    if let resume, let checkpoint = try WeightsFile.checkpointFolder(resume) {
      let path = "\(WeightsFile.runFolder(ofCheckpoint: checkpoint))/config.yaml"
      configuration = try read(path).applied(to: configuration)
      bringsWeights = true
    }
    let named = try file.map { try read($0) + changes } ?? changes
    let isClassification =
      (base + named).applied(to: configuration).detection.task == .classification
    let given = isClassification ? named.withRecognizedDataset : named
    let requested = given.applied(to: TrainingConfiguration())
    var changes = requested.run.recipe?.changes ?? (resume == nil ? base : [])
    // Without --model the network is that of the weights.
    if resume == nil, let weights = requested.network.weights, !given.contains(\.network.model) {
      changes = changes + (try model(of: weights, else: changes))
    }
    let model = (changes + given).applied(to: configuration).network.model
    configuration = (changes.applicable(to: model) + given).applied(to: configuration)
    if bringsWeights {
      // A job's command names those that its first start is from.
      configuration.network.weights = nil
      configuration.network.newClassifier = false
    }
    return configuration
  }

  /// Checks that a command is for what the settings train.
  ///
  /// - Parameter command: the name that both tasks' commands have.
  /// - Throws: `OtherTask`.
  package func check(isFor task: TrainingTask, command: String = "train") throws(OtherTask) {
    if detection.task != task { throw OtherTask(configured: detection.task, command: command) }
  }

  /// The values in a run's `config.yaml`, when `weights` are from a run; those that its
  /// checkpoint holds, when that is all there is; else the defaults.
  static func ofRun(weights: String) throws -> TrainingConfiguration {
    guard let checkpoint = try WeightsFile.checkpointFolder(weights) else {
      // One that cannot be read is reported when it is loaded.
      let network = (try? WeightsFile(weights)).map { Self.network(of: $0) } ?? []
      return network.applied(to: .init())
    }
    let path = "\(WeightsFile.runFolder(ofCheckpoint: checkpoint))/config.yaml"
    guard FileManager.default.fileExists(atPath: path) else {
      return try CheckpointFolder.state(of: checkpoint).configuration
    }
    return try read(path).applied(to: .init())
  }

  /// The same of weights that must not be a detector's, with what a plain file tells of its test images, and
  /// `changes` over it. A file that cannot be read is reported when it is loaded.
  ///
  /// - Throws: `DetectorInstead`, `UnrecognizedNetwork`.
  static func ofClassifier(
    weights: String, changes: ConfigurationChanges
  ) throws -> TrainingConfiguration {
    guard try WeightsFile.checkpointFolder(weights) == nil, let file = try? WeightsFile(weights)
    else {
      let configuration = try ofRun(weights: weights)
      if configuration.detection.task == .detection { throw DetectorInstead(path: weights) }
      return changes.applied(to: configuration)
    }
    let own = Self.network(of: file) + file.testImages(changes)
    let configuration = (own + changes).applied(to: .init())
    try configuration.checkNetwork(of: file)
    return configuration
  }

  /// The network of weights that a new run starts from.
  ///
  /// - Parameter base: what names the network where the weights do not tell.
  /// - Throws: `UnrecognizedNetwork`, `CheckpointError`.
  private static func model(
    of weights: String, else base: ConfigurationChanges
  ) throws -> ConfigurationChanges {
    guard let checkpoint = try? WeightsFile.checkpointFolder(weights) else {
      guard let file = try? WeightsFile(weights) else { return [] }
      let network = Self.network(of: file)
      try (base + network).applied(to: .init()).checkNetwork(of: file)
      return network
    }
    let network = try CheckpointFolder.state(of: checkpoint).configuration.network
    return changes(
      model: network.model, shortcut: network.shortcut, stride: network.stridePlacement)
  }

  /// The network that a plain file's weights are of, as far as the file tells.
  private static func network(of file: WeightsFile) -> ConfigurationChanges {
    if let model = file.metadata["model"] {
      return changes(
        model: model, shortcut: file.metadata["shortcut"].flatMap(Shortcut.init(rawValue:)),
        stride: file.metadata["stride_placement"].flatMap(BottleneckStride.init(named:)))
    }
    guard let model = file.recognizedModel else { return [] }
    return changes(model: model.name, shortcut: model.shortcut, stride: nil)
  }

  /// A network; what is its own choice is left open, for whoever names another model over it.
  private static func changes(
    model: String, shortcut: Shortcut?, stride: BottleneckStride?
  ) -> ConfigurationChanges {
    let isUsual = shortcut == ModelCatalog.defaultShortcut(of: model)
    return [
      .init(\.network.model, model), .init(\.network.shortcut, isUsual ? nil : shortcut),
      .init(\.network.stridePlacement, stride == .middle3x3 ? nil : stride),
    ]
  }

  private static func read(_ path: String) throws(ConfigurationError) -> ConfigurationChanges {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .unreadable(path: path, reason: "the file is missing or not readable")
    }
    return try ConfigurationChanges(yaml: String(decoding: data, as: UTF8.self), path: path)
  }
}

extension ConfigurationChanges {
  /// The same with the data set that is in the given folder, where its name is not given.
  package var withRecognizedDataset: ConfigurationChanges {
    guard !contains(\.data.dataset),
      let directory = applied(to: TrainingConfiguration()).data.directory,
      let dataset = DatasetName.recognized(at: directory)
    else { return self }
    return self + [.init(\.data.dataset, dataset)]
  }
}

/// A command is for another task than the settings.
package struct OtherTask: UsageError, Equatable, CustomStringConvertible {
  let configured: TrainingTask
  let command: String

  package var description: String {
    switch configured {
    case .detection: "these settings are for object detection: use 'resnet-dist detect \(command)'"
    case .classification: "these settings are for classification: use 'resnet-dist \(command)'"
    }
  }
}

/// A detector where a classifier is expected.
struct DetectorInstead: UsageError, CustomStringConvertible {
  let path: String

  var description: String {
    "\(path) is a detector's: use 'resnet-dist detect eval' or 'detect predict'; PyTorch loads the weights.safetensors "
      + "of its checkpoints as they are"
  }
}
