/// Where a configuration's values come from: defaults, the resumed run, a file, the command line.

import Foundation
import Networks
import Settings

extension TrainingConfiguration {
  /// Defaults < the resumed run's `config.yaml` < the recipe that `file` or `changes` name < `file` <
  /// `changes`.
  ///
  /// - Throws: `ConfigurationError`, and `CheckpointError` when there is nothing to resume.
  package static func resolve(
    _ changes: ConfigurationChanges, file: String?, resume: String?
  ) throws -> TrainingConfiguration {
    var configuration = TrainingConfiguration()
    if let resume, let checkpoint = try WeightsFile.checkpointFolder(resume) {
      let path = "\(WeightsFile.runFolder(ofCheckpoint: checkpoint))/config.yaml"
      configuration = try read(path).applied(to: configuration)
      // A resumed run brings its weights.
      configuration.network.weights = nil
      configuration.network.newClassifier = false
    }
    let given = try file.map { try read($0) + changes } ?? changes
    let recipe = given.applied(to: TrainingConfiguration()).run.recipe
    return ((recipe?.changes ?? []) + given).applied(to: configuration)
  }

  /// The values in a run's `config.yaml`, when `weights` are from a run; those that its
  /// checkpoint holds, when that is all there is; else the defaults.
  static func ofRun(weights: String) throws -> TrainingConfiguration {
    guard let checkpoint = try WeightsFile.checkpointFolder(weights) else { return .init() }
    let path = "\(WeightsFile.runFolder(ofCheckpoint: checkpoint))/config.yaml"
    guard FileManager.default.fileExists(atPath: path) else {
      return try CheckpointFolder.state(of: checkpoint).configuration
    }
    return try read(path).applied(to: .init())
  }

  private static func read(_ path: String) throws(ConfigurationError) -> ConfigurationChanges {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .unreadable(path: path, reason: "the file is missing or not readable")
    }
    return try ConfigurationChanges(yaml: String(decoding: data, as: UTF8.self), path: path)
  }
}
