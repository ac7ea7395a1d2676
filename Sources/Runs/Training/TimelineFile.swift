/// The file that `--timeline` names.

import Distributed
import System

/// A Chrome trace of all ranks, written when a run ends or is stopped.
package struct TimelineFile {
  private let path: String
  package let timeline = Timeline()

  /// Checks that the file can be written, and leaves an earlier trace alone. Collective.
  package init(path: String, ranks: ProcessGroup) throws {
    self.path = path
    try ranks.onFirst { try AtomicFile.check(path) }
  }

  /// Trains, and writes the trace at the end or when the run is stopped. Collective.
  ///
  /// - Parameters:
  ///   - file: nil: no trace is wanted.
  ///   - rankProgress: whose last activity ends with the training.
  /// - Throws: what `train` throws, and `CollectiveFailure` where the trace cannot be written.
  static func record<Outcome>(
    _ file: TimelineFile?, _ rankProgress: RankProgress, _ ranks: ProcessGroup,
    _ train: () throws -> Outcome
  ) throws -> Outcome {
    func end() throws {
      rankProgress.move(to: .ended)
      try file?.write(rankProgress, ranks: ranks)
    }
    do {
      let outcome = try train()
      try end()
      return outcome
    } catch let failure as CollectiveFailure where failure.exitCode == ExitCode.stopped {
      try end()
      throw failure
    }
  }

  /// Writes all ranks' events, from rank 0. Collective.
  package func write(_ rankProgress: RankProgress, ranks: ProcessGroup) throws {
    let trace = try timeline.trace(rankProgress, ranks)
    try ranks.onFirst {
      if let trace { try AtomicFile.write(trace, to: path) }
    }
  }
}
