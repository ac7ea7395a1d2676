/// The runs of a sweep, one after the other.

import Console
import Distributed
import Foundation
import Reports
import Settings
import System

/// Trains what a sweep file describes: finished runs are left alone, interrupted ones resumed, and one that
/// fails does not end the rest.
package struct SweepRun {
  /// What became of a job.
  package enum Outcome: Codable, Equatable, Sendable {
    /// `test` is the test images' error, a fraction.
    case finished(test: Double)
    case finishedBefore(test: Double?)
    /// It was finished with settings that the file has no longer: which, in words.
    case otherSettings(String)
    case failed(reason: String)

    /// Whether this process has trained it, or tried to.
    var hasBegun: Bool {
      switch self {
      case .finished, .failed: true
      case .finishedBefore, .otherSettings: false
      }
    }

    /// Whether the run is what the file describes.
    var isFinished: Bool {
      switch self {
      case .finished, .finishedBefore: true
      case .otherSettings, .failed: false
      }
    }
  }

  private let sweep: Sweep
  private let folder: String
  private let ranks: ProcessGroup
  private let program: String
  private let console: any Console
  /// Seconds of the monotonic clock, from which limits of time count.
  private let began: Double

  /// Reads a sweep file on all ranks.
  ///
  /// - Parameters:
  ///   - folder: of the sweep; nil: `runs/` and the file's name without its end.
  ///   - program: which resnet-dist this is, for the logs.
  ///   - console: where rank 0 reports.
  /// - Throws: `CollectiveFailure`.
  package init(
    file: String, folder: String?, ranks: ProcessGroup, program: String, console: any Console
  ) throws {
    began = MonotonicClock.now
    sweep = try ranks.together { try Sweep(file: file) }
    let name = URL(fileURLWithPath: file).deletingPathExtension().lastPathComponent
    self.folder = folder ?? "\(RunFolder.defaultParent)/\(name)"
    self.ranks = ranks
    self.program = program
    self.console = console
  }

  /// The jobs' names in order.
  package var names: [String] { sweep.jobs.map(\.name) }

  /// Runs all jobs, or one.
  ///
  /// - Parameter only: a job's number from 1 on, as a job array has it; nil: all.
  /// - Returns: whether all are finished.
  /// - Throws: what ends the job on one rank alone, and `SweepError`.
  package func run(only: Int? = nil) throws -> Bool {
    if let only, !(1...sweep.jobs.count).contains(only) {
      throw CollectiveFailure(
        onEveryRank: SweepError.noSuchJob(number: only, count: sweep.jobs.count))
    }
    let chosen = only.map { $0 - 1..<$0 } ?? sweep.jobs.indices
    var outcomes: [(name: String, outcome: Outcome)] = []
    for index in chosen {
      let job = sweep.jobs[index]
      write("[\(index + 1)/\(sweep.jobs.count)] \(job.name)")
      let outcome = try run(job, isFirst: !outcomes.contains(where: \.outcome.hasBegun))
      switch outcome {
      case .failed(let reason): write("resnet-dist: \(job.name) failed: \(reason)")
      case .otherSettings(let difference):
        write(
          "resnet-dist: \(job.name) was finished with \(difference): use another name, or remove its "
            + "folder")
      case .finished, .finishedBefore: break
      }
      write("")
      outcomes.append((job.name, outcome))
    }
    write(Self.table(outcomes))
    return outcomes.allSatisfy(\.outcome.isFinished)
  }

  private func write(_ text: String) { if ranks.isFirst { console.writeLine(text) } }

  /// - Parameter isFirst: whether this process has trained no other, so that it gets on whatever the limit.
  private func run(_ job: Sweep.Job, isFirst: Bool) throws -> Outcome {
    let path = "\(folder)/\(job.name)"
    do {
      if let earlier = try earlierOutcome(of: job, in: path) { return earlier }
      let changes = job.changes + [.init(\.run.directory, path)]
      let resume = try ranks.resumePoint(ResumePoint.automatic, directory: path)
      let configuration = try ranks.together {
        try TrainingConfiguration.resolve(changes, file: nil, resume: resume?.checkpoint)
      }
      if !isFirst {
        try StopMonitor.check(before: job.name, configuration.run, began: began, ranks: ranks)
      }
      let run = try TrainingRun(
        configuration, resume: resume, ranks: ranks, began: began, program: program,
        console: console)
      return .finished(test: try run.train().test.top1Error)
    } catch let failure as CollectiveFailure {
      // Who stops a run stops the sweep.
      if failure.exitCode == ExitCode.stopped { throw failure }
      return .failed(reason: failure.reason)
    }
  }

  /// What a finished run's folder says, the same on all ranks; nil: the run is not finished. Collective.
  private func earlierOutcome(of job: Sweep.Job, in path: String) throws -> Outcome? {
    let found = try ranks.onFirst { () throws -> String in
      let result = RunFolder.resultPath(in: path)
      guard FileManager.default.fileExists(atPath: result) else { return "" }
      let run = try RunRecord(path)
      let wanted = try TrainingConfiguration.resolve(job.changes, file: nil, resume: nil)
      let outcome =
        wanted.difference(fromFinished: run.configuration).map { Outcome.otherSettings($0) }
        ?? .finishedBefore(test: run.testError)
      return String(decoding: try JSONEncoder().encode(outcome), as: UTF8.self)
    }
    let text = try ranks.control.broadcast(found ?? "")
    return text.isEmpty ? nil : try JSONDecoder().decode(Outcome.self, from: Data(text.utf8))
  }

  private static func table(_ outcomes: [(name: String, outcome: Outcome)]) -> String {
    var table = TextTable([.left, .left])
    for (name, outcome) in outcomes {
      let text =
        switch outcome {
        case .finished(let test): Self.text(test)
        case .finishedBefore(let test): "was finished" + (test.map { ", \(Self.text($0))" } ?? "")
        case .otherSettings: "was finished with other settings"
        case .failed: "failed"
        }
      table.add([name, text])
    }
    return table.lines.joined(separator: "\n")
  }

  private static func text(_ test: Double) -> String {
    "test error \(NumberFormat.percent(test, decimals: 2))"
  }
}

