/// The checkpoints of a run.

import Distributed
import Networks
import Optimizers
import Settings

/// Checks the parameters on every rank, and writes checkpoints on rank 0.
final class CheckpointSaver: TrainingObserver {
  private let setup: RunSetup
  private let replica: Replica
  private let optimizer: Optimizer
  private let average: WeightAverage?
  private let preprocessing: [StateTensor]
  private let clock: TrainingClock
  private let rankProgress: RankProgress
  private let ranks: ProcessGroup
  private let files: RunFiles?
  private var newest: (step: Int, sha256: String)?

  /// - Parameters:
  ///   - preprocessing: the tensors of the images' normalization.
  ///   - files: rank 0's.
  init(
    _ setup: RunSetup, _ engine: TrainingEngine, average: WeightAverage?,
    preprocessing: [StateTensor],
    clock: TrainingClock, ranks: ProcessGroup, files: RunFiles?
  ) {
    self.setup = setup
    replica = engine.replica
    optimizer = engine.optimizer
    self.average = average
    rankProgress = engine.rankProgress
    self.preprocessing = preprocessing
    self.clock = clock
    self.ranks = ranks
    self.files = files
  }

  func shouldSave(_ progress: TrainingProgress) throws {
    rankProgress.move(to: .saving)
    _ = try clock.pause {
      guard replica.isFinite else {
        throw CollectiveFailure(onEveryRank: ParametersNotFinite(step: progress.step))
      }
      try ranks.onFirst {
        guard let files else { return }
        let state = state(progress)
        try files.save(
          state,
          CheckpointContents(
            replica: replica, optimizerState: optimizer.stateDictionary(), average: average,
            preprocessing: preprocessing))
        newest = (progress.step, state.parametersSHA256)
      }
    }
  }

  /// The digest of the parameters after the step that `progress` is at.
  func parametersSHA256(_ progress: TrainingProgress) -> String {
    if let newest, newest.step == progress.step { return newest.sha256 }
    return replica.parametersSHA256
  }

  private func state(_ progress: TrainingProgress) -> CheckpointState {
    let (configuration, architecture) = (setup.configuration, setup.architecture)
    return CheckpointState(
      model: architecture.name, shortcut: configuration.network.shortcut?.rawValue,
      stridePlacement: architecture.stride?.rawValue, classes: architecture.classes,
      classNames: setup.data.train.classNames,
      inputSide: setup.data.testShape.height == setup.data.testShape.width
        ? setup.data.testShape.height : nil,
      testResize: setup.derivedConfiguration.data.testResize, step: progress.step,
      epoch: setup.timeline.epoch(afterSteps: progress.step),
      batchSize: configuration.parallel.batchSize,
      shards: setup.shards, seed: configuration.run.seed,
      optimizer: configuration.optimizer.name.rawValue,
      settings: CheckpointState.keptSettings(configuration), dataset: setup.data.train.fingerprint,
      schedule: progress.schedule.state.isEmpty ? nil : progress.schedule.state,
      epochTotals: progress.epochTotals,
      loggedTotals: progress.loggedTotals, best: progress.best,
      parametersSHA256: replica.parametersSHA256,
      seconds: clock.total.seconds)
  }
}

/// Parameters are no longer numbers, so no checkpoint is written of them.
struct ParametersNotFinite: Error, CustomStringConvertible {
  let step: Int

  var description: String {
    "parameters hold NaN or infinite values after step \(step): training has diverged. No "
      + "checkpoint was written; use a smaller --lr, or resume from the last checkpoint with one"
  }
}
