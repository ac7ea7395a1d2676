/// The data-parallel training loop.

import Datasets
import Kernels
import Networks

/// Steps a replica through a run: load, forward and backward, reduce, update.
///
/// The loop is the same on every rank; what only the first rank does (files, console) hangs on the
/// `TrainingObserver` that it is given.
final class Trainer {
  private let replica: Replica
  private let reduction: any GradientReduction
  private let metrics: ClassificationExchange
  private let loader: BatchLoader
  private let timeline: TrainingTimeline
  private let configuration: TrainingConfiguration
  private let observer: any TrainingObserver
  private let whereabouts: Whereabouts
  /// The parts' losses, added up like their gradients.
  private let losses: PartialSums<Double>
  private(set) var progress: TrainingProgress

  init(
    _ replica: Replica, reduction: any GradientReduction, metrics: ClassificationExchange,
    loader: BatchLoader, timeline: TrainingTimeline, configuration: TrainingConfiguration,
    progress: TrainingProgress, observer: any TrainingObserver,
    whereabouts: Whereabouts
  ) {
    self.whereabouts = whereabouts
    self.replica = replica
    self.reduction = reduction
    self.metrics = metrics
    self.loader = loader
    self.timeline = timeline
    self.configuration = configuration
    self.progress = progress
    self.observer = observer
    losses = PartialSums(parts: configuration.accumulate, count: 1) { sum, part, _ in
      sum[0] += part[0]
    }
  }

  /// Trains until the timeline's end.
  ///
  /// - Throws: `CollectiveFailure` for `Diverged` at the same step on every rank, and whatever loading, communication or
  ///   the observer throw.
  func run() throws {
    while progress.step < timeline.steps {
      let rate = timeline.schedule.rate(afterSteps: progress.step)
      let sums = try step(learningRate: rate)
      progress.step += 1
      progress.badImages += loader.takeBadImages()
      progress.epochTotals.add(sums)
      progress.loggedTotals.add(sums)
      let endsEpoch = progress.step == progress.endOfEpoch
      try observer.didStep(progress, learningRate: rate)
      if endsEpoch {
        try observer.didFinishEpoch(progress, learningRate: rate)
        progress.epochTotals = EpochTotals()
        progress.badImages = []
        progress.endOfEpoch = timeline.endOfEpoch(afterSteps: progress.step)
      }
      if endsEpoch || progress.step % TrainingProgress.loggingInterval == 0 {
        progress.loggedTotals = EpochTotals()
      }
      let isDue = configuration.checkpointEvery.map { progress.step % $0 == 0 } ?? endsEpoch
      if isDue || progress.step == timeline.steps {
        try observer.shouldSave(progress)
      }
    }
  }

  /// One mini-batch; returns its sums over all ranks.
  private func step(learningRate: Double) throws -> ClassificationSums {
    whereabouts.move(to: .loading, step: progress.step + 1)
    var sums = ClassificationSums()
    for index in 0..<configuration.accumulate {
      let part = try pass(MiniBatchPart(index: index, of: configuration.accumulate))
      withUnsafePointer(to: part.loss) { losses.take($0, part: index) }
      sums = sums + part
    }
    sums.loss = losses.total[0]
    guard sums.loss.isFinite else {
      throw CollectiveFailure(
        onEveryRank: Diverged(
          step: progress.step + 1, learningRate: learningRate,
          loss: sums.loss / Double(sums.images)))
    }
    if let parameter = replica.firstParameterWithoutFiniteGradient {
      throw CollectiveFailure(
        onEveryRank: GradientNotFinite(
          step: progress.step + 1, learningRate: learningRate, parameter: parameter))
    }
    whereabouts.move(to: .updating)
    replica.applyGradients(
      configuration.stepRule, learningRate: Float(learningRate),
      momentum: Float(configuration.momentum),
      weightDecay: Float(configuration.weightDecay),
      normalizationWeightDecay: Float(
        configuration.normalizationWeightDecay ?? configuration.weightDecay))
    reduction.release()
    return sums
  }

  /// Trains the next part of the mini-batch; returns its sums over all ranks.
  private func pass(_ part: MiniBatchPart) throws -> ClassificationSums {
    try reduction.begin()
    let sums = try loader.withNext { batch in
      let shards = try replica.trainingPass(
        images: batch.pixels, labels: batch.labels, part: part)
      return try metrics.sum(shards)
    }
    guard let sums else { preconditionFailure("the training stream has no end") }
    whereabouts.move(to: .summing)
    try reduction.finish()
    return sums
  }
}

/// Where a run stands.
struct TrainingProgress {
  /// Steps between the training lines of the metrics log.
  static let loggingInterval = 50

  /// Steps done.
  var step = 0
  /// The step that ends the present epoch.
  var endOfEpoch = 0
  /// Sums since the epoch began.
  var epochTotals = EpochTotals()
  /// This rank's images since the epoch began that others took the place of.
  var badImages: [BadImage] = []
  /// Sums since the last training line of the metrics log.
  var loggedTotals = EpochTotals()
}

/// What happens beside the training itself, on every rank at the same steps.
protocol TrainingObserver: AnyObject {
  /// After each step.
  func didStep(_ progress: TrainingProgress, learningRate: Double) throws
  /// After the step that ended an epoch.
  func didFinishEpoch(_ progress: TrainingProgress, learningRate: Double) throws
  /// When a checkpoint is due; the totals are already reset where an epoch or a line just ended.
  func shouldSave(_ progress: TrainingProgress) throws
}
