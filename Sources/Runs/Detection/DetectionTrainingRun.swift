/// A whole run of a detector: everything checked and set up on all ranks, then trained, then reported.

import Console
import Detection
import DetectionData
import Distributed
import Foundation
import Networks
import Optimizers
import Settings
import System
import Tensors

/// One `resnet-dist detect train`.
package final class DetectionTrainingRun {
  /// How a run ended.
  package struct Outcome: RunOutcome {
    package let model: String
    /// Of the evaluated images, rank 0's.
    let scores: (any DetectorScores)?
    package let images: Int
    /// The evaluation with the highest AP, or recall.
    package let best: BestEvaluation?
    /// Of the last step's parameters.
    package let parametersSHA256: String
    /// Of the frozen layers; nil where none are.
    package let frozen: FrozenDigest?
    /// Of the averaged parameters; nil: there is no average.
    package let averageSHA256: String?
    /// The run folder; empty on other ranks than 0.
    package internal(set) var folder: String
    /// Seconds of training, those before a resume included.
    package let seconds: Double
  }

  private let setup: DetectionSetup
  private let start: StartingPoint
  private let parts: WeightsFile.DetectorParts?
  /// The folder by which users know the run; nil: its own.
  private let resumedAs: String?
  private let ranks: ProcessGroup
  private let engine: TrainingEngine
  /// Of the weights; nil: none is kept.
  private let average: WeightAverage?
  private let timelineFile: TimelineFile?
  private let clock: TrainingClock
  private let trainer: Trainer
  private let evaluation: DetectionPass
  private let evaluator: EpochEvaluator
  private let reporter: MetricsReporter
  private let saver: CheckpointSaver
  private let stop: StopMonitor
  /// Rank 0's.
  private let report: RunReport?
  private let events: EventLogger

  /// Sets up a run on all ranks; nothing is written before everything has been checked.
  ///
  /// - Parameters:
  ///   - requested: the same on every rank.
  ///   - resume: what is resumed; nil: a new run begins.
  ///   - began: when the program began, in seconds of the monotonic clock.
  ///   - resumedAs: the folder by which users resume the run; nil: its own.
  ///   - program: which resnet-dist this is, for the logs.
  ///   - console: where rank 0 reports.
  /// - Throws: `CollectiveFailure`.
  package init(
    _ requested: TrainingConfiguration, resume: ResumePoint?, ranks: ProcessGroup,
    began: Double = MonotonicClock.now, resumedAs: String? = nil, program: String,
    console: any Console
  ) throws {
    if let resume { try Self.check(requested, resume, ranks) }
    let setup = try DetectionSetup(requested, resume: resume?.checkpoint, ranks: ranks)
    let configuration = setup.configuration
    timelineFile = try configuration.run.timeline.map { try TimelineFile(path: $0, ranks: ranks) }
    timelineFile?.timeline.begin()
    engine = try TrainingEngine(
      imageByImage: setup.architecture, largest: configuration.largestImage, setup.layout,
      options: setup.engineOptions, group: ranks, timeline: timelineFile?.timeline)
    var parts: WeightsFile.DetectorParts?
    start = try StartingPoint(
      configuration, resume: resume, engine: engine, images: setup.images,
      shape: ImageShape(height: 1, width: 1, channels: 3), timeline: setup.timeline, ranks: ranks
    ) { file, replica in
      parts = try file.loadDetector(into: replica)
      if setup.needsTrainedProposals, parts?.isClassifier == true {
        throw ProposalNetworkError.untrained
      }
      return nil
    }
    self.parts = parts
    self.resumedAs = resumedAs
    let proposals = try setup.proposalNetwork(ranks)
    let clock = TrainingClock(earlier: start.seconds)
    report = try ranks.onFirst { [start] in
      let files = try RunFiles(setup.description, start: start)
      return RunReport(
        files: files, console: console, bar: ProgressBar(console: console),
        status: try StatusReporter(
          setup.description, start: start, folder: files.folder, clock: clock, ranks: ranks))
    }
    events = try EventLogger(
      folder: report?.files.folder, ranks: ranks, threads: 1, program: program)
    let preprocessing = Preprocessing.tensors(
      setup.normalization, shape: ImageShape(height: 1, width: 1, channels: 3))
    average = configuration.weightAverage(setup.timeline).map { [engine] in
      WeightAverage($0, of: engine.replica)
    }
    if let average { try start.loadAverage(average, engine: engine, ranks: ranks) }
    let writer = report.map { [engine, average] in
      CheckpointWriter(
        $0.files, StateSnapshot(engine, average: average, preprocessing: preprocessing))
    }
    stop = StopMonitor(
      configuration.run, began: began, isFirst: ranks.isFirst,
      stallLimits: engine.rankProgress.limits, writer: writer,
      firstEvaluation: EvaluationEstimate(
        images: setup.data.test.images.count, batchSize: configuration.parallel.batchSize,
        share: setup.evaluationShare))
    report?.status.writer = writer
    evaluation = DetectionPass(
      DatasetDetections(
        setup.data.test, setup.images(of: setup.data.test),
        setup.evaluatedPart(engine.replica, proposals: proposals?.inTests),
        ranks: ranks, rankProgress: engine.rankProgress), ranks: ranks)
    evaluator = EpochEvaluator(
      evaluation, average: average, interval: configuration.run.evaluateEvery,
      timeline: setup.timeline, clock: clock, stop: stop, report: report)
    reporter = MetricsReporter(
      DetectionFigures(setup.timeline, setup.detector), configuration, timeline: setup.timeline,
      clock: clock, ranks: ranks, report: report)
    let architecture = engine.replica.architecture
    saver = CheckpointSaver(
      engine, average: average, clock: clock, ranks: ranks, writer: writer
    ) { progress, seconds in
      setup.description.checkpointState(
        progress, architecture, classes: setup.detector.classes,
        shards: configuration.parallel.batchSize,
        classNames: setup.data.train.classes, inputSide: nil, testResize: nil,
        interpolation: nil, images: setup.images, seconds: seconds)
    }
    let verifier = ReplicaVerifier(
      engine, interval: configuration.run.verifyEvery, ranks: ranks)
    let observers: [(any TrainingObserver)?] = [verifier, reporter, saver, report?.status, events]
    let offsets = architecture.lossSumsOffsets
    let losses = setup.detector.losses
    let trainingProposals = proposals?.inTraining
    trainer = Trainer(
      engine, average: average, phases: [0..<setup.timeline.steps],
      begin: { setup.loader(afterSteps: $1, proposals: trainingProposals) },
      totals: { DetectionTotals.add($0, losses, offsets: offsets, to: &$1) },
      timeline: setup.timeline,
      checkpointEvery: configuration.run.checkpointEvery, progress: start.progress,
      evaluator: evaluator, stop: stop, ranks: ranks, observers: observers.compactMap(\.self))
    (self.setup, self.ranks, self.clock) = (setup, ranks, clock)
  }

  /// Checks that what is resumed is no training in four steps, whose folder holds no run of its own.
  ///
  /// - Throws: `CollectiveFailure`.
  private static func check(
    _ requested: TrainingConfiguration, _ resume: ResumePoint, _ ranks: ProcessGroup
  ) throws {
    try ranks.onFirst {
      guard RunFolder.hasSteps(in: resume.run) else { return }
      throw ResumeMismatch(
        key: "--training", checkpoint: DetectorTraining.fourSteps.rawValue,
        requested: requested.detection.network.training.rawValue)
    }
  }

  /// Trains to the end, evaluates and reports.
  ///
  /// - Throws: `CollectiveFailure`, also for `RunStopped`.
  package func train() throws -> Outcome {
    try ranks.endTogether(report, events) {
      try TimelineFile.record(timelineFile, engine.rankProgress, ranks, trainToTheEnd)
    }
  }

  private func trainToTheEnd() throws -> Outcome {
    let watchdog = StallWatchdog(
      engine.rankProgress, group: ranks, timeout: setup.configuration.run.stallTimeout)
    watchdog?.begin()
    // A checkpoint that is being written is finished, whatever ends the job.
    defer {
      saver.settle()
      watchdog?.end()
    }
    writeSummary()
    reporter.writeHeader()
    guard try trainer.run() else {
      throw CollectiveFailure(
        onEveryRank: try stop.stopped(
          trainer.progress, of: setup.timeline, report: report, resumedAs: resumedAs, ranks: ranks))
    }
    try evaluator.finish(trainer.progress)
    let outcome = Outcome(
      model: setup.detector.name, scores: evaluation.last?.scores,
      images: setup.data.test.images.count, best: trainer.progress.best,
      parametersSHA256: saver.parametersSHA256(trainer.progress),
      frozen: start.frozenSHA256.map { before in
        FrozenDigest(before: before, after: engine.replica.frozenSHA256 ?? "")
      }, averageSHA256: average?.withAveragedWeights { engine.replica.parametersSHA256 },
      folder: report?.files.folder.path ?? "", seconds: clock.total.seconds)
    try ranks.onFirst {
      guard let report, let last = evaluation.last else { return }
      try last.scores.write(
        last.detections, of: setup.data.test, to: report.files.folder.path, console: report.console)
      try report.files.folder.writeResult(json: outcome.json)
      if setup.configuration.run.writesReport { try report.files.folder.writeReport() }
      DetectionSummary.writeResult(outcome, setup.data.test, to: report.console)
    }
    return outcome
  }

  /// Shows what is about to run.
  private func writeSummary() {
    guard let report else { return }
    let folder = report.files.folder
    DetectionSummary.write(
      setup, engine.replica, start: start, parts: parts, ranks: ranks, folder: folder.path,
      to: report.console)
    for note in setup.data.train.notes + setup.data.test.notes + setup.notes
      + ResumeNotes.lines(
        setup.configuration, images: setup.data.train.images.count, setup.timeline, start)
      + setup.configuration.notesOfUnreachedMilestones(setup.timeline)
      + [PrecisionNote.line(setup.configuration.network.precision)].compactMap(\.self)
    {
      report.console.writeLine(note)
      events.note(note)
    }
    folder.writeLockNote(to: report.console)
  }
}
