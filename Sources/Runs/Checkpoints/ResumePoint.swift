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

  /// `--resume auto`: what there is to resume in the run folder, if there is anything.
  package static let automatic = "auto"

  /// Finds what to resume.
  ///
  /// - Parameters:
  ///   - argument: of `--resume`: `auto`, a run folder, or a checkpoint.
  ///   - directory: of `--run-dir`, for `auto`.
  /// - Returns: nil: there is nothing to resume yet, a new run begins.
  /// - Throws: `CheckpointError`, `AutomaticResumeWithoutFolder`, `FileError`.
  static func find(_ argument: String, directory: String?) throws -> ResumePoint? {
    guard argument == automatic else { return try find(argument) }
    guard let directory else { throw AutomaticResumeWithoutFolder() }
    if RunFolder.hasSteps(in: directory) { return try find(directory) }
    return try RunFolder.checkpoints(in: directory).isEmpty ? nil : newestWhole(of: directory)
  }

  private static func find(_ path: String) throws -> ResumePoint {
    let isRun = FileManager.default.fileExists(atPath: "\(path)/config.yaml")
    if isRun, try RunFolder.checkpoints(in: path).isEmpty {
      return ResumePoint(run: path, checkpoint: nil, damaged: [])
    }
    guard let checkpoint = try WeightsFile.checkpointFolder(path) else {
      throw CheckpointError.unreadable(
        path: path, reason: "weights alone cannot be resumed, use --weights to start from them")
    }
    let isWholeRun = try RunFolder.checkpoints(in: path).contains { $0.path == checkpoint }
    return try isWholeRun
      ? newestWhole(of: path)
      : ResumePoint(
        run: WeightsFile.runFolder(ofCheckpoint: checkpoint), checkpoint: checkpoint, damaged: [])
  }

  /// The newest checkpoint of a run that has some, of those that are whole.
  private static func newestWhole(of run: String) throws -> ResumePoint {
    var damaged: [Damaged] = []
    var newest: CheckpointError?
    for checkpoint in try RunFolder.checkpoints(in: run).reversed() {
      do throws(CheckpointError) {
        try CheckpointFolder.check(checkpoint)
        return ResumePoint(run: run, checkpoint: checkpoint.path, damaged: damaged)
      } catch {
        newest = newest ?? error
        damaged.append(Damaged(path: checkpoint.path, reason: error.damage(in: checkpoint.path)))
      }
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
    case .notFound, .noneWhole, .different, .otherSettings: "\(self)"
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
