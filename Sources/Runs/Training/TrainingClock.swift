/// The time that a run has trained.

import Console

/// Counts from its creation, without the pauses that evaluations and checkpoints make.
final class TrainingClock {
  /// Before this process, of a resumed run.
  private let earlier: Duration
  private let began = ContinuousClock.now
  private var pauses = Duration.zero
  private var pauseBegan: ContinuousClock.Instant?

  /// - Parameter earlier: seconds before this process.
  init(earlier: Double) { self.earlier = .seconds(earlier) }

  /// Training time of this process.
  var elapsed: Duration { (pauseBegan ?? .now) - began - pauses }

  /// Training time of the run.
  var total: Duration { earlier + elapsed }

  /// Runs what is not training; returns how long it took.
  func pause(_ work: () throws -> Void) rethrows -> Duration {
    let before = ContinuousClock.now
    pauseBegan = before
    defer {
      pauses += ContinuousClock.now - before
      pauseBegan = nil
    }
    try work()
    return ContinuousClock.now - before
  }
}
