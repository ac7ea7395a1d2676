/// The settings that a checkpoint records: for checkpoints without a run, and for the check on resuming.

import Distributed
import Foundation
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

/// A run's `config.yaml` has lost lines, without which the run would go on with defaults.
package struct ShortenedConfiguration: UsageError, Equatable, CustomStringConvertible {
  package let path: String
  package let checkpoint: String
  /// As the file had them.
  package let lines: [String]

  package var description: String {
    "\(path) has lost lines since \(checkpoint) was written: put them back, with these values or others: "
      + lines.map { "'\($0)'" }.joined(separator: ", ")
  }
}

extension CheckpointState {
  /// What a checkpoint records: all settings that are set.
  static func allSettings(_ configuration: TrainingConfiguration) -> [String: String] {
    var configuration = configuration
    // A run folder can be moved.
    configuration.run.directory = nil
    return Dictionary(uniqueKeysWithValues: configuration.values.map { ($0.key, $0.value) })
  }

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

  /// The defaults with the settings that the checkpoint records and that a resumed run must keep.
  ///
  /// - Throws: `ConfigurationError`.
  package var configuration: TrainingConfiguration {
    get throws {
      let free = TrainingConfiguration.settings.filter { $0.effect != .fixed }.flatMap(\.names)
      let kept = recorded.filter { !free.contains($0.key) }
      return try ConfigurationChanges(parsing: kept.map { .init($0, $1) }).applied(to: .init())
    }
  }

  /// Checks that the run's `config.yaml` has a line for each value that the checkpoint records and that is not
  /// the default. It may say something else, and lack settings that were added since.
  ///
  /// - Parameters:
  ///   - path: of the file; where there is none, whoever reads it says so.
  ///   - checkpoint: its folder, for the message.
  /// - Throws: `ShortenedConfiguration`.
  func checkLines(of path: String, checkpoint: String) throws(ShortenedConfiguration) {
    guard let settings, let data = FileManager.default.contents(atPath: path) else { return }
    let keys = Self.keys(of: String(decoding: data, as: UTF8.self))
    let defaults = TrainingConfiguration()
    let lost = TrainingConfiguration.settings.compactMap { setting -> String? in
      guard let key = setting.names.first(where: { settings[$0] != nil }),
        let value = settings[key], value != setting.text(defaults),
        keys.isDisjoint(with: setting.names)
      else { return nil }
      return "\(key): \(value)"
    }
    if !lost.isEmpty {
      throw ShortenedConfiguration(path: path, checkpoint: checkpoint, lines: lost)
    }
  }

  /// The keys of a flat YAML mapping, those without a value included; what is derived is indented.
  private static func keys(of yaml: String) -> Set<String> {
    Set(
      yaml.split(whereSeparator: \.isNewline).compactMap { line -> String? in
        guard !line.hasPrefix(" "), let colon = line.firstIndex(of: ":") else { return nil }
        return line[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: " '\""))
      })
  }

  /// Checks that a run may resume the checkpoint.
  ///
  /// A setting that was added after the checkpoint was written had its default.
  /// - Throws: `ResumeMismatch`.
  func checkResuming(_ configuration: TrainingConfiguration) throws(ResumeMismatch) {
    let (requested, recorded) = (Self.keptSettings(configuration), recorded)
    let defaults = settings == nil ? [:] : Self.keptSettings(.init())
    let kept = TrainingConfiguration.settings.filter { $0.effect == .fixed }.map(\.key)
    for key in Set(requested.keys).union(recorded.keys).intersection(kept).sorted() {
      let (new, old) = (requested[key], recorded[key] ?? defaults[key])
      // An older checkpoint records some of the settings only.
      if new == old || (settings == nil && (new == nil || old == nil)) { continue }
      throw ResumeMismatch(
        key: "--\(key)", checkpoint: old ?? "none", requested: new ?? "none")
    }
  }
}
