/// A whole training run: everything checked and set up on all ranks, then trained, then reported.

import Console
import Datasets
import Distributed
import Evaluation
import Networks
import Optimizers
import Settings
import System
import Tensors

/// One `resnet-dist train`.
package final class TrainingRun {
  /// How a run ended.
  package struct Outcome: RunOutcome {
    package let model: String
    package let test: EpochTotals
    /// Of the validation images, after the last step; nil where there are none.
    package let validation: EpochTotals?
    /// The evaluation with the lowest error.
    package let best: BestEvaluation?
    /// Of the last step's parameters.
    package let parametersSHA256: String
    /// Of the frozen layers; nil where none are.
    package let frozen: FrozenDigest?
    /// Of the averaged parameters; nil: there is no average.
    package let averageSHA256: String?
    /// The run folder; empty on other ranks than 0.
    package let folder: String
    /// Seconds of training, those before a resume included.
    package let seconds: Double
  }

  private let setup: RunSetup
  private let start: StartingPoint
  private let normalization: Normalization
  private let ranks: ProcessGroup
  private let engine: TrainingEngine
  /// Of the weights; nil: none is kept.
  private let average: WeightAverage?
  private let timelineFile: TimelineFile?
  private let clock: TrainingClock
  private let features: RunFeatures
  /// Evaluates images of the tests' size.
  private let tested: Replica
  private let trainer: Trainer
  private let evaluation: ClassificationPass
  private let evaluator: EpochEvaluator
  /// Nil where the test images are evaluated after each epoch.
  private let finalTest: FinalTest?
  /// What the last test says of each image.
  private let outcomes: ImageOutcomes
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
  ///   - program: which resnet-dist this is, for the logs.
  ///   - console: where rank 0 reports.
  /// - Throws: `CollectiveFailure`.
  package init(
    _ requested: TrainingConfiguration, resume: ResumePoint?, ranks: ProcessGroup,
    began: Double = MonotonicClock.now, program: String, console: any Console
  ) throws {
    let setup = try RunSetup(requested, resume: resume?.checkpoint, ranks: ranks)
    let (configuration, data) = (setup.configuration, setup.data)
    timelineFile = try configuration.run.timeline.map { try TimelineFile(path: $0, ranks: ranks) }
    timelineFile?.timeline.begin()
    let network = setup.cached.network(setup.architecture)
    engine = try TrainingEngine(
      network,
      smaller: setup.phases.dropLast().map(\.architecture)
        + (setup.cached.training ? [network.classifierAlone] : []), setup.division,
      options: .init(configuration, threads: setup.threads), group: ranks,
      timeline: timelineFile?.timeline)
    start = try StartingPoint(
      configuration, resume: resume, engine: engine, images: setup.images,
      shape: data.inputShape, timeline: setup.timeline, ranks: ranks
    ) { file, replica in
      let classes = file.classes ?? replica.architecture.classes
      let isNew =
        configuration.network.newClassifier || classes != replica.architecture.classes
      try file.load(into: replica, newClassifier: isNew)
      return isNew ? classes : nil
    }
    let normalization =
      try start.normalization
      ?? Preprocessing.make(
        configuration, source: data.train, transform: data.testTransform, ranks: ranks)
    try ranks.together { try setup.check(normalization) }
    let clock = TrainingClock(earlier: start.seconds)
    report = try ranks.onFirst { [start] in
      let files = try RunFiles(setup.description, start: start)
      return RunReport(
        files: files, console: console, bar: ProgressBar(console: console),
        status: try StatusReporter(
          setup.description, start: start, folder: files.folder, clock: clock, ranks: ranks))
    }
    events = try EventLogger(
      folder: report?.files.folder, ranks: ranks, threads: setup.threads, program: program)
    average = configuration.weightAverage(setup.timeline).map { [engine] in
      WeightAverage($0, of: engine.replica)
    }
    if let average { try start.loadAverage(average, engine: engine, ranks: ranks) }
    let preprocessing = Preprocessing.tensors(normalization, shape: data.inputShape)
    let writer = report.map { [engine, average] in
      CheckpointWriter(
        $0.files, StateSnapshot(engine, average: average, preprocessing: preprocessing))
    }
    stop = StopMonitor(
      configuration.run, began: began, isFirst: ranks.isFirst,
      stallLimits: engine.rankProgress.limits, writer: writer,
      firstEvaluation: EvaluationEstimate(
        images: data.evaluation.count, batchSize: configuration.parallel.batchSize,
        share: EvaluationEstimate.classifierShare))
    report?.status.writer = writer
    self.clock = clock
    features = try RunFeatures(setup, ranks: ranks)
    let evaluationReplica = { [engine] (architecture: Architecture) in
      Replica(
        architecture, evaluation: setup.division.layout, threads: setup.threads,
        exchange: engine.statistics, sharing: engine.replica)
    }
    tested =
      data.hasOwnTestSize
      ? evaluationReplica(setup.cached.network(setup.testArchitecture)) : engine.replica
    let evaluator = { [engine, tested, ranks] (source: any ImageSource, cache: FeatureCache?) in
      if let cache {
        let classifier = evaluationReplica(network.classifierAlone)
        return Evaluator(
          classifier, images: source.count, exchange: engine.statistics, ranks: ranks,
          rankProgress: engine.rankProgress
        ) {
          cache.loader(
            .sequential, classifier.evaluationLayout, steps: $0,
            targets: classifier.architecture.targetLayouts)
        }
      }
      return Evaluator(
        tested, source: source, normalization: normalization,
        transform: data.testTransform, workers: configuration.parallel.workers,
        exchange: engine.statistics, ranks: ranks, rankProgress: engine.rankProgress)
    }
    outcomes = ImageOutcomes(classes: setup.architecture.classes, label: data.test.label(at:))
    evaluation = ClassificationPass(
      evaluator(data.evaluation, features.evaluation),
      split: data.validation == nil ? .test : .validation,
      outcomes: data.validation == nil ? outcomes : nil)
    self.evaluator = EpochEvaluator(
      evaluation, average: average, interval: configuration.run.evaluateEvery,
      timeline: setup.timeline, clock: clock, stop: stop, report: report)
    finalTest =
      data.validation == nil
      ? nil
      : FinalTest(
        evaluator: evaluator(data.test, nil), select: configuration.run.select,
        replica: engine.replica, average: average,
        ranks: ranks, outcomes: outcomes, report: report)
    reporter = MetricsReporter(
      ClassificationFigures(configuration, setup.timeline), configuration,
      timeline: setup.timeline, clock: clock, ranks: ranks, report: report)
    saver = CheckpointSaver(
      engine, average: average, clock: clock, ranks: ranks, writer: writer,
      state: setup.checkpointState)
    let verifier = ReplicaVerifier(
      engine, interval: configuration.run.verifyEvery, ranks: ranks)
    let observers: [(any TrainingObserver)?] = [verifier, reporter, saver, report?.status, events]
    trainer = Trainer(
      engine, average: average, phases: setup.phases.map(\.steps),
      begin: { [engine, features] phase, step in
        let loader = setup.loader(
          normalization, setup.phases[phase], afterSteps: step, features: features.training)
        engine.use(input: loader.shape)
        return loader
      }, totals: { $1.add(ClassificationHead.metrics($0)) }, timeline: setup.timeline,
      checkpointEvery: configuration.run.checkpointEvery, progress: start.progress,
      evaluator: self.evaluator, stop: stop, ranks: ranks,
      observers: observers.compactMap(\.self))
    (self.setup, self.ranks, self.normalization) = (setup, ranks, normalization)
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
    _ = try clock.pause {
      try features.fill(engine, tested: tested, normalization, stop: stop, report: report)
    }
    reporter.writeHeader()
    guard try trainer.run() else {
      throw CollectiveFailure(
        onEveryRank: try stop.stopped(
          trainer.progress, of: setup.timeline, report: report, ranks: ranks))
    }
    try evaluator.finish(trainer.progress)
    let last = evaluation.totals
    let digest = saver.parametersSHA256(trainer.progress)
    let averageDigest = average?.withAveragedWeights { engine.replica.parametersSHA256 }
    let frozen = start.frozenSHA256.map { before in
      FrozenDigest(before: before, after: engine.replica.frozenSHA256 ?? "")
    }
    let outcome = Outcome(
      model: setup.architecture.name,
      test: try finalTest?.run(trainer.progress) ?? last,
      validation: finalTest == nil ? nil : last, best: trainer.progress.best,
      parametersSHA256: digest,
      frozen: frozen, averageSHA256: averageDigest,
      folder: report?.files.folder.path ?? "", seconds: clock.total.seconds)
    let predictions = try TestPredictions(
      outcomes, of: setup.data.test, ranks: ranks.control)
    try ranks.onFirst {
      guard let report else { return }
      try report.files.folder.write(predictions)
      try report.files.folder.writeResult(json: outcome.json)
      if setup.configuration.run.writesReport { try report.files.folder.writeReport() }
      try TrainingSummary.writeCurves(outcome.folder, to: report.console)
      TrainingSummary.writeResult(outcome, to: report.console)
      if setup.configuration.run.writesReport {
        report.console.writeLine(
          "curves, mistakes and settings: \(report.files.folder.reportPath)")
      }
    }
    return outcome
  }

  /// Shows what is about to run.
  private func writeSummary() {
    guard let report else { return }
    let folder = report.files.folder
    TrainingSummary(
      setup, engine.replica, start: start, ranks: ranks, folder: folder.path
    ).write(to: report.console)
    for note in ResumeNotes.lines(
      setup.configuration, images: setup.data.train.count, setup.timeline, start)
    {
      report.console.writeLine(note)
      events.note(note)
    }
    for note in setup.configuration.notesOfUnreachedMilestones(setup.timeline) {
      report.console.writeLine(note)
    }
    if let note = PrecisionNote.line(setup.configuration.network.precision) {
      report.console.writeLine(note)
    }
    if let note = start.source?.note(normalization, shape: setup.data.inputShape) {
      report.console.writeLine(note)
    }
    folder.writeLockNote(to: report.console)
  }
}
