/// The settings that a checkpoint records: for checkpoints without a run, and for the check on resuming.

import Distributed
import Settings

/// A checkpoint belongs to a run with other settings or images.
package struct ResumeMismatch: UsageError, Equatable, CustomStringConvertible {
  package let key: String
  package let checkpoint: String
  package let requested: String

  package var description: String {
    "the checkpoint was made with \(key) \(checkpoint), this run asks for \(requested): resume with "
      + "the same \(key), or start a new run with --weights"
  }
}

extension CheckpointState {
  /// The settings that a resumed run must keep.
  static func keptSettings(_ configuration: TrainingConfiguration) -> [String: String] {
    let kept = configuration.ownSettings.filter { $0.effect == .fixed }
    return Dictionary(
      uniqueKeysWithValues: kept.compactMap { setting in
        setting.text(configuration).map { (setting.key, $0) }
      })
  }

  /// What the checkpoint records of them.
  private var recorded: [String: String] {
    if let settings { return settings }
    var recorded = [
      "model": model, "batch-size": "\(batchSize)", "shards": "\(shards)", "seed": "\(seed)",
      "optimizer": optimizer ?? OptimizerName.sgd.rawValue,
    ]
    recorded["shortcut"] = shortcut
    recorded["stride-placement"] = stridePlacement
    return recorded
  }

  /// The defaults with the settings that the checkpoint records.
  ///
  /// - Throws: `ConfigurationError`.
  package var configuration: TrainingConfiguration {
    get throws {
      try ConfigurationChanges(parsing: recorded.map { .init($0, $1) }).applied(to: .init())
    }
  }

  /// Checks that a run may resume the checkpoint.
  ///
  /// A setting that was added after the checkpoint was written had its default.
  /// - Throws: `ResumeMismatch`.
  func checkResuming(_ configuration: TrainingConfiguration) throws(ResumeMismatch) {
    let (requested, recorded) = (Self.keptSettings(configuration), recorded)
    let defaults = settings == nil ? [:] : Self.keptSettings(.init())
    for key in Set(requested.keys).union(recorded.keys).sorted() {
      guard let new = requested[key], let old = recorded[key] ?? defaults[key], old != new else {
        continue
      }
      throw ResumeMismatch(key: "--\(key)", checkpoint: old, requested: new)
    }
  }
}
