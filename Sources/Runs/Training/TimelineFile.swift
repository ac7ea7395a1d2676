/// The file that `--timeline` names.

import Distributed
import Foundation
import System

/// A Chrome trace of all ranks, written when a run ends or is stopped.
package struct TimelineFile {
  private let path: String
  package let timeline = Timeline()

  /// Checks that the file can be written, and leaves an earlier trace alone. Collective.
  package init(path: String, ranks: ProcessGroup) throws {
    self.path = path
    try ranks.onFirst { try Self.check(path) }
  }

  /// - Throws: `FileError` where `AtomicFile` can neither replace a file here nor write to what is no file.
  private static func check(_ path: String) throws(FileError) {
    var status = stat()
    let isThere = stat(path, &status) == 0
    if isThere, status.st_mode & S_IFMT == S_IFDIR {
      throw .failed(operation: "write", path: path, code: EISDIR)
    }
    let isFile = !isThere || status.st_mode & S_IFMT == S_IFREG
    let target = (path as NSString).resolvingSymlinksInPath
    guard
      isFile
        ? access(TemporaryName.split(target).folder, W_OK | X_OK) == 0 : access(path, W_OK) == 0
    else { throw .current("write", path) }
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
