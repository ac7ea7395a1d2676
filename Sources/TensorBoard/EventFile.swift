/// TensorBoard's event file of one process: `events.out.tfevents.SECONDS.HOST`, appended to as a run goes.

import Foundation
import Glibc
import System

/// An open event file; each event is one `write`, so that a TensorBoard that watches the folder meets no half of one.
package final class EventFile: Sendable {
  private let file: OpenFile

  private static let prefix = "events.out.tfevents."

  /// Creates a new file in `folder`, beside those of earlier processes.
  ///
  /// TensorBoard reads the files of a folder in the order of their names and never returns to an earlier one,
  /// so the new file's name comes last even where clocks disagree.
  ///
  /// - Parameters:
  ///   - firstStep: the first step that this process will report: when it resumes a run, TensorBoard drops
  ///     what earlier files have of this step and later ones. It does so only from a folder's second start on,
  ///     so a run's first file begins with a start too.
  ///   - time: seconds since 1970.
  package init(
    in folder: String, firstStep: Int, host: String = ProcessInfo.processInfo.hostName,
    time: Double = WallClock.now
  ) throws(FileError) {
    let last = try DirectoryListing.names(in: folder).compactMap(Self.seconds).max() ?? 0
    let seconds = String(format: "%010ld", max(Int(time), last + 1))
    let path = "\(folder)/\(Self.prefix)\(seconds).\(host)"
    file = try OpenFile(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL)
    do throws(FileError) {
      try file.append(
        Event(.version, wallTime: time).record
          + Event(.sessionStart, step: firstStep, wallTime: time).record)
    } catch {
      unlink(path)
      throw error
    }
  }

  /// Adds the scalars of one step. When that fails, what was written of them is taken back.
  package func append(
    _ scalars: [Event.Scalar], step: Int, time: Double = WallClock.now
  ) throws(FileError) {
    try file.append(Event(.scalars(scalars), step: step, wallTime: time).record)
  }

  /// Makes the events so far survive a power failure.
  package func synchronize() throws(FileError) { try file.synchronize() }

  /// The time in an event file's name; nil for other names.
  private static func seconds(_ name: String) -> Int? {
    guard name.hasPrefix(prefix) else { return nil }
    let digits = name.dropFirst(prefix.count).prefix { $0 != "." }
    return digits.count <= 12 ? Int(digits) : nil
  }
}
