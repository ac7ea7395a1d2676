/// The runs of a sweep, one after the other.

import Console
import Distributed
import Foundation
import Settings
import System

/// Trains what a sweep file describes: finished runs are left alone, interrupted ones resumed, and one that
/// fails does not end the rest.
package struct SweepRun {
  /// What became of a job.
  package enum Outcome: Equatable, Sendable {
    /// `test` is the test images' error, a fraction.
    case finished(test: Double)
    case finishedBefore
    case failed(reason: String)
  }

  private let sweep: Sweep
  private let folder: String
  private let ranks: ProcessGroup
  private let program: String
  private let console: any Console

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
      let outcome = try run(job)
      if case .failed(let reason) = outcome { write("resnet-dist: \(job.name) failed: \(reason)") }
      write("")
      outcomes.append((job.name, outcome))
    }
    write(Self.table(outcomes))
    return outcomes.allSatisfy { if case .failed = $0.outcome { false } else { true } }
  }

  private func write(_ text: String) { if ranks.isFirst { console.writeLine(text) } }

  private func run(_ job: Sweep.Job) throws -> Outcome {
    let path = "\(folder)/\(job.name)"
    do {
      let isFinished = try ranks.onFirst {
        FileManager.default.fileExists(atPath: RunFolder.resultPath(in: path))
      }
      if try ranks.control.broadcast(isFinished == true ? "finished" : "") == "finished" {
        return .finishedBefore
      }
      let changes = job.changes + [.init(\.run.directory, path)]
      let resume = try ranks.resumePoint(ResumePoint.automatic, directory: path)
      let configuration = try ranks.together {
        try TrainingConfiguration.resolve(changes, file: nil, resume: resume?.checkpoint)
      }
      let run = try TrainingRun(
        configuration, resume: resume, ranks: ranks, program: program, console: console)
      return .finished(test: try run.train().test.top1Error)
    } catch let failure as CollectiveFailure {
      // Who stops a run stops the sweep.
      if failure.exitCode == ExitCode.stopped { throw failure }
      return .failed(reason: failure.reason)
    }
  }

  private static func table(_ outcomes: [(name: String, outcome: Outcome)]) -> String {
    var table = TextTable([.left, .left])
    for (name, outcome) in outcomes {
      let text =
        switch outcome {
        case .finished(let test): "test error \(NumberFormat.percent(test, decimals: 2))"
        case .finishedBefore: "was finished"
        case .failed: "failed"
        }
      table.add([name, text])
    }
    return table.lines.joined(separator: "\n")
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
