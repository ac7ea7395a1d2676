/// The runs that a user means by some folders.

import Foundation
import System

/// Run folders, and those inside folders of sweeps; each once, however often it is named.
package struct RunSelection: Sendable {
  package let runs: [RunRecord]
  /// What is no run and left out, a line for each.
  package let notes: [String]

  /// - Throws: `RunRecordError` for a path that leads to nothing and where no run is left, and what `RunRecord`
  ///   throws.
  package init(_ paths: [String]) throws {
    var (runs, notes): ([RunRecord], [String]) = ([], [])
    var known: Set<String> = []
    for path in paths {
      guard FileManager.default.fileExists(atPath: path) else {
        throw RunRecordError.noFolder(path: path)
      }
      let inside = RunRecord.hasConfiguration(path) ? [path] : Self.runs(inside: path)
      if inside.isEmpty { notes.append("\(RunRecordError.noRun(path: path))") }
      for path in inside {
        let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard known.insert(resolved).inserted else { continue }
        if Self.isRecalibrated(path) {
          notes.append("\(path) holds the weights of bn-recalibrate, which has no figures of a run")
        } else {
          runs.append(try RunRecord(path))
        }
      }
    }
    if runs.isEmpty { throw RunRecordError.nothingLeft(notes) }
    (self.runs, self.notes) = (runs, notes)
  }

  /// The run folders in the folder of a sweep.
  private static func runs(inside path: String) -> [String] {
    names(in: path).map { "\(path)/\($0)" }.filter(RunRecord.hasConfiguration)
  }

  /// Whether the folder at `path` has weights and settings, but nothing of a training.
  private static func isRecalibrated(_ path: String) -> Bool {
    !names(in: "\(path)/checkpoints").isEmpty
      && !names(in: path).contains { [RunRecord.metricsName, RunStatus.fileName].contains($0) }
  }

  /// None of what is no folder.
  private static func names(in path: String) -> [String] {
    (try? DirectoryListing.names(in: path)) ?? []
  }
}
