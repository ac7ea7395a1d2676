/// Where a run is resumed: chosen once, on rank 0, since file systems may show ranks different things.

import Distributed
import Foundation
import MPI
import Settings
import System

/// What `--resume` leads to.
package struct ResumePoint: Codable, Equatable, Sendable {
  /// A checkpoint that is not whole.
  struct Damaged: Codable, Equatable, Sendable {
    let path: String
    /// What is wrong with it, in words.
    let reason: String
  }

  /// The run folder.
  package let run: String
  /// The checkpoint; nil: the run was stopped before its first, and begins again.
  package let checkpoint: String?
  /// Newer checkpoints that are not whole, newest first.
  let damaged: [Damaged]
  /// Whether the user named the checkpoint itself.
  var isNamed = false

  /// `--resume auto`: what there is to resume in the run folder, if there is anything.
  package static let automatic = "auto"

  /// Finds what to resume.
  ///
  /// - Parameters:
  ///   - argument: of `--resume`: `auto`, a run folder, or a checkpoint.
  ///   - directory: of `--run-dir`.
  /// - Returns: nil: there is nothing to resume yet, a new run begins.
  /// - Throws: `CheckpointError`, `AutomaticResumeWithoutFolder`, `ShortenedConfiguration`, `FileError`.
  static func find(_ argument: String, directory: String?) throws -> ResumePoint? {
    guard let point = try choose(argument, directory: directory) else { return nil }
    if let checkpoint = point.checkpoint {
      try CheckpointFolder.uncheckedState(of: checkpoint)
        .checkLines(of: point.configPath, checkpoint: checkpoint)
    }
    return point
  }

  private static func choose(_ argument: String, directory: String?) throws -> ResumePoint? {
    guard argument == automatic else {
      // The command that began a branch continues it.
      guard let directory, RunOrigin(ofRun: directory)?.isNamed(by: argument) == true,
        try !RunFolder.checkpoints(in: directory).isEmpty
      else { return try point(at: argument, directory: directory) }
      return try newestWhole(of: directory)
    }
    guard let directory else { throw AutomaticResumeWithoutFolder() }
    if RunFolder.hasSteps(in: directory) { return try point(at: directory, directory: directory) }
    return try RunFolder.checkpoints(in: directory).isEmpty ? nil : newestWhole(of: directory)
  }

  /// Where a run folder or a checkpoint is resumed.
  private static func point(at path: String, directory: String?) throws -> ResumePoint {
    let isRun = FileManager.default.fileExists(atPath: "\(path)/config.yaml")
    if isRun, try RunFolder.checkpoints(in: path).isEmpty {
      return ResumePoint(run: path, checkpoint: nil, damaged: [])
    }
    guard let checkpoint = try WeightsFile.checkpointFolder(path) else {
      throw CheckpointError.unreadable(
        path: path, reason: "weights alone cannot be resumed, use --weights to start from them")
    }
    let isWholeRun = try RunFolder.checkpoints(in: path).contains { $0.path == checkpoint }
    if isWholeRun { return try newestWhole(of: path) }
    let run = WeightsFile.runFolder(ofCheckpoint: checkpoint)
    return try ResumePoint(
      run: run, checkpoint: checkpoint,
      damaged: isInPlace(run, directory) ? damaged(of: run, after: checkpoint) : [],
      isNamed: true)
  }

  /// Whether a resumed run writes into its own folder.
  private static func isInPlace(_ run: String, _ directory: String?) -> Bool {
    directory.map { WeightsFile.areSame($0, run) } ?? true
  }

  /// Whether each start of a command begins again after the same step: it names a checkpoint in the folder that
  /// it writes to.
  package static func isRepeated(_ argument: String, directory: String?) -> Bool {
    guard argument != automatic, let checkpoint = try? WeightsFile.checkpointFolder(argument) else {
      return false
    }
    let run = WeightsFile.runFolder(ofCheckpoint: checkpoint)
    return !WeightsFile.areSame(argument, run) && isInPlace(run, directory)
  }

  /// Those of a run's checkpoints that are newer than a given one and not whole, newest first.
  private static func damaged(of run: String, after checkpoint: String) throws -> [Damaged] {
    let all = try RunFolder.checkpoints(in: run)
    guard let index = all.firstIndex(where: { WeightsFile.areSame($0.path, checkpoint) }) else {
      return []
    }
    return all[(index + 1)...].reversed().compactMap { later in
      damage(of: later).map { Damaged(path: later.path, reason: $0.damage(in: later.path)) }
    }
  }

  /// Why a checkpoint cannot be used; nil: it can.
  private static func damage(of checkpoint: RunFolder.Checkpoint) -> CheckpointError? {
    do throws(CheckpointError) { try CheckpointFolder.check(checkpoint) } catch { return error }
    return nil
  }

  /// The newest checkpoint of a run that has some, of those that are whole.
  private static func newestWhole(of run: String) throws -> ResumePoint {
    var damaged: [Damaged] = []
    var newest: CheckpointError?
    for checkpoint in try RunFolder.checkpoints(in: run).reversed() {
      guard let error = damage(of: checkpoint) else {
        return ResumePoint(run: run, checkpoint: checkpoint.path, damaged: damaged)
      }
      newest = newest ?? error
      damaged.append(Damaged(path: checkpoint.path, reason: error.damage(in: checkpoint.path)))
    }
    throw CheckpointError.noneWhole(run: run, newest: newest.map { "\($0)" } ?? "")
  }

  /// The run's `config.yaml`.
  package var configPath: String { "\(run)/config.yaml" }
}

extension CheckpointError {
  /// What is wrong with a checkpoint, without its path and without advice.
  fileprivate func damage(in folder: String) -> String {
    func name(_ path: String) -> String {
      path == folder ? "" : "\((path as NSString).lastPathComponent): "
    }
    return switch self {
    case .unreadable(let path, let reason): name(path) + reason
    case .damaged(let path): name(path) + "its SHA-256 is not what was written"
    case .notFound, .bestIsMissing, .noneWhole, .different, .otherSettings, .finished: "\(self)"
    }
  }
}

/// `--resume auto` without the folder to look into.
package struct AutomaticResumeWithoutFolder: UsageError, CustomStringConvertible {
  package var description: String {
    "--resume auto needs --run-dir: the folder whose run is resumed, or begun where there is none"
  }
}

extension ProcessGroup {
  /// What `--resume` leads to, the same on all ranks. Collective.
  ///
  /// - Returns: nil: a new run begins.
  /// - Throws: `CollectiveFailure`.
  package func resumePoint(_ argument: String, directory: String?) throws -> ResumePoint? {
    let found = try onFirst { () throws -> String in
      guard let point = try ResumePoint.find(argument, directory: directory) else { return "" }
      return String(decoding: try JSONEncoder().encode(point), as: UTF8.self)
    }
    let text = try control.broadcast(found ?? "")
    return text.isEmpty ? nil : try JSONDecoder().decode(ResumePoint.self, from: Data(text.utf8))
  }
}
