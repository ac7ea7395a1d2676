/// Ends a job that has stopped moving, and says which rank is where.

import Dispatch
import Glibc
import MPI

/// A thread that looks at this rank's page now and then.
///
/// When the rank has not moved for the timeout, one rank of each host prints where all ranks of the
/// host are, and ends the job. A rank that waits for a stopped one does not move either, so every
/// living rank notices; the main threads are not needed.
///
/// `@unchecked Sendable`: `thread` is the owner's, everything else is written in `init` only; of the
/// communicator the thread uses `abort`, and of the whereabouts the pages, which are atomic.
final class HangDoctor: @unchecked Sendable {
  private let whereabouts: Whereabouts
  private let layerNames: [String]
  private let communicator: Communicator
  private let timeout: Double
  private let stop = DispatchSemaphore(value: 0)
  private var thread = pthread_t()

  /// - Parameters:
  ///   - layerNames: `Replica.trainingLayers`' names.
  ///   - communicator: whose job is ended; all ranks.
  ///   - timeout: seconds.
  init(
    _ whereabouts: Whereabouts, layerNames: [String], communicator: Communicator, timeout: Double
  ) {
    self.whereabouts = whereabouts
    self.layerNames = layerNames
    self.communicator = communicator
    self.timeout = timeout
  }

  /// From now on a rank that does not move ends the job. Once.
  func begin() {
    let context = Unmanaged.passRetained(self).toOpaque()
    let status = pthread_create(
      &thread, nil,
      { context in
        Unmanaged<HangDoctor>.fromOpaque(context!).takeRetainedValue().watch()
        return nil
      }, context)
    if status != 0 {
      thread = 0
      Unmanaged<HangDoctor>.fromOpaque(context).release()
    }
  }

  /// Ends the watch, and returns when the thread reads no page any more.
  func end() {
    guard thread != 0 else { return }
    stop.signal()
    pthread_join(thread, nil)
    thread = 0
  }

  private func watch() {
    while stop.wait(timeout: .now() + min(0.5, timeout / 10)) == .timedOut {
      let still = WhereaboutsPage.now - whereabouts.ownPage.movedAt
      if still > timeout { report(still: still) }
    }
  }

  private func report(still: Double) {
    // The ranks of a host stop within moments of each other; the first one speaks for all.
    usleep(200_000)
    guard whereabouts.claimReport() else {
      // The reporter ends the job; should it die before, this rank does.
      usleep(5_000_000)
      communicator.abort(code: ExitCode.failure, reason: "no progress")
    }
    let lines = whereabouts.pages.map { Self.line($0, layerNames) }
    var bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
    _ = bytes.withUnsafeMutableBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    // Other hosts' reports are worth waiting for.
    usleep(500_000)
    communicator.abort(
      code: ExitCode.failure,
      reason:
        "resnet-dist: error: no progress for \(Int(still.rounded())) s (--stall-timeout): a rank "
        + "is stopped, dead or out of reach; above is where each rank of this host is. Go on with "
        + "--resume")
  }

  private static func line(_ page: WhereaboutsPage, _ layerNames: [String]) -> String {
    let place = page.place
    let layer =
      layerNames.indices.contains(place.layer) ? layerNames[place.layer] : "layer \(place.layer)"
    let since = Int((WhereaboutsPage.now - page.movedAt).rounded())
    var text =
      "  rank \(page.rank) (process \(page.process)): step \(place.step), "
      + "\(place.text(layerName: layer)) for \(since) s"
    if let (rank, elements) = page.awaited {
      text +=
        ", waits for \(elements) numbers of \(rank.map { "rank \($0)" } ?? "the other hosts")"
    } else if place.activity != .ended {
      text += ", computing or stopped"
    }
    return text
  }
}
