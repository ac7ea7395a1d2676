/// What happens at a run's steps beside training: figures shown and logged, evaluations, checkpoints.

import Console
import Datasets
import Distributed
import Evaluation
import Networks
import Optimizers
import Settings

/// Observes a run on every rank; only the first writes files and speaks.
final class RunRecorder: TrainingObserver {
  private let configuration: TrainingConfiguration
  private let start: StartingPoint
  private let replica: Replica
  private let optimizer: Optimizer
  private let data: TrainingData
  private let preprocessing: [StateTensor]
  private let timeline: TrainingTimeline
  private let evaluator: Evaluator
  private let ranks: ProcessGroup
  private let console: any Console
  private let rankProgress: RankProgress
  private let bar: ProgressBar
  private let table: EpochTable

  /// The first rank's; nil on the others.
  private let files: RunFiles?

  private let clock = ContinuousClock()
  private let began: ContinuousClock.Instant
  /// Time spent in evaluations and saving, which is not training.
  private var pauses = Duration.zero
  /// Where the present epoch and metrics line began: training time and images.
  private var epochStart = Duration.zero
  private var lineStart = Duration.zero
  private var epochImages = 0
  private var evaluated: (step: Int, totals: EpochTotals)?
  private var saved: (step: Int, sha256: String)?

  init(
    _ configuration: TrainingConfiguration, start: StartingPoint, engine: TrainingEngine,
    data: TrainingData, preprocessing: [StateTensor],
    timeline: TrainingTimeline, evaluator: Evaluator, ranks: ProcessGroup, console: any Console
  ) throws {
    rankProgress = engine.rankProgress
    self.configuration = configuration
    self.start = start
    replica = engine.replica
    optimizer = engine.optimizer
    self.data = data
    self.preprocessing = preprocessing
    self.timeline = timeline
    self.evaluator = evaluator
    self.ranks = ranks
    self.console = console
    bar = ProgressBar(console: console)
    table = EpochTable(epochs: timeline.epochs, steps: timeline.steps)
    files = try ranks.onFirst {
      FileSizeSignal.ignore()
      return try RunFiles(configuration, start: start)
    }
    began = clock.now
  }

  /// Training time of this process.
  private var elapsed: Duration { clock.now - began - pauses }

  /// Shows what is about to run.
  func begin() throws {
    guard let folder = files?.folder else { return }
    let summary = TrainingSummary(
      configuration: configuration, architecture: replica.architecture, data: data,
      layout: replica.trainingLayout, localRanks: ranks.local.size, hosts: ranks.hosts,
      threads: replica.threads,
      workers: configuration.workers, timeline: timeline,
      learningRateSchedule: start.progress.schedule, arenaBytes: replica.arenaBytes,
      folder: folder.path,
      resumedFrom: start.checkpoint.map { ($0, start.step) })
    summary.write(to: console)
    if !folder.isExclusive {
      console.writeLine(
        "note: this file system has no locks, so a second run in the same folder is not noticed")
    }
    table.writeHeader(to: console)
    beginEpoch(start.progress)
  }

  func didStep(_ progress: TrainingProgress, learningRate: Double) throws {
    let images = configuration.batchSize
    epochImages += images
    let badImages =
      configuration.images.badImages == .skip && progress.step == progress.endOfEpoch
      ? try BadImageReport(progress.badImages, ranks: ranks) : nil
    guard let files else { return }
    let total = progress.epochTotals
    bar.update(
      completed: progress.step - epochFirstStep, images: epochImages, loss: total.meanLoss,
      error: total.top1Error)
    if progress.step % TrainingProgress.loggingInterval == 0 || progress.step == progress.endOfEpoch
    {
      let now = elapsed
      let logged = progress.loggedTotals
      try files.append(
        MetricsRecord(
          step: progress.step, epoch: epoch(progress), split: .train, loss: logged.meanLoss,
          top1Error: logged.top1Error, top5Error: logged.top5Error, learningRate: learningRate,
          imagesPerSecond: rate(logged.images, now - lineStart),
          seconds: start.seconds + now.seconds, badImages: badImages?.count))
      lineStart = now
    }
    if let text = badImages?.text {
      bar.finish()
      console.writeLine(text)
    }
  }

  func didFinishEpoch(_ progress: TrainingProgress, learningRate: Double) throws -> Double? {
    let training = elapsed - epochStart
    let epoch = epoch(progress)
    let isLast = progress.step == timeline.steps
    if isLast || epoch % configuration.evaluateEvery == 0 {
      try evaluate(progress, learningRate: learningRate)
    }
    let test = evaluated?.step == progress.step ? evaluated?.totals : nil
    bar.finish()
    if files != nil {
      table.write(
        EpochTable.Row(
          epoch: epoch, step: progress.step, learningRate: learningRate,
          trainLoss: progress.epochTotals.meanLoss, trainError: progress.epochTotals.top1Error,
          testLoss: test?.meanLoss, testError: test?.top1Error,
          imagesPerSecond: rate(epochImages, training),
          time: .seconds(start.seconds) + elapsed), to: console)
    }
    if !isLast {
      var next = progress
      next.endOfEpoch = timeline.endOfEpoch(afterSteps: progress.step)
      beginEpoch(next)
    }
    return test?.top1Error
  }

