/// Where a configuration's values come from: defaults, the resumed run, a file, flags.

import Foundation
import Networks
import Settings

extension TrainingConfiguration {
  /// Defaults < the resumed run's `config.yaml` < `file` < `flags`.
  ///
  /// - Throws: `ConfigurationError`, and `CheckpointError` when there is nothing to resume.
  package static func resolve(
    flags: [(key: String, value: String)], file: String?, resume: String?
  ) throws -> TrainingConfiguration {
    var configuration = TrainingConfiguration()
    if let resume, let checkpoint = try WeightsFile.checkpointFolder(resume) {
      let path = "\(WeightsFile.runFolder(ofCheckpoint: checkpoint))/config.yaml"
      configuration = try TrainingConfiguration(read(path), over: configuration, source: path)
      // A resumed run brings its weights.
      configuration.weights = nil
    }
    if let file {
      configuration = try TrainingConfiguration(read(file), over: configuration, source: file)
    }
    return try TrainingConfiguration(flags, over: configuration)
  }

  /// The values that stand in a run's `config.yaml`, when `weights` are from a run; those that its
  /// checkpoint holds, when that is all there is; else the defaults.
  static func ofRun(weights: String) throws -> TrainingConfiguration {
    guard let checkpoint = try WeightsFile.checkpointFolder(weights) else { return .init() }
    let path = "\(WeightsFile.runFolder(ofCheckpoint: checkpoint))/config.yaml"
    guard FileManager.default.fileExists(atPath: path) else {
      return try CheckpointFolder.state(of: checkpoint).network
    }
    return try TrainingConfiguration(read(path), source: path)
  }

  private static func read(
    _ path: String
  ) throws(ConfigurationError) -> [(key: String, value: String)] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .unreadable(path: path, reason: "the file is missing or not readable")
    }
    return try values(yaml: String(decoding: data, as: UTF8.self), path: path)
  }
}

extension CheckpointState {
  /// The defaults with the network that the checkpoint is of.
  var network: TrainingConfiguration {
    var configuration = TrainingConfiguration()
    configuration.model = model
    configuration.shortcut = shortcut.flatMap(Shortcut.init(rawValue:))
    configuration.stridePlacement = stridePlacement.flatMap(BottleneckStride.init(rawValue:))
    return configuration
  }
}
