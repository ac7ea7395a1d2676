/// How a failure ends the program: its exit code, and who says it.

import Networks

/// Exit codes that scripts can rely on.
public enum ExitCode {
  /// The run failed.
  public static let failure: Int32 = 1
  /// The command line or the configuration is wrong.
  public static let usage: Int32 = 2
}

/// An error by which the user asked for something that cannot be: exit code 2.
public protocol UsageError: Error {}

extension ConfigurationError: UsageError {}
extension ModelError: UsageError {}
extension ShardLayoutError: UsageError {}
extension StatisticsGroupError: UsageError {}
extension AccumulationError: UsageError {}

/// A failure that every rank knows of at the same point of the run, so that all can end together.
///
/// Any other error concerns one rank while the rest go on, and must end the job by an abort.
public struct CollectiveFailure: Error, CustomStringConvertible {
  /// The rank that says it: the lowest that failed.
  public let rank: Int
  public let exitCode: Int32
  public let reason: String

  init(rank: Int, exitCode: Int32, reason: String) {
    self.rank = rank
    self.exitCode = exitCode
    self.reason = reason
  }

  /// An error that all ranks meet alike; the first one says it.
  init(onEveryRank error: any Error) {
    self.init(rank: 0, exitCode: Training.exitCode(for: error), reason: "\(error)")
  }

  public var description: String { reason }
}

/// The exit code that `error` ends the program with.
public func exitCode(for error: any Error) -> Int32 {
  switch error {
  case is UsageError: ExitCode.usage
  case let error as CollectiveFailure: error.exitCode
  default: ExitCode.failure
  }
}

/// The loss is no longer a number; every rank sees this at the same step.
public struct Diverged: Error, CustomStringConvertible {
  public let step: Int
  public let learningRate: Double
  public let loss: Double

  public var description: String {
    "the loss is \(loss) at step \(step) with learning rate \(learningRate): training has diverged. "
      + "Use a smaller --lr, or resume from the last checkpoint with one"
  }
}

/// A gradient is no longer a number; every rank sees the same sum, and this, at the same step. No
/// parameter has been changed by it.
public struct GradientNotFinite: Error, CustomStringConvertible {
  public let step: Int
  public let learningRate: Double
  public let parameter: String

  public var description: String {
    "the gradient of \(parameter) holds NaN or infinite values at step \(step) with learning rate "
      + "\(learningRate): training has diverged. Use a smaller --lr, or resume from the last checkpoint "
      + "with one"
  }
}

/// Parameters are no longer numbers, so no checkpoint is written of them.
public struct ParametersNotFinite: Error, CustomStringConvertible {
  public let step: Int

  public var description: String {
    "parameters hold NaN or infinite values after step \(step): training has diverged. No "
      + "checkpoint was written; use a smaller --lr, or resume from the last checkpoint with one"
  }
}
