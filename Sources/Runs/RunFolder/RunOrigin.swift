/// Where a run began that branched off a checkpoint in another folder: `origin.json`.

import Foundation
import System

/// Lets the command that began a branch continue it.
struct RunOrigin: Codable {
  static let fileName = "origin.json"

  /// The checkpoint's folder, from `/` on.
  let checkpoint: String

  /// - Parameter checkpoint: its folder.
  init(checkpoint: String) {
    self.checkpoint = URL(fileURLWithPath: checkpoint).standardizedFileURL.path
  }

  /// Reads what the run at `path` has; nil: it did not branch off another one.
  init?(ofRun path: String) {
    guard let data = FileManager.default.contents(atPath: "\(path)/\(Self.fileName)"),
      let origin = try? JSONDecoder().decode(Self.self, from: data)
    else { return nil }
    self = origin
  }

  /// Writes it into a run folder, in one step.
  func write(to folder: RunFolder) throws(FileError) {
    try AtomicFile.write(sortedJSON + "\n", to: "\(folder.path)/\(Self.fileName)")
  }

  /// Whether an argument of `--resume` names this checkpoint, or the run that it is of.
  func isNamed(by argument: String) -> Bool {
    let named = (try? WeightsFile.checkpointFolder(argument)) ?? argument
    return WeightsFile.areSame(named, checkpoint)
      || WeightsFile.areSame(argument, WeightsFile.runFolder(ofCheckpoint: checkpoint))
  }
}
