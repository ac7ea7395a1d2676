/// What a run is made of before anything is built: settings, data and network, the same on all ranks.

import Datasets
import Distributed
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
  /// Of training.
  let images: ImageIdentity
  /// For the training images at the run's end, the largest.
  var architecture: Architecture { phases[phases.count - 1].architecture }
  /// For the test images.
  let testArchitecture: Architecture
  /// Of a micro-batch.
  let division: NormalizationGroups
  /// Logical shards of the mini-batch.
  let shards: Int
  let timeline: TrainingTimeline
  let phases: [TrainingPhase]
  /// Whose features are computed once.
  let cached: CachedSplits
  /// Of this rank.
  let memory: MemoryNeed

  /// Opens the data and checks the settings. Collective.
  ///
  /// - Parameters:
  ///   - requested: the same on every rank.
  ///   - resume: a run folder or a checkpoint in one.
  /// - Throws: `CollectiveFailure`.
  init(_ requested: TrainingConfiguration, resume: String?, ranks: ProcessGroup) throws {
    try ranks.agree(on: requested, resume: resume)
    let data = try ranks.together {
      if requested.network.transfer != nil, resume == nil, requested.network.weights == nil {
        throw TransferError.withoutWeights
      }
      try requested.checkRates()
      return try TrainingData(requested)
    }
    images = ImageIdentity(data.train)
    try ranks.agree(on: "training", images)
    try ranks.agree(on: "test", ImageIdentity(data.test))
    let timeline = TrainingTimeline(requested, images: data.train.count)
    threads = try requested.threads(on: ranks)
    let phases: [TrainingPhase]
    (phases, testArchitecture, division) = try ranks.together { [threads] in
      let division = try requested.division(on: ranks, threads: threads)
      let phases = try TrainingPhase.all(requested, data, timeline)
      let architecture = phases.last!.architecture
      for source in [data.train, data.evaluation, data.test] {
        try source.check(targets: architecture.targetLayouts)
      }
      return (
        phases,
        try requested.architecture(classes: data.train.classCount, input: data.testShape),
        division
      )
    }
    (self.phases, self.timeline) = (phases, timeline)
    let architecture = phases.last!.architecture
    shards = requested.shards(ranks: ranks.count)
    var configuration = requested
    configuration.parallel.shards = shards
    configuration.resolve(architecture)
    configuration = configuration.withResolvedNormalization(for: data.train)
    self.configuration = configuration
    var derived = configuration.withDerivedImages(data.train.imageShape)
    derived.parallel.threads = threads
    derived.optimizer.normalizationWeightDecay = configuration.optimizer.appliedNormalizationDecay
    derivedConfiguration = derived
    self.data = data
    let options = TrainingEngine.Options(configuration, threads: threads)
    var memory = TrainingEngine.memory(architecture, division, options: options)
    // Activations of all training sizes take turns in one memory, the largest's.
    for phase in phases.dropLast() {
      memory.activations = max(
        memory.activations,
        TrainingEngine.memory(phase.architecture, division, options: options).activations)
    }
    if data.hasOwnTestSize {
      let test = MemoryNeed(
        testArchitecture, training: nil, evaluation: division.layout, threads: threads)
      // Those of larger test images do not fit into it.
      memory.activations += test.activations > memory.activations ? test.activations : 0
    }
    // Training images wait while test images are loaded.
    memory.images =
      2
      * BatchLoader.bytes(
        images: division.layout.localPositions.count, shape: data.inputShape,
        targets: architecture.targetLayouts)
    if configuration.optimizer.averageDecay != nil {
      memory.parameters += WeightAverage.bytes(ParameterLayout(architecture))
    }
    if ranks.isFirst {
      memory.parameters += StateSnapshot.bytes(
        ParameterLayout(architecture), options.optimizer,
        hasAverage: configuration.optimizer.averageDecay != nil)
    }
    var cached = try ranks.together { try CachedSplits(configuration, phases) }
    memory.features = try cached.bytes(data, shape: architecture.features, ranks: ranks)
    if configuration.network.featureCaching == .auto, !(try ranks.hasMemory(for: memory)) {
      cached = CachedSplits()
      memory.features = 0
    }
    self.cached = cached
    self.memory = memory
    try ranks.checkMemory(
      memory,
      remedy: (cached.isEmpty ? "" : "--cache-features off, or ")
        + "a smaller --batch-size, or keep it and train it in micro-batches with --accumulate")
  }

  /// Whether images of all sizes of the run can be normalized.
  ///
  /// - Throws: `ImageSizeError`.
  func check(_ normalization: Normalization) throws(ImageSizeError) {
    guard case .perPixel = normalization.mean else { return }
    let shapes = phases.map(\.architecture.input) + [data.testShape]
    if let other = shapes.first(where: { $0 != data.inputShape }) {
      throw .meanImage(training: data.inputShape, other: other)
    }
  }

  /// What the run's files and logs say of it.
  var description: RunDescription {
    RunDescription(
      configuration: configuration, derivedConfiguration: derivedConfiguration,
      model: architecture.name, dataset: configuration.data.dataset.rawValue, threads: threads,
      timeline: timeline, evaluationSplit: data.validation == nil ? .test : .validation)
  }

  /// Where a run is that is at `progress`, without the digest of the parameters.
  ///
  /// - Parameter seconds: of training so far.
  func checkpointState(_ progress: TrainingProgress, seconds: Double) -> CheckpointState {
    let input = data.testShape
    let isSquare = input.height == input.width
    let testResize = derivedConfiguration.data.testResize
    var state = description.checkpointState(
      progress, architecture, classes: architecture.classes, shards: shards,
      classNames: data.train.classNames,
      inputSide: isSquare ? input.height : nil, testResize: testResize,
      interpolation: testResize == nil ? nil : configuration.data.interpolation.rawValue,
      images: images, seconds: seconds)
    if !isSquare { (state.inputHeight, state.inputWidth) = (input.height, input.width) }
    return state
  }

  /// This rank's micro-batches of a phase after `step` steps of the run.
  ///
  /// - Parameter features: of the training images; nil: the network sees the images.
  func loader(
    _ normalization: Normalization, _ phase: TrainingPhase, afterSteps step: Int,
    features: FeatureCache?
  ) -> any TrainingBatches & BatchSource {
    let microBatches = configuration.parallel.accumulate
    let order = SampleOrder.shuffled(
      seed: configuration.run.seed, repetition: configuration.sampleRepetition)
    let steps = step * microBatches..<max(phase.steps.upperBound, step) * microBatches
    if let features {
      return features.loader(
        order, division.layout, microBatches: microBatches, steps: steps,
        targets: architecture.targetLayouts)
    }
    return BatchLoader(
      source: data.train, normalization: normalization, transform: phase.transform, order: order,
      batchSize: division.layout.capacity, localRange: division.layout.localPositions,
      steps: steps, targets: architecture.targetLayouts, mixing: configuration.mixing,
      microBatches: microBatches, badImages: configuration.data.badImages,
      workers: configuration.parallel.workers)
  }
}
