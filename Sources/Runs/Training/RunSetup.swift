/// What a run is made of before anything is built: settings, data and network, the same on all ranks.

import Datasets
import Distributed
import Kernels
import Networks
import Optimizers
import Settings

/// A checked run: nothing has been written, and no large memory taken.
struct RunSetup {
  /// With what the data and the network decide filled in, so that `config.yaml` says it.
  let configuration: TrainingConfiguration
  /// The same with all that follows from it and from this launch.
  let derivedConfiguration: TrainingConfiguration
  /// Of each rank.
  let threads: Int
  let data: TrainingData
  let architecture: Architecture
  /// Of a micro-batch.
  let division: NormalizationGroups
  /// Logical shards of the mini-batch.
  let shards: Int
  let timeline: TrainingTimeline
  /// Of this rank.
  let memory: MemoryNeed

  /// Opens the data and checks the settings. Collective.
  ///
  /// - Parameters:
  ///   - requested: the same on every rank.
  ///   - resume: a run folder or a checkpoint in one.
  /// - Throws: `CollectiveFailure`.
  init(_ requested: TrainingConfiguration, resume: String?, ranks: ProcessGroup) throws {
    try ranks.agree(
      on: requested.values + [
        ("resume", resume ?? "not given"), ("OpenBLAS's kernels", MatrixProduct.coreName),
        ("the kernels' instruction set", ProcessorTarget.instructionSet),
      ])
    let data = try ranks.together {
      if requested.network.transfer != nil, resume == nil, requested.network.weights == nil {
        throw TransferError.withoutWeights
      }
      return try TrainingData(requested)
    }
    try ranks.agree(on: [
      ("training images", data.train.fingerprint), ("test images", data.test.fingerprint),
    ])
    (architecture, division) = try ranks.together {
      let layout = try requested.microBatchLayout(ranks: ranks.count, rank: ranks.rank)
      let architecture = try requested.architecture(
        classes: data.train.classCount, input: data.inputShape)
      for source in [data.train, data.evaluation, data.test] {
        try source.check(targets: architecture.targetLayouts)
      }
      return (
        architecture,
        try NormalizationGroups(layout, imagesPerGroup: requested.parallel.normalizationGroup)
      )
    }
    shards = requested.shards(ranks: ranks.count)
    var configuration = requested
    configuration.parallel.shards = shards
    configuration.resolve(architecture)
    configuration = configuration.withResolvedNormalization(for: data.train)
    self.configuration = configuration
    threads = try configuration.threads(on: ranks)
    var derived = configuration.withDerivedImages(data.train.imageShape)
    derived.parallel.threads = threads
    derived.optimizer.normalizationWeightDecay = configuration.optimizer.appliedNormalizationDecay
    derivedConfiguration = derived
    self.data = data
    timeline = TrainingTimeline(configuration, images: data.train.count)
    var memory = TrainingEngine.memory(
      architecture, division, options: .init(configuration, threads: threads))
    // Training images wait while test images are loaded.
    memory.images =
      2
      * BatchLoader.bytes(
        images: division.layout.localPositions.count, shape: data.inputShape,
        targets: architecture.targetLayouts)
    if configuration.optimizer.averageDecay != nil {
      memory.parameters += WeightAverage.bytes(ParameterLayout(architecture))
    }
    self.memory = memory
    try ranks.checkMemory(
      memory,
      remedy: "a smaller --batch-size, or keep it and train it in micro-batches with --accumulate")
  }

  /// This rank's micro-batches from `progress` to the run's end.
  func loader(_ normalization: Normalization, from progress: TrainingProgress) -> BatchLoader {
    let microBatches = configuration.parallel.accumulate
    return BatchLoader(
      source: data.train, normalization: normalization, transform: data.trainTransform,
      order: .shuffled(seed: configuration.run.seed), batchSize: division.layout.capacity,
      localRange: division.layout.localPositions,
      steps: progress.step * microBatches..<max(timeline.steps, progress.step) * microBatches,
      targets: architecture.targetLayouts, mixing: configuration.augmentation.mixing,
      microBatches: microBatches, badImages: configuration.data.badImages,
      workers: configuration.parallel.workers)
  }
}
