/// What a run's files and logs say of it, whatever it trains.

import Networks
import Settings

struct RunDescription {
  /// With what the data and the network decide filled in.
  let configuration: TrainingConfiguration
  /// The same with all that follows from it and from this launch.
  let derivedConfiguration: TrainingConfiguration
  /// The network's name.
  let model: String
  let dataset: String
  /// Of each rank.
  let threads: Int
  let timeline: TrainingTimeline
  /// The images that epochs are evaluated on.
  let evaluationSplit: MetricsRecord.Split

  /// Where a run is that is at `progress`, without the digest of the parameters.
  ///
  /// - Parameters:
  ///   - classes: that the network tells apart.
  ///   - inputSide: of square test images.
  ///   - images: of training.
  ///   - seconds: of training so far.
  func checkpointState(
    _ progress: TrainingProgress, _ architecture: Architecture, classes: Int, shards: Int,
    classNames: [String],
    inputSide: Int?, testResize: Int?, interpolation: String?, images: ImageIdentity,
    seconds: Double
  ) -> CheckpointState {
    CheckpointState(
      model: architecture.name, shortcut: configuration.network.shortcut?.rawValue,
      stridePlacement: architecture.stride?.rawValue, classes: classes,
      classNames: classNames, inputSide: inputSide, testResize: testResize,
      interpolation: interpolation, step: progress.step,
      epoch: timeline.epoch(afterSteps: progress.step),
      batchSize: configuration.parallel.batchSize, shards: shards, seed: configuration.run.seed,
      optimizer: configuration.optimizer.name.rawValue,
      settings: CheckpointState.allSettings(configuration), dataset: images.fingerprint,
      images: images.digests,
      schedule: progress.schedule.state.isEmpty ? nil : progress.schedule.state,
      epochTotals: progress.epochTotals, loggedTotals: progress.loggedTotals,
      best: progress.best, evaluationPending: progress.isEvaluationPending ? true : nil,
      skipped: progress.skipped.total > 0 ? progress.skipped : nil, parametersSHA256: "",
      seconds: seconds)
  }
}
