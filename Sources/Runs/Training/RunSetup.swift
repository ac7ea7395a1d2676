/// What a run is made of before anything is built: settings, data and network, the same on all ranks.

import Datasets
import Distributed
import Kernels
import Networks
import Settings

/// A checked run: nothing has been written, and no large memory taken.
struct RunSetup {
  /// With what the data and the network decide filled in, so that `config.yaml` says it.
  let configuration: TrainingConfiguration
  let data: TrainingData
  let architecture: Architecture
  /// Of a micro-batch.
  let division: NormalizationGroups
  /// Logical shards of the mini-batch.
  let shards: Int
  let timeline: TrainingTimeline

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
    let data = try ranks.together { try TrainingData(requested) }
    try ranks.agree(on: [
      ("training images", data.train.fingerprint), ("test images", data.test.fingerprint),
    ])
    (architecture, division) = try ranks.together {
      let layout = try requested.partLayout(ranks: ranks.count, rank: ranks.rank)
      return (
        try requested.architecture(classes: data.train.classCount, input: data.inputShape),
        try NormalizationGroups(layout, imagesPerGroup: requested.normalizationGroup)
      )
    }
    shards = requested.shards(ranks: ranks.count)
    var configuration = requested
    configuration.shards = shards
    configuration.resolve(architecture)
    self.configuration = configuration.withResolvedNormalization(for: data.train)
    self.data = data
    timeline = TrainingTimeline(configuration, images: data.train.count)
  }

  /// This rank's micro-batches from `progress` to the run's end.
  func loader(_ normalization: Normalization, from progress: TrainingProgress) -> BatchLoader {
    let microBatches = configuration.accumulate
    return BatchLoader(
      source: data.train, normalization: normalization, transform: data.trainTransform,
      order: .shuffled(seed: configuration.seed), batchSize: division.layout.capacity,
      localRange: division.layout.localPositions,
      steps: progress.step * microBatches..<max(timeline.steps, progress.step) * microBatches,
      badImages: configuration.images.badImages, workers: configuration.workers)
  }
}
