/// A detector that is trained in four steps (Ren et al. 2015, §3.2): four runs, one after the other, in one folder.

import Console
import Detection
import Distributed
import Settings
import System

/// One `resnet-dist detect train --training four-steps`.
///
/// Finished steps are left alone and an interrupted one is resumed. The last step's detector is the result.
package final class FourStepTrainingRun {
  private let whole: TrainingConfiguration
  private let ranks: ProcessGroup
  private let program: String
  private let console: any Console
  private let began: Double
  /// Held by rank 0 while the steps run.
  private let folder: RunFolder?
  private let path: String

  /// Checks all steps and opens the folder. Collective.
  ///
  /// - Parameters:
  ///   - requested: the same on every rank.
  ///   - resume: the folder of an interrupted training; nil: a new one begins.
  ///   - program: which resnet-dist this is, for the logs.
  ///   - console: where rank 0 reports.
  /// - Throws: `CollectiveFailure`.
  package init(
    _ requested: TrainingConfiguration, resume: ResumePoint?, ranks: ProcessGroup,
    program: String, console: any Console
  ) throws {
    began = MonotonicClock.now
    try ranks.agree(on: requested.values + [("resume", resume?.run ?? "not given")])
    try ranks.onFirst {
      try requested.checkTraining(isResumed: resume != nil)
      try Self.check(requested, resume)
    }
    // The step with the larger network, mini-batch and memory, so that it does not fail after the first.
    var regions = FourStepTraining.regions.configuration(of: requested, in: "")
    // A resumed training may not need its first weights.
    if resume != nil { regions.network.weights = nil }
    let largest = try DetectionSetup(regions, resume: nil, ranks: ranks)
    try ranks.together {
      _ = try requested.divisionOfImages(on: ranks)
    }
    folder = try ranks.onFirst {
      if let resume { return try RunFolder(resuming: resume.run) }
      if let path = requested.run.directory { return try RunFolder(creating: path) }
      let run = largest.description
      return try RunFolder.create(model: run.model, dataset: run.dataset)
    }
    path = try ranks.control.broadcast(folder?.path ?? "")
    try ranks.onFirst { [folder] in
      // A training that is resumed is not finished, and a folder can be moved.
      try folder?.removeResult()
      var written = requested
      written.run.directory = nil
      try folder?.writeConfig(yaml: try written.yaml())
    }
    (whole, self.ranks, self.program, self.console) = (requested, ranks, program, console)
  }

  /// Checks that a training may be resumed with these settings.
  ///
  /// - Throws: `ResumeMismatch`, `ConfigurationError`.
  private static func check(_ requested: TrainingConfiguration, _ resume: ResumePoint?) throws {
    guard let resume else { return }
    let earlier = try TrainingConfiguration.resolve([], file: resume.configPath, resume: nil)
    let (new, old) = (
      CheckpointState.keptSettings(requested), CheckpointState.keptSettings(earlier)
    )
    if let key = new.keys.sorted().first(where: { new[$0] != old[$0] }) {
      throw ResumeMismatch(
        key: "--\(key)", checkpoint: old[key] ?? "none", requested: new[key] ?? "none")
    }
  }

  /// Trains the steps that are not finished.
  ///
  /// - Returns: the last step's outcome.
  /// - Throws: `CollectiveFailure`, also for `RunStopped`.
  package func train() throws -> DetectionTrainingRun.Outcome {
    let last = FourStepTraining.regionsOnSharedLayers
    let found = try ranks.onFirst { [path] in RunFolder.unfinishedStep(in: path) ?? last }
    let first = try ranks.control.broadcast(found?.rawValue ?? 0)
    for step in FourStepTraining.allCases where first..<last.rawValue ~= step.rawValue {
      _ = try train(step)
    }
    var outcome = try train(last)
    outcome.folder = path
    try ranks.onFirst { [folder, outcome, path, whole] in
      try folder?.writeResult(json: outcome.json)
      if whole.run.writesReport { try folder?.writeReport() }
      console.writeLine("the detector of all four steps is in \(path)")
    }
    return outcome
  }

  private func train(_ step: FourStepTraining) throws -> DetectionTrainingRun.Outcome {
    if ranks.isFirst {
      console.writeLine(
        "[step \(step.rawValue)/\(FourStepTraining.allCases.count)] \(step.summary)")
    }
    var configuration = step.configuration(of: whole, in: path)
    let resume = try ranks.resumePoint(
      ResumePoint.automatic, directory: configuration.run.directory)
    // A resumed run brings its weights.
    if resume != nil { configuration.network.weights = nil }
    let run = try DetectionTrainingRun(
      configuration, resume: resume, ranks: ranks, began: began, resumedAs: path,
      program: program, console: console)
    let outcome = try run.train()
    if ranks.isFirst { console.writeLine("") }
    return outcome
  }
}
