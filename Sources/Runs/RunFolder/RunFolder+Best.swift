/// A run's best evaluation: `best.json`, which is newer than the newest checkpoint where the evaluation after a stop
/// was made by the resumed run.

import Foundation
import Glibc
import System

extension RunFolder {
  static let bestName = "best.json"
  /// What the best evaluation's checkpoint is called where a path names it; there is no such file.
  static let bestCheckpointName = "best"

  /// The evaluation that the run at `path` records as its best; nil: none.
  static func best(in path: String) -> BestEvaluation? {
    FileManager.default.contents(atPath: "\(path)/\(bestName)").flatMap {
      try? JSONDecoder().decode(BestEvaluation.self, from: $0)
    }
  }

  /// Replaces `best.json` in one step, where it says something else.
  ///
  /// - Parameter best: its checkpoint is on disk; nil: there is none.
  func record(_ best: BestEvaluation?) throws(FileError) {
    if best == Self.best(in: path) { return }
    let file = "\(path)/\(Self.bestName)"
    if let best { return try AtomicFile.write(best.sortedJSON + "\n", to: file) }
    guard unlink(file) == 0 || errno == ENOENT else { throw .current("remove", file) }
  }
}
