/// The checkpoints of a run: `checkpoints/step-0001234/`, each complete from the moment it is seen.

import Foundation
import Glibc
import System

extension RunFolder {
  /// A checkpoint's step and path.
  package struct Checkpoint: Hashable, Comparable, Sendable {
    /// Optimizer steps done when it was taken.
    package let step: Int
    /// Its folder.
    package let path: String

    package static func < (a: Checkpoint, b: Checkpoint) -> Bool { a.step < b.step }
  }

  /// Where the checkpoint of a step is or would be.
  package func checkpointPath(step: Int) -> String {
    "\(checkpointsPath)/\(RunFolder.checkpointName(step: step))"
  }

  /// The folder of a step's checkpoint; seven digits, so that names sort by step.
  static func checkpointName(step: Int) -> String {
    String(format: "step-%07ld", step)
  }

  /// Whether the run folder at `path` has the checkpoint of a step.
  static func hasCheckpoint(in path: String, step: Int) -> Bool {
    DirectoryListing.isFolder("\(path)/checkpoints/\(checkpointName(step: step))")
  }

  /// Writes the checkpoint of `step` through `fill`, which is given a temporary folder to write into.
  ///
  /// Throws `FileError.alreadyExists` when that step has one.
  @discardableResult
  package func writeCheckpoint(
    step: Int, fill: (_ temporary: String) throws -> Void
  ) throws -> Checkpoint {
    let path = checkpointPath(step: step)
    try AtomicDirectory.create(at: path, fill: fill)
    return Checkpoint(step: step, path: path)
  }

  /// Every checkpoint, oldest step first.
  package func checkpoints() throws(FileError) -> [Checkpoint] {
    try RunFolder.checkpoints(in: path)
  }

  /// The checkpoints of the run folder at `path`, oldest step first, without taking its lock:
  /// for readers such as an evaluation.
  package static func checkpoints(in path: String) throws(FileError) -> [Checkpoint] {
    let folder = "\(path)/checkpoints"
    let names: [String]
    do {
      names = try DirectoryListing.names(in: folder)
    } catch {
      if case .failed(_, _, ENOENT) = error { return [] }
      throw error
    }
    return names.compactMap { name in
      guard let match = name.wholeMatch(of: /step-([0-9]{7,18})/), let step = Int(match.1) else {
        return nil
      }
      let path = "\(folder)/\(name)"
      return DirectoryListing.isFolder(path) ? Checkpoint(step: step, path: path) : nil
    }.sorted()
  }

  /// Gives a checkpoint that is not whole a name under which it is none, `damaged-step-0001234`.
  ///
  /// It is not removed: whoever knows why may still want it.
  package func setAside(_ path: String) throws(FileError) {
    let (folder, name) = TemporaryName.split(path)
    var target = "\(folder)/damaged-\(name)"
    var attempt = 1
    // A folder is not renamed over one with files in it.
    while rename(path, target) != 0 {
      guard errno == ENOTEMPTY || errno == EEXIST, attempt < 1000 else {
        throw .current("rename", path)
      }
      attempt += 1
      target = "\(folder)/damaged-\(name)-\(attempt)"
    }
    try DirectoryListing.synchronize(folder)
  }

  /// Removes old checkpoints, keeping the newest `count`, at least one, and those of the steps `kept`.
  ///
  /// Returns those removed.
  @discardableResult
  package func pruneCheckpoints(
    keepingNewest count: Int, and kept: [Int] = []
  ) throws(FileError) -> [Checkpoint] {
    let old = try checkpoints().dropLast(max(1, count)).filter { !kept.contains($0.step) }
    for checkpoint in old { try AtomicDirectory.remove(checkpoint.path) }
    return old
  }
}
