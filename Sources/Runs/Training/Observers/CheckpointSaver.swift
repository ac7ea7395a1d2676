/// The checkpoints of a run.

import Distributed
import Networks
import Optimizers
import Settings

/// Checks the parameters on every rank, and has rank 0 write checkpoints while training goes on.
final class CheckpointSaver: TrainingObserver {
  private let state: (TrainingProgress, _ seconds: Double) -> CheckpointState
  private let engine: TrainingEngine
  private let average: WeightAverage?
  private let clock: TrainingClock
  private let ranks: ProcessGroup
  private let writer: CheckpointWriter?

  /// - Parameters:
  ///   - state: where a run is that is at `progress`, without the digest of the parameters, which whoever writes
  ///     them makes.
  ///   - writer: rank 0's.
  init(
    _ engine: TrainingEngine, average: WeightAverage?, clock: TrainingClock,
    ranks: ProcessGroup, writer: CheckpointWriter?,
    state: @escaping (_ progress: TrainingProgress, _ seconds: Double) -> CheckpointState
  ) {
    self.state = state
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
        writer.begin(state(progress, clock.total.seconds), engine, average: average)
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
}

/// Parameters are no longer numbers, so no checkpoint is written of them.
struct ParametersNotFinite: Error, CustomStringConvertible {
  let step: Int

  var description: String {
    "parameters hold NaN or infinite values after step \(step): training has diverged. No "
      + "checkpoint was written of them; use a smaller --lr, or resume from the last checkpoint with one"
  }
}
