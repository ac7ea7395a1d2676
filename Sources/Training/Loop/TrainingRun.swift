/// A whole training run: everything checked and set up on all ranks, then trained, then reported.

import Datasets
import Kernels
import MPI
import Networks

/// One `resnet-dist train`.
public final class TrainingRun {
  /// How a run ended.
  public struct Outcome {
    public let test: EpochTotals
    public let parametersSHA256: String
    /// The run folder.
    public let folder: String
    /// Seconds of training, earlier parts of a resumed run included.
    public let seconds: Double
  }

  private let ranks: Ranks
  private let replica: Replica
  private let whereabouts: Whereabouts
  private let doctor: HangDoctor?
  private let trainer: Trainer
  private let recorder: RunRecorder

  /// Sets up a run on all ranks; nothing is written before everything has been checked.
  ///
  /// - Parameters:
  ///   - requested: the same on every rank.
  ///   - resume: a run folder or a checkpoint in one, to go on from.
  ///   - console: where the first rank reports.
  /// - Throws: `CollectiveFailure`.
  public init(
    _ requested: TrainingConfiguration, resume: String?, ranks: Ranks, console: any Console
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
    let (architecture, training, evaluation, division) = try ranks.together {
      let architecture = try requested.architecture(
        classes: data.train.classCount, input: data.inputShape)
      let part = try requested.partLayout(ranks: ranks.count, rank: ranks.rank)
      return (
        architecture, part, part,
        try StatisticsDivision(part, imagesPerGroup: requested.normalizationGroup)
      )
    }
    configuration.resolve(architecture)
    configuration = configuration.withResolvedNormalization(for: data.train)
    let exchange = try ranks.statisticsExchange(division, architecture)
    let threads = try requested.threads ?? ThreadAllocation.threads(local: ranks.local)
    let whereabouts = try ranks.makeWhereabouts()
    exchange.whereabouts = whereabouts
    whereabouts.timeline = try configuration.timeline.map { try Timeline(path: $0, ranks: ranks) }
    let reduction = try ranks.gradientReduction(
      configuration, training, GradientExtent(ParameterLayout(architecture)),
      whereabouts: whereabouts)
    let replica = Replica(
      architecture, training: training, evaluation: evaluation, threads: threads,
      division: division, exchange: exchange, gradients: reduction.memory,
      labelSmoothing: configuration.labelSmoothing)
    replica.observers = [whereabouts, reduction]
    exchange.idle = { try reduction.advance() }

    let start = try StartingPoint(
      configuration, resume: resume, replica: replica, data: data, ranks: ranks)
    let normalization =
      try start.normalization
      ?? Preprocessing.make(
        configuration, source: data.train, transform: data.testTransform, ranks: ranks)
    let timeline = TrainingTimeline(configuration, images: data.train.count)
    let progress = start.progress(on: timeline)
    let loader = BatchLoader(
      source: data.train, normalization: normalization,
      transform: data.trainTransform,
      order: .shuffled(seed: configuration.seed), batchSize: training.capacity,
      localRange: training.localPositions,
      steps: progress.step * configuration.accumulate..<max(timeline.steps, progress.step)
        * configuration.accumulate,
      badImages: configuration.images.badImages, workers: configuration.workers)
    let evaluator = Evaluator(
      replica, source: data.test, normalization: normalization, transform: data.testTransform,
      workers: configuration.workers, exchange: exchange, whereabouts: whereabouts)
    self.ranks = ranks
    self.replica = replica
    self.whereabouts = whereabouts
    doctor =
      configuration.stallTimeout == 0
      ? nil
      : HangDoctor(
        whereabouts, layerNames: replica.trainingLayers.map(\.name), communicator: ranks.control,
        timeout: configuration.stallTimeout)
    recorder = try RunRecorder(
      configuration, start: start, replica: replica, data: data,
      preprocessing: Preprocessing.tensors(normalization, shape: data.inputShape),
      timeline: timeline, evaluator: evaluator, ranks: ranks, console: console,
      whereabouts: whereabouts)
    trainer = Trainer(
      replica, reduction: reduction,
      metrics: ClassificationExchange(exchange, training), loader: loader,
      timeline: timeline, configuration: configuration, progress: progress, observer: recorder,
      whereabouts: whereabouts)
  }

  private func writeTimeline() throws {
    whereabouts.move(to: .ended)
    try whereabouts.timeline?.write(
      layerNames: replica.trainingLayers.map(\.name), ranks: ranks)
  }

  /// Trains to the end, evaluates and reports.
  public func train() throws -> Outcome {
    try ranks.endTogether {
      doctor?.begin()
      defer { doctor?.end() }
      try recorder.begin()
      try trainer.run()
      let outcome = try recorder.finish(trainer.progress)
      try writeTimeline()
      return outcome
    }
  }
}
