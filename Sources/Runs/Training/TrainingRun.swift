/// A whole training run: everything checked and set up on all ranks, then trained, then reported.

import Console
import Datasets
import Distributed
import Evaluation
import Kernels
import MPI
import Networks
import Settings

/// One `resnet-dist train`.
package final class TrainingRun {
  /// How a run ended.
  package struct Outcome {
    package let test: EpochTotals
    package let parametersSHA256: String
    /// The run folder.
    package let folder: String
    /// Seconds of training, earlier parts of a resumed run included.
    package let seconds: Double
  }

  private let ranks: ProcessGroup
  private let engine: TrainingEngine
  private let timelineFile: TimelineFile?
  private let watchdog: StallWatchdog?
  private let trainer: Trainer
  private let recorder: RunRecorder

  /// Sets up a run on all ranks; nothing is written before everything has been checked.
  ///
  /// - Parameters:
  ///   - requested: the same on every rank.
  ///   - resume: a run folder or a checkpoint in one, to go on from.
  ///   - console: where the first rank reports.
  /// - Throws: `CollectiveFailure`.
  package init(
    _ requested: TrainingConfiguration, resume: String?, ranks: ProcessGroup, console: any Console
  ) throws {
    try ranks.agree(
      on: requested.values + [
        ("resume", resume ?? "not given"), ("OpenBLAS's kernels", MatrixProduct.coreName),
        ("the kernels' instruction set", ProcessorTarget.instructionSet),
      ])
    var configuration = requested
    let data = try ranks.together { try TrainingData(requested) }
    try ranks.agree(on: [
      ("training images", data.train.fingerprint), ("test images", data.test.fingerprint),
    ])
    let shards = requested.shards(ranks: ranks.count)
    configuration.shards = shards
    let (architecture, division) = try ranks.together {
      let architecture = try requested.architecture(
        classes: data.train.classCount, input: data.inputShape)
      let layout = try requested.partLayout(ranks: ranks.count, rank: ranks.rank)
      return (
        architecture,
        try StatisticsDivision(layout, imagesPerGroup: requested.normalizationGroup)
      )
    }
    configuration.resolve(architecture)
    configuration = configuration.withResolvedNormalization(for: data.train)
    timelineFile = try configuration.timeline.map { try TimelineFile(path: $0, ranks: ranks) }
    timelineFile?.timeline.begin()
    let engine = try TrainingEngine(
      architecture, division,
      options: .init(configuration, threads: try ranks.threadsPerRank()), group: ranks,
      timeline: timelineFile?.timeline)
    let training = division.layout

    let timeline = TrainingTimeline(configuration, images: data.train.count)
    let start = try StartingPoint(
      configuration, resume: resume, engine: engine, data: data, timeline: timeline, ranks: ranks)
    let progress = start.progress
    let normalization =
      try start.normalization
      ?? Preprocessing.make(
        configuration, source: data.train, transform: data.testTransform, ranks: ranks)
    let loader = BatchLoader(
      source: data.train, normalization: normalization,
      transform: data.trainTransform,
      order: .shuffled(seed: configuration.seed), batchSize: training.capacity,
      localRange: training.localPositions,
      steps: progress.step * configuration.accumulate..<max(timeline.steps, progress.step)
        * configuration.accumulate,
      badImages: configuration.images.badImages, workers: configuration.workers)
    let evaluator = Evaluator(
      engine.replica, source: data.test, normalization: normalization,
      transform: data.testTransform,
      workers: configuration.workers, exchange: engine.statistics,
      rankProgress: engine.rankProgress)
    self.ranks = ranks
    self.engine = engine
    watchdog =
      configuration.stallTimeout == 0
      ? nil
      : StallWatchdog(engine.rankProgress, group: ranks, timeout: configuration.stallTimeout)
    recorder = try RunRecorder(
      configuration, start: start, engine: engine, data: data,
      preprocessing: Preprocessing.tensors(normalization, shape: data.inputShape),
      timeline: timeline, evaluator: evaluator, ranks: ranks, console: console)
    trainer = Trainer(
      engine, loader: loader, timeline: timeline, checkpointEvery: configuration.checkpointEvery,
      progress: progress, observer: recorder)
  }

  /// Trains to the end, evaluates and reports.
  package func train() throws -> Outcome {
    try ranks.endTogether {
      watchdog?.begin()
      defer { watchdog?.end() }
      try recorder.begin()
      try trainer.run()
      let outcome = try recorder.finish(trainer.progress)
      engine.rankProgress.move(to: .ended)
      try timelineFile?.write(engine.rankProgress, ranks: ranks)
      return outcome
    }
  }
}
