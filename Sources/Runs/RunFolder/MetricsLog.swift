/// `metrics.jsonl`: the run's figures, one JSON object per line, appended as they are made.

import Foundation
import Glibc
import System

/// Each line is one `write`, so that a reader or a kill never sees half of two lines mixed.
package final class MetricsLog: Sendable {
  private let file: OpenFile

  /// Opens `path` for appending, creating it when absent.
  package init(path: String) throws(FileError) {
    file = try OpenFile(path, O_WRONLY | O_APPEND | O_CREAT)
  }

  /// Opens `path` to continue after `step`: lines of later steps, which will be made again, and
  /// lines that cannot be read (the last may have been cut short) are dropped in one atomic step.
  ///
  /// - Parameter repeatsEvaluation: whether the evaluation after `step` is made again, too.
  package convenience init(
    path: String, resumingAfter step: Int, repeatsEvaluation: Bool = false
  ) throws(FileError) {
    try MetricsLog.keepLines(of: path) { line in
      line.step < step || line.step == step && (line.split == "train" || !repeatsEvaluation)
    }
    try self.init(path: path)
  }

  /// Appends one line. When that fails, what was written of it is taken back.
  package func append(_ record: MetricsRecord) throws(FileError) {
    try file.append(Array((record.json + "\n").utf8))
  }

  /// Makes the lines so far survive a power failure; call before a checkpoint that relies on them.
  package func synchronize() throws(FileError) {
    try file.synchronize()
  }

  /// What a line is about.
  private struct Head: Decodable {
    let step: Int
    let split: String
  }

  private static func keepLines(
    of path: String, where isKept: (Head) -> Bool
  ) throws(FileError) {
    guard let old = FileManager.default.contents(atPath: path) else {
      if access(path, F_OK) != 0, errno == ENOENT { return }
      throw .current("read", path)
    }
    var kept: [UInt8] = []
    kept.reserveCapacity(old.count)
    var rest = old[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      let line = rest[..<end]
      if let head = try? JSONDecoder().decode(Head.self, from: line), isKept(head) {
        kept += line
        kept.append(UInt8(ascii: "\n"))
      }
      rest = rest[(end + 1)...]
    }
    if kept.count != old.count { try AtomicFile.write(kept, to: path) }
  }
}
