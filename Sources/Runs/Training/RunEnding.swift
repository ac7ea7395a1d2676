/// How a run ends on all ranks, whatever it trains: its status and its logs say so, whether it succeeds or not.

import Distributed

/// What a run came to, as far as its logs tell.
protocol RunOutcome {
  /// Of the last step's parameters.
  var parametersSHA256: String { get }
}

extension ProcessGroup {
  /// Runs a training to its end. Collective.
  ///
  /// - Parameter report: rank 0's.
  /// - Throws: `CollectiveFailure`, also for `RunStopped`.
  func endTogether<Outcome: RunOutcome>(
    _ report: RunReport?, _ events: EventLogger, _ train: () throws -> Outcome
  ) throws -> Outcome {
    try endTogether {
      do {
        let outcome = try train()
        report?.status.end(nil)
        events.finished(sha256: outcome.parametersSHA256)
        return outcome
      } catch {
        report?.status.end(error)
        events.ended(error)
        throw error
      }
    }
  }
}