extension TrainingConfiguration {
  /// The first value that decides the parameters and is another in the `config.yaml` of a finished run, as in
  /// "iterations 2, the file now says 6"; nil: the run is the one that is wanted.
  package func difference(fromFinished run: TrainingConfiguration) -> String? {
    // What a run writes down of the network, the images and the launch where nobody says it.
    let filledIn: [PartialKeyPath<TrainingConfiguration>] = [
      \.network.model, \.network.shortcut, \.network.stridePlacement, \.data.mean, \.data.deviation,
      \.parallel.shards,
    ]
    let given = differences(from: TrainingConfiguration()).map(\.setting.path)
    let other = differences(from: run).first { difference in
      let setting = difference.setting
      let isFilledIn = filledIn.contains(setting.path) && !given.contains(setting.path)
      // A run that was resumed has no weights that it started from.
      let isResumed = setting.effect == .start && run.network.weights == nil
      return setting.effect != .none && !isFilledIn && !isResumed
    }
    return other.map { "\($0.setting.key) \($0.old), the file now says \($0.new)" }
  }
}

extension Sweep {
  /// - Throws: `ConfigurationError`.
  package init(file: String) throws(ConfigurationError) {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw .unreadable(path: file, reason: "the file is missing or not readable")
    }
    try self.init(yaml: String(decoding: data, as: UTF8.self), path: file)
  }
}

/// A sweep cannot be run as requested.
package enum SweepError: UsageError, Equatable, CustomStringConvertible {
  case noSuchJob(number: Int, count: Int)

  package var description: String {
    switch self {
    case .noSuchJob(let number, let count):
      "--job \(number): the sweep has the jobs 1 to \(count); --list shows them"
    }
  }
}
