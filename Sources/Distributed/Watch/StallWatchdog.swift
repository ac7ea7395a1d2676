/// Ends a job that makes no progress, and reports where each rank is.

import System
import Dispatch
import Glibc
import MPI

/// A thread that checks this rank's page periodically.
///
/// When the rank has not moved for the timeout, one rank of each host prints where all ranks of the
/// host are, and ends the job. A rank that waits for a stopped one does not move either, so every
/// living rank notices; the main threads are not needed.
///
/// `@unchecked Sendable`: `thread` is the owner's, everything else is written in `init` only; of the
/// communicator the thread uses `abort`, and of the progress the pages, which are atomic.
package final class StallWatchdog: @unchecked Sendable {
  private let rankProgress: RankProgress
  private let layerNames: [String]
  private let communicator: Communicator
  private let timeout: Double
  private let stop = DispatchSemaphore(value: 0)
  private var thread: WorkerThread?

  /// - Parameters:
  ///   - rankProgress: of a training engine.
  ///   - group: whose job is ended.
  ///   - timeout: seconds; 0: never, there is no watchdog.
  package init?(_ rankProgress: RankProgress, group: ProcessGroup, timeout: Double) {
    if timeout == 0 { return nil }
    self.rankProgress = rankProgress
    layerNames = rankProgress.layerNames
    communicator = group.control
    self.timeout = timeout
  }

  /// From now on a rank that does not move ends the job. Once.
  package func begin() {
    // Without a thread there is no watch; the run continues.
    thread = try? WorkerThread { [self] in watch() }
  }

  /// Ends the watch, and returns when the thread reads no page any more.
  package func end() {
    stop.signal()
    thread?.join()
    thread = nil
  }

  private func watch() {
    while stop.wait(timeout: .now() + min(0.5, timeout / 10)) == .timedOut {
      let still = MonotonicClock.now - rankProgress.ownPage.movedAt
      if still > timeout { report(still: still) }
    }
  }

  private func report(still: Double) {
    // The ranks of a host stop within moments of each other; the first to get here reports for all.
    usleep(200_000)
    guard rankProgress.claimReport() else {
      // The reporting rank ends the job; if it dies before that, this rank does.
      usleep(5_000_000)
      communicator.abort(code: ExitCode.failure, reason: "no progress")
    }
    let lines = rankProgress.pages.map { Self.line($0, layerNames) }
    // Where stderr is gone there is nobody to tell.
    try? writeEverything(Array((lines.joined(separator: "\n") + "\n").utf8), to: STDERR_FILENO)
    // Leaves the other hosts' ranks the time to report too.
    usleep(500_000)
    communicator.abort(
      code: ExitCode.failure,
      reason:
        "resnet-dist: error: no progress for \(Int(still.rounded())) s (--stall-timeout): a rank "
        + "is stopped, dead or out of reach; above is where each rank of this host is. Continue with "
        + "--resume")
  }

  private static func line(_ page: ProgressPage, _ layerNames: [String]) -> String {
    let position = page.position
    let layer =
      layerNames.indices.contains(position.layer)
      ? layerNames[position.layer] : "layer \(position.layer)"
    let since = Int((MonotonicClock.now - page.movedAt).rounded())
    var text =
      "  rank \(page.rank) (process \(page.process)): step \(position.step), "
      + "\(position.text(layerName: layer)) for \(since) s"
    if let (rank, numbers) = page.awaited {
      text +=
        ", waits for \(numbers) numbers of \(rank.map { "rank \($0)" } ?? "the other hosts")"
    } else if position.activity != .ended {
      text += ", computing or stopped"
    }
    return text
  }
}
