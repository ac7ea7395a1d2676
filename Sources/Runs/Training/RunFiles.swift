/// The files of a run while it trains: its folder, metrics and checkpoints.

import Settings
import System
import TensorBoard

/// Owned by rank 0; see `RunFolder` for what is where. Threads may share it: one appends figures, one saves.
final class RunFiles: Sendable {
  let folder: RunFolder
  private let metrics: MetricsLog
  /// With `--tensorboard`.
  private let events: EventFile?
  private let keepCheckpoints: Int
  /// The step of the checkpoint here that the user named, which is kept; nil: none.
  private let namedStep: Int?

  /// Makes a new run folder, or opens the one that is resumed, and writes `config.yaml`.
  ///
  /// - Throws: `RunFolderError`, `FileError`, `CheckpointError`; then nothing in a folder that was
  ///   there before is changed.
  init(_ run: RunDescription, start: StartingPoint) throws {
    FileSizeSignal.ignore()
    let configuration = run.configuration
    let earlier = start.checkpoint.map { WeightsFile.runFolder(ofCheckpoint: $0) }
    if let earlier, configuration.run.directory.map({ WeightsFile.areSame($0, earlier) }) ?? true {
      folder = try RunFolder(resuming: earlier)
      try Self.checkFinished(folder, run, start)
      let damaged = start.resume?.damaged ?? []
      try Self.checkLaterCheckpoints(
        of: folder, configuration, after: start.step,
        except: damaged.map { TemporaryName.split($0.path).name })
      // They would count among the newest checkpoints, which are kept.
      for checkpoint in damaged { try folder.setAside(checkpoint.path) }
      namedStep = start.resume?.isNamed == true ? start.step : nil
    } else {
      if let path = configuration.run.directory {
        let outputs = [configuration.run.timeline, configuration.run.prometheusFile]
        folder = try RunFolder(creating: path, outputs: outputs.compactMap(\.self))
      } else {
        folder = try RunFolder.create(model: run.model, dataset: run.dataset)
      }
      if let checkpoint = start.checkpoint {
        try RunOrigin(checkpoint: checkpoint).write(to: folder)
      }
      namedStep = nil
    }
    var (written, derived) = (configuration, run.derivedConfiguration)
    // A run folder can be moved.
    (written.run.directory, derived.run.directory) = (nil, nil)
    try folder.makeLogsFolder()
    // A run that is resumed is not finished.
    try folder.removeResult()
    try folder.writeConfig(yaml: try written.yaml(derived: derived))
    metrics = try MetricsLog(
      path: folder.metricsPath, resumingAfter: start.step,
      repeatsEvaluation: start.progress.isEvaluationPending || start.step == run.timeline.steps)
    events =
      configuration.run.tensorBoard
      ? try EventFile(in: folder.path, firstStep: start.step + 1) : nil
    keepCheckpoints = configuration.run.keepCheckpoints
  }

  /// A finished run keeps the settings that it was trained with; a longer one is another matter.
  private static func checkFinished(
    _ folder: RunFolder, _ run: RunDescription, _ start: StartingPoint
  ) throws {
    guard start.step >= run.timeline.steps, let earlier = start.earlier else { return }
    let differences = run.configuration.differences(from: earlier)
    if let other = differences.first(where: {
      $0.setting.effect.decidesTraining && $0.setting.path != \TrainingConfiguration.schedule.length
    }) {
      throw CheckpointError.finished(path: folder.path, key: other.setting.key, value: other.old)
    }
  }

  /// A run that is resumed in place from an older checkpoint makes the later ones again, so it must be
  /// the run that made them; checked before anything in the folder is changed.
  ///
  /// - Parameter damaged: names of checkpoints that are set aside.
  private static func checkLaterCheckpoints(
    of folder: RunFolder, _ configuration: TrainingConfiguration, after step: Int,
    except damaged: [String]
  ) throws {
    let later = try folder.checkpoints().first {
      $0.step > step && !damaged.contains(TemporaryName.split($0.path).name)
    }
    guard let later else { return }
    let old = try TrainingConfiguration.ofRun(weights: later.path)
    let differences = configuration.differences(from: old)
    if let other = differences.first(where: \.setting.effect.decidesTraining) {
      throw CheckpointError.otherSettings(path: later.path, key: other.setting.key)
    }
  }

  /// Adds a line to the metrics log, and its figures to TensorBoard's events.
  func append(_ record: MetricsRecord) throws {
    try metrics.append(record)
    try events?.append(record.scalars, step: record.step)
  }

  /// Writes the checkpoint that `state` describes, records the best and removes the oldest.
  func save(_ state: CheckpointState, _ contents: CheckpointContents) throws {
    try metrics.synchronize()
    try events?.synchronize()
    do { try write(state, contents) } catch FileError.alreadyExists {
      // A run that was resumed from an earlier checkpoint meets its own later ones again.
      let path = folder.checkpointPath(step: state.step)
      if let there = try? CheckpointFolder.check(.init(step: state.step, path: path)) {
        guard there.parametersSHA256 == state.parametersSHA256 else {
          throw CheckpointError.different(path: path)
        }
      } else {
        // It was damaged after the run's start, which sets others aside.
        try folder.setAside(path)
        try write(state, contents)
      }
    }
    try folder.record(state.best)
    try folder.pruneCheckpoints(
      keepingNewest: keepCheckpoints, and: [state.best?.step, namedStep].compactMap(\.self))
  }

  private func write(_ state: CheckpointState, _ contents: CheckpointContents) throws {
    let written = try folder.writeCheckpoint(step: state.step) {
      try CheckpointFolder.write(state, contents, into: $0)
    }
    // Older ones go only when this one can be read.
    try CheckpointFolder.check(written)
  }
}
