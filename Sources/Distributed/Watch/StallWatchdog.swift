/// Ends a job that makes no progress, and reports who waits for whom.

import System
import Glibc
import MPI

/// A thread that checks this rank's page periodically.
///
/// When the rank has not moved for too long, one rank of each host prints where all ranks of the
/// host are, and ends the job. A rank that waits for a stopped one does not move either, so every
/// living rank notices; the main threads are not needed.
///
/// `@unchecked Sendable`: `thread` is the owner's, `isEnding` has its lock, everything else is written in `init` only;
/// of the communicator the thread uses `abort`, and of the progress the pages and limits, which are atomic.
package final class StallWatchdog: @unchecked Sendable {
  private let rankProgress: RankProgress
  private let layerNames: [String]
  private let communicator: Communicator
  /// Seconds that are allowed; nil: what `StallLimits` has learned.
  private let timeout: Double?
  private let lock = Lock()
  private let ending = Condition()
  private var isEnding = false
  private var thread: WorkerThread?

  /// - Parameters:
  ///   - rankProgress: of a training engine.
  ///   - group: whose job is ended.
  ///   - timeout: seconds; nil: learned from the run (`StallLimits`); 0: never, there is no watchdog.
  package init?(_ rankProgress: RankProgress, group: ProcessGroup, timeout: Double?) {
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
    lock.withLock { isEnding = true }
    ending.signal()
    thread?.join()
    thread = nil
  }

  private func watch() {
    let interval = min(0.5, (timeout ?? StallLimits.unknown) / 10)
    var lastLook = MonotonicClock.now
    // A job that is suspended and continued (Ctrl-Z and fg) has not stalled meanwhile.
    var awakeSince = -Double.infinity
    while !isOver(within: interval) {
      let now = MonotonicClock.now
      if now - lastLook > interval + 5 { awakeSince = now }
      lastLook = now
      let still = now - max(rankProgress.ownPage.movedAt, awakeSince)
      // Most looks need no more than this.
      if still <= timeout ?? WatchedWork.shortest { continue }
      let allowed = timeout ?? learnedLimit
      if still > allowed { report(still: still, allowed: allowed) }
    }
  }

  /// Whether the watch ends within some seconds.
  private func isOver(within seconds: Double) -> Bool {
    lock.withLock {
      let end = MonotonicClock.now + seconds
      while !isEnding, MonotonicClock.now < end {
        ending.wait(lock, seconds: end - MonotonicClock.now)
      }
      return isEnding
    }
  }

  /// What is allowed for the work that this rank is kept waiting by.
  private var learnedLimit: Double {
    let limits = rankProgress.limits
    switch StallReport.cause(of: rankProgress.ownPage.rank, among: rankProgress.places) {
    case .rank(let place): return limits.limit(WatchedWork(place.activity))
    // What the other hosts' ranks do is not to be seen: they may load images.
    case .otherHosts: return max(limits.limit(.step), limits.limit(.loading))
    }
  }

  private func report(still: Double, allowed: Double) {
    // The ranks of a host stop within moments of each other; the first to get here reports for all.
    usleep(200_000)
    guard rankProgress.claimReport() else {
      // The reporting rank ends the job; if it dies before that, this rank does.
      usleep(5_000_000)
      communicator.abort(code: ExitCode.stalled, reason: "no progress")
    }
    let places = rankProgress.places
    let lines = places.map { $0.line(layerNames) }
    // Where stderr is gone there is nobody to tell.
    try? writeEverything(Array((lines.joined(separator: "\n") + "\n").utf8), to: STDERR_FILENO)
    // Leaves the other hosts' ranks the time to report too.
    usleep(500_000)
    let limit =
      timeout == nil
      ? "at most \(Int(allowed.rounded())) s are allowed, learned from this run's steps; --stall-timeout "
        + "sets another limit"
      : "--stall-timeout"
    communicator.abort(
      code: ExitCode.stalled,
      reason:
        "resnet-dist: error: no progress for \(Int(still.rounded())) s (\(limit)): "
        + StallReport.verdict(on: places, layerNames) + ". Continue with --resume")
  }
}
