/// The file that `--timeline` names.

import Distributed
import System

/// A Chrome trace of all ranks, written at a run's end.
package struct TimelineFile {
  private let path: String
  package let timeline = Timeline()

  /// Checks that the file can be written, by an empty trace. Collective.
  package init(path: String, ranks: ProcessGroup) throws {
    self.path = path
    try ranks.onFirst { try AtomicFile.write(Timeline.emptyTrace, to: path) }
  }

  /// Writes all ranks' events, from rank 0. Collective.
  package func write(_ rankProgress: RankProgress, ranks: ProcessGroup) throws {
    let trace = try timeline.trace(rankProgress, ranks)
    try ranks.onFirst {
      if let trace { try AtomicFile.write(trace, to: path) }
    }
  }
}
