/// When a run is to save or to stop: signals to any rank, and the time that rank 0 keeps.

import Distributed
import Foundation
import MPI
import Settings
import System
import Tensors

/// A rank's requests for each step. `train` asks it before a step and tells it of checkpoints.
final class StopMonitor {
  /// A time at which a run must be over.
  struct Limit {
    /// As it is said.
    let name: String
    /// Seconds of the monotonic clock.
    let end: Double
  }

  /// Seconds that are kept free before a limit, beside those of two steps and of writing twice.
  static let reserve = 5.0

  private let isFirst: Bool
  private let limits: [Limit]
  /// Seconds between further checkpoints; nil: none.
  private let checkpointInterval: Double?
  private var lastCheckpoint = MonotonicClock.now
  private let stallLimits: StallLimits
  private let writer: CheckpointWriter?
  /// Seconds of an evaluation, once one was made.
  private var evaluation: Double?
  /// Of the evaluation before that; nil: nothing tells how long it takes.
  private var firstEvaluation: EvaluationEstimate?
  /// Why this rank asks to stop.
  private var ownReason = ""

  /// - Parameters:
  ///   - began: when the program began, in seconds of the monotonic clock.
  ///   - stallLimits: what this rank's work has taken.
  ///   - writer: rank 0's.
  ///   - firstEvaluation: how long the first evaluation takes; nil: nothing tells.
  init(
    _ settings: RunSettings, began: Double, isFirst: Bool, stallLimits: StallLimits,
    writer: CheckpointWriter?, firstEvaluation: EvaluationEstimate? = nil
  ) {
    self.firstEvaluation = firstEvaluation
    self.isFirst = isFirst
    self.stallLimits = stallLimits
    self.writer = writer
    checkpointInterval = settings.checkpointMinutes.map { $0 * 60 }
    limits = isFirst ? Self.limits(settings, began: began) : []
  }

  private static func limits(_ settings: RunSettings, began: Double) -> [Limit] {
    var limits: [Limit] = []
    if let seconds = settings.maximumTime {
      limits.append(Limit(name: "--max-time", end: began + Double(seconds)))
    }
    // Slurm has it since 22.05, in seconds since 1970.
    if let text = ProcessInfo.processInfo.environment["SLURM_JOB_END_TIME"],
      let end = Double(text), end > 0
    {
      limits.append(
        Limit(
          name: "the end of the Slurm job",
          end: MonotonicClock.now + end - WallClock.now))
    }
    return limits
  }

  /// What this rank asks for with the next step.
  ///
  /// - Parameter beforeEvaluation: whether an evaluation follows the step.
  func requests(beforeEvaluation: Bool) -> StepRequests {
    let now = MonotonicClock.now
    firstEvaluation?.willStep(at: now)
    return requests(
      at: now, evaluation: beforeEvaluation ? evaluation ?? firstEvaluation?.seconds ?? 0 : 0)
  }

  /// - Parameter evaluation: seconds of the one that follows.
  private func requests(at now: Double, evaluation: Double) -> StepRequests {
    var requests: StepRequests = []
    if let signal = StopSignals.received {
      ownReason = signal
      requests.insert(.stop)
    }
    guard isFirst else { return requests }
    if let limit = limits.first(where: { now + needed + evaluation >= $0.end }) {
      if ownReason.isEmpty { ownReason = limit.name }
      requests.insert(.stop)
    }
    if let checkpointInterval, now - lastCheckpoint >= checkpointInterval {
      requests.insert(.save)
    }
    if writer?.hasFailed == true { requests.insert(.saveFailed) }
    return requests
  }

  /// Seconds that a stop takes after the next step at most, as far as they are known.
  private var needed: Double {
    2 * (stallLimits.slowest(.step) ?? 0) + 2 * (writer?.slowest ?? 0) + Self.reserve
  }

  /// Whether any rank has been asked to stop by now. Collective; for the time between steps.
  func isStopped(_ ranks: ProcessGroup) throws -> Bool {
    let own = requests(at: MonotonicClock.now, evaluation: 0).contains(.stop)
    return try ranks.control.allReduce(Int(own ? 1 : 0), .max) == 1
  }

  /// Why the run stops: the reason of the first rank that has one. Collective.
  func reason(_ ranks: ProcessGroup) throws -> String {
    try ranks.control.allGather(ownReason).first { !$0.isEmpty } ?? ""
  }

  /// Why a run ends at `progress`, and how to continue. Collective.
  ///
  /// - Parameters:
  ///   - report: rank 0's.
  ///   - resumedAs: the folder by which users know the run; nil: its own.
  func stopped(
    _ progress: TrainingProgress, of timeline: TrainingTimeline, report: RunReport?,
    resumedAs: String? = nil, ranks: ProcessGroup
  ) throws -> RunStopped {
    let reason = try reason(ranks)
    let folder = report?.files.folder
    report?.bar.finish()
    return RunStopped(
      "stopped after step \(progress.step.grouped) of \(timeline.steps.grouped) (\(reason)), saved in "
        + "\(folder?.checkpointPath(step: progress.step) ?? ""): continue with --resume "
        + (resumedAs ?? folder?.path ?? ""))
  }

  /// Why a run ends while it computes what its steps read, of which nothing is saved. Collective.
  func stoppedBeforeTraining(_ ranks: ProcessGroup) throws -> RunStopped {
    let reason = try reason(ranks)
    return RunStopped(
      "stopped while features were computed (\(reason)), which are not saved: the same command "
        + "begins with them again")
  }

  /// A checkpoint was begun.
  func didSave() { lastCheckpoint = MonotonicClock.now }

  /// An evaluation took so many seconds.
  func didEvaluate(seconds: Double) { evaluation = max(evaluation ?? 0, seconds) }
}

extension StopMonitor {
  /// Ends a sweep that is asked to stop, or has no time for its next run. Collective.
  ///
  /// - Throws: `CollectiveFailure` for `RunStopped`.
  static func check(
    before run: String, _ settings: RunSettings, began: Double, ranks: ProcessGroup
  ) throws {
    let monitor = StopMonitor(
      settings, began: began, isFirst: ranks.isFirst, stallLimits: StallLimits(), writer: nil)
    guard try monitor.isStopped(ranks) else { return }
    let reason = try monitor.reason(ranks)
    throw CollectiveFailure(
      onEveryRank: RunStopped("stopped before \(run) (\(reason)): the same command continues"))
  }
}
