/// The checkpoints of a run.

import Distributed
import Networks
import Optimizers
import Settings

/// Checks the parameters on every rank, and has rank 0 write checkpoints while training goes on.
final class CheckpointSaver: TrainingObserver {
  private let setup: RunSetup
  private let engine: TrainingEngine
  private let average: WeightAverage?
  private let clock: TrainingClock
  private let ranks: ProcessGroup
  private let writer: CheckpointWriter?

  /// - Parameters:
  ///   - writer: rank 0's.
  init(
    _ setup: RunSetup, _ engine: TrainingEngine, average: WeightAverage?,
    clock: TrainingClock, ranks: ProcessGroup, writer: CheckpointWriter?
  ) {
    self.setup = setup
    self.engine = engine
    self.average = average
    self.clock = clock
    self.ranks = ranks
    self.writer = writer
  }

  /// Waits for the checkpoint before, copies the state, and lets it be written.
  func shouldSave(_ progress: TrainingProgress) throws {
    engine.rankProgress.move(to: .saving)
    _ = try clock.pause {
      guard engine.replica.isFinite else {
        throw CollectiveFailure(onEveryRank: ParametersNotFinite(step: progress.step))
      }
      try engine.verifyReplicas(ranks, step: progress.step)
      try ranks.onFirst {
        guard let writer else { return }
        try writer.finish()
        writer.begin(state(progress), engine, average: average)
      }
    }
  }

  func shouldFinishSaving() throws {
    engine.rankProgress.move(to: .saving)
    _ = try clock.pause { try ranks.onFirst { try writer?.finish() } }
  }

  /// Waits for the checkpoint that is being written on this rank, successful or not.
  func settle() { writer?.settle() }

  /// The digest of the parameters after the step that `progress` is at.
  func parametersSHA256(_ progress: TrainingProgress) -> String {
    if let newest = writer?.newest, newest.step == progress.step { return newest.sha256 }
    return engine.replica.parametersSHA256
  }

  /// Without the digest of the parameters, which whoever writes them makes.
  private func state(_ progress: TrainingProgress) -> CheckpointState {
    let (configuration, architecture) = (setup.configuration, setup.architecture)
    return CheckpointState(
      model: architecture.name, shortcut: configuration.network.shortcut?.rawValue,
      stridePlacement: architecture.stride?.rawValue, classes: architecture.classes,
      classNames: setup.data.train.classNames,
      inputSide: setup.data.testShape.height == setup.data.testShape.width
        ? setup.data.testShape.height : nil,
      testResize: setup.derivedConfiguration.data.testResize,
      interpolation: setup.derivedConfiguration.data.testResize == nil
        ? nil : configuration.data.interpolation.rawValue, step: progress.step,
      epoch: setup.timeline.epoch(afterSteps: progress.step),
      batchSize: configuration.parallel.batchSize,
      shards: setup.shards, seed: configuration.run.seed,
      optimizer: configuration.optimizer.name.rawValue,
      settings: CheckpointState.keptSettings(configuration), dataset: setup.data.train.fingerprint,
      schedule: progress.schedule.state.isEmpty ? nil : progress.schedule.state,
      epochTotals: progress.epochTotals,
      loggedTotals: progress.loggedTotals, best: progress.best,
      evaluationPending: progress.isEvaluationPending ? true : nil,
      skipped: progress.skipped.total > 0 ? progress.skipped : nil,
      parametersSHA256: "",
      seconds: clock.total.seconds)
  }
}

/// Parameters are no longer numbers, so no checkpoint is written of them.
struct ParametersNotFinite: Error, CustomStringConvertible {
  let step: Int

  var description: String {
    "parameters hold NaN or infinite values after step \(step): training has diverged. No "
      + "checkpoint was written of them; use a smaller --lr, or resume from the last checkpoint with one"
  }
}
