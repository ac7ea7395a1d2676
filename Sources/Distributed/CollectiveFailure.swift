/// How ranks fail together: one rank reports, all end with the same exit code, none waits for another.

import Foundation
import MPI
import Networks
import System

/// Exit codes that scripts can rely on.
package enum ExitCode {
  /// The run failed.
  package static let failure: Int32 = 1
  /// The command line or the settings are wrong.
  package static let usage: Int32 = 2
  /// The run was asked to stop and has saved: it can be resumed (`EX_TEMPFAIL`).
  package static let stopped: Int32 = 75
  /// The run made no progress, and its watchdog ended it.
  package static let stalled: Int32 = 76

  /// The exit code that `error` ends the program with.
  package static func of(_ error: any Error) -> Int32 {
    switch error {
    case is any UsageError: usage
    case is RunStopped: stopped
    case let error as CollectiveFailure: error.exitCode
    default: failure
    }
  }
}

/// An error in what the user requested: exit code 2.
package protocol UsageError: Error {}

/// A run was asked to stop, and can be resumed.
package struct RunStopped: Error, CustomStringConvertible {
  package let description: String

  /// - Parameter description: why, what was saved and how to continue, in one line.
  package init(_ description: String) { self.description = description }
}

extension ModelError: UsageError {}
extension ShardLayoutError: UsageError {}
extension StatisticsGroupError: UsageError {}

/// A failure that every rank knows of at the same point of the run, so that all can end together.
///
/// Any other error concerns one rank while the others continue, and must end the job by an abort.
package struct CollectiveFailure: Error, Codable, CustomStringConvertible {
  /// The rank that reports it: the lowest that failed.
  package let rank: Int
  package let exitCode: Int32
  package let reason: String

  /// What `rank` failed with.
  init(_ error: any Error, on rank: Int) {
    self.rank = rank
    exitCode = ExitCode.of(error)
    reason = "\(error)"
  }

  /// An error that all ranks meet alike; rank 0 reports it.
  package init(onEveryRank error: any Error) { self.init(error, on: 0) }

  package var description: String { reason }
}

extension ProcessGroup {
  /// Runs `work` on every rank; when it throws on any, throws the same `CollectiveFailure` on all.
  package func together<Result>(_ work: () throws -> Result) throws -> Result {
    let outcome: Swift.Result<Result, any Error>
    do { outcome = .success(try work()) } catch { outcome = .failure(error) }
    var report = ""
    if case .failure(let error) = outcome {
      let failure = CollectiveFailure(error, on: rank)
      report = String(decoding: try JSONEncoder().encode(failure), as: UTF8.self)
    }
    let reports = try control.allGather(report)
    guard let failed = reports.first(where: { !$0.isEmpty }) else { return try outcome.get() }
    throw try JSONDecoder().decode(CollectiveFailure.self, from: Data(failed.utf8))
  }

  /// Runs `work`, and ends the job when it fails on this rank alone: the other ranks do not know of it
  /// and might wait for this one forever. The abort comes before the requests of `work` are dropped.
  ///
  /// - Throws: `CollectiveFailure` only.
  package func endTogether<Result>(_ work: () throws -> Result) throws(CollectiveFailure) -> Result
  {
    do { return try work() } catch let failure as CollectiveFailure { throw failure } catch {
      waitForLowerRanks()
      control.abort(code: ExitCode.of(error), reason: "resnet-dist: error: \(error)")
    }
  }

  /// Gives lower ranks the time to say what all ranks may meet at once, such as a file system that is gone. Their abort
  /// comes as SIGTERM, and ends this process soon.
  private func waitForLowerRanks() {
    let wasAskedToStop = StopSignals.received != nil
    usleep(useconds_t(min(rank, 10) * 100_000))
    if !wasAskedToStop, StopSignals.received != nil { sleep(5) }
  }

  /// Runs `work` on rank 0 only; when it throws, throws on all ranks.
  @discardableResult
  package func onFirst<Result>(_ work: () throws -> Result) throws -> Result? {
    try together { isFirst ? try work() : nil }
  }
}
