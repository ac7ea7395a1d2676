/// What happens in a run, for the ranks' logs: rank 0 tells of the run, the others of themselves.

import Distributed
import Foundation
import Logging
import System

/// Nothing is logged in a step that ends no epoch, unless something is wrong with it.
final class EventLogger: TrainingObserver {
  private let logger: Logger
  private let isFirst: Bool

  /// Opens this rank's log, and says what it is. Collective.
  ///
  /// - Parameter folder: rank 0's run folder.
  init(
    folder: RunFolder?, ranks: ProcessGroup, threads: Int, program: String
  ) throws {
    isFirst = ranks.isFirst
    let path = try ranks.control.broadcast(folder?.absolutePath ?? "")
    let opened = RunFolder.logger(in: path, rank: ranks.rank)
    let missing = try ranks.control.allGather(Int(opened == nil ? 1 : 0))
    logger = opened ?? Logger(label: "resnet-dist") { _ in SwiftLogNoOpLogHandler() }
    logger.info(
      "started",
      metadata: [
        "program": "\(program)", "process": .stringConvertible(Int(getpid())),
        "threads": .stringConvertible(threads),
        "processors": .array(
          ThreadAllocation.allowedProcessors().sorted().map { .stringConvertible($0) }),
        "ranks": .stringConvertible(ranks.count),
      ])
    let unseen = missing.indices.filter { missing[$0] == 1 }
    if isFirst, !unseen.isEmpty {
      logger.warning(
        "ranks have no log, because their hosts do not see the run folder",
        metadata: ["missing": .array(unseen.map { .stringConvertible($0) })])
    }
  }

  func didStep(_ progress: TrainingProgress, learningRate: Double) {
    if isFirst, let reason = progress.skippedFor {
      logger.warning(
        "step skipped",
        metadata: ["step": .stringConvertible(progress.step), "reason": "\(reason)"])
    }
    if progress.endsEpoch {
      for image in progress.badImages {
        logger.warning("bad image replaced", metadata: ["reason": "\(image.reason)"])
      }
    }
  }

  func didFinishEpoch(
    _ progress: TrainingProgress, learningRate: Double, test: EvaluationFigures?
  ) {
    guard isFirst else { return }
    var fields: Logger.Metadata = [
      "step": .stringConvertible(progress.step),
      "learning_rate": .stringConvertible(learningRate),
      "loss": .stringConvertible(progress.epochTotals.meanLoss),
    ]
    if progress.epochTotals.terms == nil {
      fields["top1_error"] = .stringConvertible(progress.epochTotals.top1Error)
    }
    if let test {
      fields["evaluation_loss"] = test.loss.map { .stringConvertible($0) }
      let error = test.top1Error == nil ? "evaluation_error" : "evaluation_top1_error"
      fields[error] = .stringConvertible(test.error)
    }
    logger.info("epoch finished", metadata: fields)
  }

  func shouldSave(_ progress: TrainingProgress) {
    if isFirst {
      logger.info("checkpoint begun", metadata: ["step": .stringConvertible(progress.step)])
    }
  }

  /// A note that is shown to the user, too.
  func note(_ text: String) { logger.notice("\(text)") }

  /// The run has come to its end.
  func finished(sha256: String) {
    logger.info("finished", metadata: ["parameters_sha256": "\(sha256)"])
  }

  /// The run ends before its time.
  func ended(_ error: any Error) {
    let level: Logger.Level = ExitCode.of(error) == ExitCode.stopped ? .notice : .error
    logger.log(
      level: level, "\(error)",
      metadata: ["exit_code": .stringConvertible(Int(ExitCode.of(error)))])
  }
}
