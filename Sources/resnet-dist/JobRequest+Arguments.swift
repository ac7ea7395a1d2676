/// The arguments of a batch job's run or sweep, parsed and checked as its ranks will do.

import Distributed
import Jobs
import Runs
import Settings

extension JobRequest {
  /// This job with what follows `--` on the command line, and with what a job adds to that.
  ///
  /// - Throws: `JobError`, `JobArgumentsError`, and whatever is wrong with the run's settings.
  func running(_ given: [String]) throws -> JobRequest {
    var job = self
    job.given = given
    switch try Self.parse(given) {
    case let train as TrainCommand:
      let configuration = try TrainingConfiguration.resolve(
        train.changes, file: train.file.config, resume: nil)
      try check(configuration)
      job.arguments = given + added(to: train, configuration)
    case let sweep as SweepCommand:
      let runs = try Sweep(file: sweep.file).jobs
      for run in runs {
        try check(try TrainingConfiguration.resolve(run.changes, file: nil, resume: nil))
      }
      job.arguments = given
      job.arrayLength = hasArrays && sweep.job == nil ? runs.count : nil
    default: throw JobArgumentsError.noRun
    }
    return job
  }

  private static func parse(_ arguments: [String]) throws(JobArgumentsError) -> Any {
    do { return try ResnetDist.parseAsRoot(arguments) } catch {
      throw .wrong(ResnetDist.message(for: error))
    }
  }

  /// What makes a run one that a job can begin and resume by the same command.
  private func added(
    to train: TrainCommand, _ configuration: TrainingConfiguration
  ) -> [String] {
    var added: [String] = []
    if configuration.run.directory == nil,
      train.resumption.resume ?? ResumePoint.automatic == ResumePoint.automatic
    {
      added += ["--run-dir", "\(RunFolder.defaultParent)/\(name)"]
    }
    if train.resumption.resume == nil { added += ["--resume", ResumePoint.automatic] }
    if configuration.parallel.threads == nil { added += ["--threads", "\(threads)"] }
    return added
  }

  /// Whether all ranks and threads have work.
  private func check(_ configuration: TrainingConfiguration) throws {
    _ = try configuration.microBatchLayout(ranks: ranks, rank: 0)
    let shards = configuration.shards(ranks: ranks) / configuration.parallel.accumulate
    guard threads <= (shards + ranks - 1) / ranks else {
      throw JobError.idleThreads(threads: threads, ranks: ranks, shards: shards)
    }
  }
}

/// What follows `--` cannot be run as a job.
enum JobArgumentsError: UsageError, CustomStringConvertible {
  case noRun
  case wrong(String)

  var description: String {
    switch self {
    case .noRun: "a job trains: after -- expected options of train, or sweep and its file"
    case .wrong(let text): "after --: \(text)"
    }
  }
}
