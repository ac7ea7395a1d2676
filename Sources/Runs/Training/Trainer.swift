/// The data-parallel training loop.

import Datasets
import Distributed
import Networks
import Optimizers
import Settings

/// Steps an engine through a run.
///
/// The loop is the same on every rank; what only rank 0 does (files, console) is left to the
/// `TrainingObserver` that it is given.
final class Trainer {
  private let engine: TrainingEngine
  private let loader: BatchLoader
  private let timeline: TrainingTimeline
  /// Steps between checkpoints; nil: an epoch's.
  private let checkpointEvery: Int?
  private let observer: any TrainingObserver
  private(set) var progress: TrainingProgress

  init(
    _ engine: TrainingEngine, loader: BatchLoader, timeline: TrainingTimeline,
    checkpointEvery: Int?, progress: TrainingProgress, observer: any TrainingObserver
  ) {
    self.engine = engine
    self.loader = loader
    self.timeline = timeline
    self.checkpointEvery = checkpointEvery
    self.progress = progress
    self.observer = observer
  }

  /// Trains until the timeline's end.
  ///
  /// - Throws: what a step throws, and whatever the observer throws.
  func run() throws {
    while progress.step < timeline.steps {
      let rate = progress.schedule.rate(afterSteps: progress.step)
      let sums = try engine.step(progress.step + 1, learningRate: rate, from: loader)
      progress.step += 1
      progress.badImages += loader.takeBadImages()
      progress.epochTotals.add(sums)
      progress.loggedTotals.add(sums)
      let endsEpoch = progress.step == progress.endOfEpoch
      try observer.didStep(progress, learningRate: rate)
      if endsEpoch {
        if let error = try observer.didFinishEpoch(progress, learningRate: rate) {
          progress.schedule.observe(error: error)
        }
        progress.epochTotals = EpochTotals()
        progress.badImages = []
        progress.endOfEpoch = timeline.endOfEpoch(afterSteps: progress.step)
      }
      if endsEpoch || progress.step % TrainingProgress.loggingInterval == 0 {
        progress.loggedTotals = EpochTotals()
      }
      let isDue = checkpointEvery.map { progress.step % $0 == 0 } ?? endsEpoch
      if isDue || progress.step == timeline.steps {
        try observer.shouldSave(progress)
      }
    }
  }
}

/// How far a run is.
struct TrainingProgress {
  /// Steps between the training lines of the metrics log.
  static let loggingInterval = 50

  /// The learning rates of all steps, and what they depend on.
  var schedule: any LearningRateSchedule
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
  ///
  /// - Returns: the error on the test images, the same on every rank; nil if it was not evaluated.
  func didFinishEpoch(_ progress: TrainingProgress, learningRate: Double) throws -> Double?
  /// When a checkpoint is due; the totals are already reset where an epoch or a line just ended.
  func shouldSave(_ progress: TrainingProgress) throws
}
