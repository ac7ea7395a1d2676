/// The check, every some steps, that all ranks hold the same bits (`--verify-every`).

import Distributed

final class ReplicaVerifier: TrainingObserver {
  private let engine: TrainingEngine
  private let interval: Int
  private let ranks: ProcessGroup

  /// - Parameter interval: steps between checks; 0: none.
  init(_ engine: TrainingEngine, interval: Int, ranks: ProcessGroup) {
    self.engine = engine
    self.interval = interval
    self.ranks = ranks
  }

  func didStep(_ progress: TrainingProgress, learningRate: Double) throws {
    guard interval > 0, progress.step % interval == 0 else { return }
    try engine.verifyReplicas(ranks, step: progress.step)
  }
}