  private var epochFirstStep = 0

  private func beginEpoch(_ progress: TrainingProgress) {
    epochFirstStep = progress.step
    epochImages = 0
    epochStart = elapsed
    guard files != nil else { return }
    bar.begin(
      "epoch \(epoch(progress, ending: false))/\(timeline.epochs)",
      total: progress.endOfEpoch - progress.step)
  }

  /// The epoch, counted from 1, that ends or goes on at this step.
  private func epoch(_ progress: TrainingProgress, ending: Bool = true) -> Int {
    timeline.epoch(afterSteps: ending ? progress.step - 1 : progress.step) + 1
  }

  private func evaluate(_ progress: TrainingProgress, learningRate: Double) throws {
    let before = clock.now
    let speaks = files != nil
    if speaks {
      bar.begin("test \(epoch(progress))/\(timeline.epochs)", total: evaluator.batches)
    }
    let totals = try evaluator.evaluate { done in
      if speaks {
        bar.update(completed: done, images: done * replica.evaluationLayout.capacity)
      }
    }
    let duration = clock.now - before
    pauses += duration
    evaluated = (progress.step, totals)
    try files?.append(
      MetricsRecord(
        step: progress.step, epoch: epoch(progress), split: .test, loss: totals.meanLoss,
        top1Error: totals.top1Error, top5Error: totals.top5Error, learningRate: learningRate,
        imagesPerSecond: rate(totals.images, duration), seconds: start.seconds + elapsed.seconds))
  }

  private func rate(_ images: Int, _ duration: Duration) -> Double {
    duration.seconds > 0 ? Double(images) / duration.seconds : 0
  }

  func shouldSave(_ progress: TrainingProgress) throws {
    rankProgress.move(to: .saving)
    let before = clock.now
    defer { pauses += clock.now - before }
    let isFinite =
      replica.parameters.allSatisfy(\.isFinite) && replica.runningStatistics.allSatisfy(\.isFinite)
    guard isFinite else {
      throw CollectiveFailure(onEveryRank: ParametersNotFinite(step: progress.step))
    }
    let seconds = start.seconds + elapsed.seconds
    try ranks.onFirst {
      guard let files else { return }
      let state = checkpointState(progress, seconds: seconds)
      try files.save(
        state, replica: replica, optimizer: optimizer, preprocessing: preprocessing)
      saved = (progress.step, state.parametersSHA256)
    }
  }

  private func checkpointState(_ progress: TrainingProgress, seconds: Double) -> CheckpointState {
    CheckpointState(
      model: replica.architecture.name, shortcut: configuration.shortcut?.rawValue,
      stridePlacement: replica.architecture.stride?.rawValue,
      classes: replica.architecture.classes, classNames: data.train.classNames,
      step: progress.step, epoch: timeline.epoch(afterSteps: progress.step),
      batchSize: configuration.batchSize,
      shards: configuration.shards ?? replica.trainingLayout.shards,
      seed: configuration.seed, optimizer: configuration.optimizer.rawValue,
      dataset: data.train.fingerprint,
      schedule: progress.schedule.state.isEmpty ? nil : progress.schedule.state,
      epochTotals: progress.epochTotals, loggedTotals: progress.loggedTotals,
      parametersSHA256: replica.parametersSHA256, seconds: seconds)
  }

  /// Tells the result; by now the last step's checkpoint and evaluation are done.
  func finish(_ progress: TrainingProgress) throws -> TrainingRun.Outcome {
    if evaluated?.step != progress.step {
      try evaluate(progress, learningRate: progress.schedule.rate(afterSteps: progress.step))
      bar.finish()
    }
    let test = evaluated!.totals
    let sha256 =
      saved?.step == progress.step
      ? saved!.sha256 : replica.parametersSHA256
    let outcome = TrainingRun.Outcome(
      test: test, parametersSHA256: sha256, folder: files?.folder.path ?? "",
      seconds: start.seconds + elapsed.seconds)
    if files != nil { TrainingSummary.writeResult(outcome, to: console) }
    return outcome
  }
}

/// Parameters are no longer numbers, so no checkpoint is written of them.
struct ParametersNotFinite: Error, CustomStringConvertible {
  let step: Int

  var description: String {
    "parameters hold NaN or infinite values after step \(step): training has diverged. No "
      + "checkpoint was written; use a smaller --lr, or resume from the last checkpoint with one"
  }
}
