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
      if let resume = train.resumption.resume,
        ResumePoint.isRepeated(resume, directory: configuration.run.directory)
      {
        throw JobArgumentsError.repeatedStart(resume: resume)
      }
      job.arguments = given + added(to: train, configuration)
    case let sweep as SweepCommand:
      let runs = try Sweep(file: sweep.file).jobs
      for run in runs {
        let configuration = try TrainingConfiguration.resolve(
          run.changes, file: nil, resume: nil)
        try check(configuration)
        try checkLimit(configuration, of: run.name, in: sweep.file)
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

  /// Whether a sweep's run stops before the job's limit, of which PBS gives no signal.
  private func checkLimit(
    _ configuration: TrainingConfiguration, of run: String, in file: String
  ) throws(JobArgumentsError) {
    guard scheduler == .pbs, let seconds, configuration.run.maximumTime == nil else { return }
    throw .sweepWithoutLimit(file: file, run: run, seconds: seconds - secondsToSave)
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
  case repeatedStart(resume: String)
  case wrong(String)
  /// A PBS job's sweep, and how long it may take.
  case sweepWithoutLimit(file: String, run: String, seconds: Int)

  var description: String {
    switch self {
    case .noRun: "a job trains: after -- expected options of train, or sweep and its file"
    case .repeatedStart(let resume):
      "after --: --resume \(resume) would begin again after the same step each time that the job is started: "
        + "add --run-dir and a new folder, or resume the run's folder"
    case .wrong(let text): "after --: \(text)"
    case .sweepWithoutLimit(let file, let run, let seconds):
      "\(file): \(run) has no max-time, and PBS sends no signal before the limit of --time: give base one, "
        + "such as max-time: \(TimeText.text(seconds))"
    }
  }
}
