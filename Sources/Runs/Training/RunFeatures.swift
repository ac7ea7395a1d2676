/// The features that a run computes once, where it trains the classifier alone.

import Console
import Datasets
import Distributed
import Evaluation
import Networks
import Settings
import Tensors

/// Which images' features are kept.
struct CachedSplits: Hashable {
  var training = false
  /// Those that epochs are evaluated on.
  var evaluation = false

  var isEmpty: Bool { !training && !evaluation }

  /// What settings, network and images allow.
  ///
  /// - Throws: `FeatureCacheObstacle`, where training images' features are asked for and cannot be kept.
  init(
    _ configuration: TrainingConfiguration, _ phases: [TrainingPhase]
  ) throws(FeatureCacheObstacle) {
    let choice = configuration.network.featureCaching
    if choice == .off { return }
    let obstacle = FeatureCacheObstacle(configuration, phases)
    if choice == .on, let obstacle { throw obstacle }
    training = obstacle == nil
    // Evaluation images are never changed at random.
    evaluation = phases[phases.count - 1].architecture.trainsClassifierAlone
  }

  init() {}

  /// The network that a run is compiled from.
  func network(_ architecture: Architecture) -> Architecture {
    isEmpty ? architecture : architecture.withFeatures
  }

  /// Bytes that this rank takes. Collective.
  func bytes(_ data: TrainingData, shape: ImageShape, ranks: ProcessGroup) throws -> Int {
    try sources(data).reduce(0) { sum, source in
      sum + (try FeatureCache.bytes(source, shape: shape, ranks: ranks))
    }
  }

  private func sources(_ data: TrainingData) -> [any ImageSource] {
    (training ? [data.train] : []) + (evaluation ? [data.evaluation] : [])
  }

  /// In words; nil: none is kept.
  var summary: String? {
    switch (training, evaluation) {
    case (false, false): nil
    case (true, false): "of training images computed once"
    case (false, true): "of evaluated images computed once, of training images in each epoch"
    case (true, true): "computed once; each epoch runs the classifier alone"
    }
  }
}

/// The caches of a run; empty until `fill`.
final class RunFeatures {
  /// Of training images; nil: batches are of images.
  let training: FeatureCache?
  /// Of the images that epochs are evaluated on.
  let evaluation: FeatureCache?
  private let setup: RunSetup
  private let ranks: ProcessGroup

  /// Takes the memory. Collective.
  ///
  /// - Throws: `MPIError`.
  init(_ setup: RunSetup, ranks: ProcessGroup) throws {
    (self.setup, self.ranks) = (setup, ranks)
    let shape = setup.architecture.features
    let cached = setup.cached
    training =
      cached.training ? try FeatureCache(setup.data.train, shape: shape, ranks: ranks) : nil
    evaluation =
      cached.evaluation
      ? try FeatureCache(setup.data.evaluation, shape: shape, ranks: ranks) : nil
  }

  /// Computes all features. Collective, before the first step.
  ///
  /// - Parameters:
  ///   - tested: evaluates images; its last output is the features.
  ///   - stop: is asked after each batch.
  ///   - report: rank 0's.
  /// - Throws: what loading an image throws, `MPIError`, `CollectiveFailure` for `RunStopped`.
  func fill(
    _ engine: TrainingEngine, tested: Replica, _ normalization: Normalization, stop: StopMonitor,
    report: RunReport?
  ) throws {
    let layout = setup.division.layout
    if let training {
      // By the passes of training, so that the classifier reads the bits that it reads without a cache.
      try fill(
        training, "training", setup.phases[0].transform, layout, engine, normalization, stop,
        report
      ) { try engine.replica.forwardPass(images: $0.base, batch: $1) }
    }
    if let evaluation {
      try fill(
        evaluation, "evaluation", setup.data.testTransform, tested.evaluationLayout, engine,
        normalization, stop, report
      ) { images, batch in
        _ = try tested.scoringPass(images: images.base, batch: batch)
        return tested.evaluationFeatures
      }
    }
  }

  private func fill(
    _ cache: FeatureCache, _ split: String, _ transform: ImageTransform, _ layout: ShardLayout,
    _ engine: TrainingEngine, _ normalization: Normalization, _ stop: StopMonitor,
    _ report: RunReport?,
    pass: (_ images: ImageTensor, _ batch: Int) throws -> UnsafeBufferPointer<Float>
  ) throws {
    let batches = FeatureCache.batches(of: cache.source, layout)
    report?.bar.begin("\(split) features", total: batches)
    defer { report?.bar.finish() }
    let loader = BatchLoader(
      source: cache.source, normalization: normalization, transform: transform,
      order: .sequential, batchSize: layout.capacity, localRange: layout.localPositions,
      steps: 0..<batches, workers: setup.configuration.parallel.workers)
    engine.rankProgress.move(to: .evaluating)
    try cache.fill(layout, from: loader, pass: pass) { completed, images in
      engine.rankProgress.move(to: .evaluating, layer: completed)
      report?.bar.update(completed: completed, images: images)
      report?.status.isEvaluating()
      if completed < batches, try stop.isStopped(ranks) {
        throw CollectiveFailure(onEveryRank: try stop.stoppedBeforeTraining(ranks))
      }
    }
  }
}
