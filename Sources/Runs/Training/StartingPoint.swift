/// Where a run starts: He initialization, given weights, or a checkpoint.

import Datasets
import Distributed
import Foundation
import MPI
import Networks
import Optimizers
import Settings
import Tensors

/// The state of all ranks' replicas and optimizers at a run's first step.
struct StartingPoint {
  /// Steps done, the unfinished epoch's sums and the schedule's state.
  let progress: TrainingProgress
  /// The checkpoint's normalization, when resumed.
  let normalization: Normalization?
  /// Seconds of training before this start.
  let seconds: Double
  /// Classes of the classifier of the weights, which a new one took the place of; nil: none did.
  /// Known to rank 0.
  let replacedClasses: Int?
  /// Of the weights that a new run starts from. Known to rank 0.
  let source: SourcePreprocessing?
  /// The digest of the frozen layers; nil where none are.
  let frozenSHA256: String?
  /// What is resumed.
  let resume: ResumePoint?
  /// The configuration that the resumed run had so far. Known to rank 0.
  let earlier: TrainingConfiguration?

  /// Sets the parameters and the optimizer's state on all ranks; only rank 0 reads files.
  ///
  /// - Parameters:
  ///   - images: of training.
  ///   - shape: of the network's input.
  ///   - load: puts the weights that a new run starts from into the replica, and says of how many classes
  ///     the classifier was whose place a new one took, if it did.
  init(
    _ configuration: TrainingConfiguration, resume: ResumePoint?, engine: TrainingEngine,
    images: ImageIdentity, shape: ImageShape, timeline: TrainingTimeline, ranks: ProcessGroup,
    load: (WeightsFile, Replica) throws -> Int?
  ) throws {
    var progress = TrainingProgress(schedule: configuration.learningRateSchedule(timeline))
    self.resume = resume
    if let checkpoint = resume?.checkpoint {
      earlier = try ranks.onFirst { try TrainingConfiguration.ofRun(weights: checkpoint) }
      let state: CheckpointState
      (state, normalization) = try Self.resume(
        checkpoint, configuration, engine: engine, images: images, shape: shape,
        schedule: progress.schedule, ranks: ranks)
      progress.step = state.step
      progress.epochTotals = state.epochTotals
      progress.loggedTotals = state.loggedTotals
      progress.best = state.best
      progress.isEvaluationPending = state.evaluationPending ?? false
      progress.skipped = state.skipped ?? SkippedSteps()
      engine.optimizer.steps = state.step - progress.skipped.total
      try progress.schedule.load(state: state.schedule ?? [:])
      seconds = state.seconds
      (replacedClasses, source) = (nil, nil)
    } else {
      earlier = nil
      let replica = engine.replica
      replica.initialize(
        seed: configuration.run.seed, zeroResidual: configuration.network.zeroInitResidual)
      if let weights = configuration.network.weights {
        let loaded = try ranks.onFirst {
          let file = try WeightsFile(weights)
          return (
            try load(file, replica),
            SourcePreprocessing(weights: file.path, tensors: file.preprocessing)
          )
        }
        try replica.broadcast(ranks)
        (replacedClasses, source) = (loaded?.0, loaded?.1)
      } else {
        (replacedClasses, source) = (nil, nil)
      }
      seconds = 0
      normalization = nil
    }
    frozenSHA256 = engine.replica.frozenSHA256
    progress.endOfEpoch =
      progress.isEvaluationPending
      ? progress.step : timeline.endOfEpoch(afterSteps: progress.step)
    self.progress = progress
  }

  /// The checkpoint that is resumed.
  var checkpoint: String? { resume?.checkpoint }

  /// Steps done before this start.
  var step: Int { progress.step }

  /// Sets the average to that of the checkpoint, or to the weights where it has none. Collective.
  ///
  /// - Throws: `CollectiveFailure`.
  func loadAverage(
    _ average: WeightAverage, engine: TrainingEngine, ranks: ProcessGroup
  ) throws {
    average.copy()
    guard let checkpoint else { return }
    average.exchange()
    defer { average.exchange() }
    try ranks.onFirst {
      guard WeightsFile.hasAverage(checkpoint) else { return }
      try WeightsFile(checkpoint, .average).load(into: engine.replica)
    }
    try engine.replica.broadcast(ranks)
  }

  /// Reads the checkpoint once, on rank 0, and gives all ranks what it holds.
  private static func resume(
    _ path: String, _ configuration: TrainingConfiguration, engine: TrainingEngine,
    images: ImageIdentity, shape: ImageShape, schedule: any LearningRateSchedule,
    ranks: ProcessGroup
  ) throws -> (CheckpointState, Normalization) {
    let read = try ranks.onFirst { () throws -> (CheckpointState, [StateTensor]) in
      let weights = try WeightsFile(path, .training)
      guard var state = weights.state else { throw CheckpointError.notFound(path: path) }
      try check(state, configuration, images)
      // In another folder the run begins to look for its best again.
      let folder = WeightsFile.runFolder(ofCheckpoint: path)
      let isMoved = configuration.run.directory.map { !WeightsFile.areSame($0, folder) } ?? false
      if isMoved || state.best.map({ !RunFolder.hasCheckpoint(in: folder, step: $0.step) }) ?? false
      {
        state.best = nil
      }
      do {
        var schedule = schedule
        try schedule.load(state: state.schedule ?? [:])
      } catch {
        throw CheckpointError.unreadable(path: path, reason: "\(error)")
      }
      try weights.load(into: engine.replica)
      try engine.optimizer.load(stateDictionary: try CheckpointFolder.optimizerState(of: path))
      let preprocessing = weights.preprocessing ?? []
      guard Preprocessing.normalization(preprocessing, shape: shape) != nil else {
        throw CheckpointError.unreadable(
          path: path, reason: "its mean and std do not fit images of \(shape)")
      }
      return (state, preprocessing)
    }
    try engine.replica.broadcast(ranks)
    try ranks.control.broadcast(engine.optimizer.state.elements)
    let json = try read.map { String(decoding: try JSONEncoder().encode($0.0), as: UTF8.self) }
    let common = try ranks.control.broadcast(json ?? "")
    return (
      try JSONDecoder().decode(CheckpointState.self, from: Data(common.utf8)),
      try normalization(read?.1, shape: shape, ranks: ranks)
    )
  }

  private static func check(
    _ state: CheckpointState, _ configuration: TrainingConfiguration, _ images: ImageIdentity
  ) throws {
    try state.checkResuming(configuration)
    if let difference = images.difference(from: state.images, "then", "now") {
      throw ImagesChanged(difference: difference)
    }
    if state.dataset != images.fingerprint {
      throw ResumeMismatch(
        key: "--dataset", checkpoint: state.dataset, requested: images.fingerprint)
    }
  }

  /// Rank 0's tensors as every rank's normalization.
  private static func normalization(
    _ tensors: [StateTensor]?, shape: ImageShape, ranks: ProcessGroup
  ) throws -> Normalization {
    var common: [StateTensor] = []
    for name in ["mean", "std"] {
      let tensor = tensors?.first { $0.name == name }
      common.append(
        StateTensor(
          name: name, shape: try ranks.control.broadcast(tensor?.shape ?? []),
          values: try ranks.control.broadcast(tensor?.values ?? [])))
    }
    return Preprocessing.normalization(common, shape: shape)!
  }
}
