/// The data-parallel training loop.

import Datasets
import Distributed
import Networks
import Optimizers
import Settings

/// Steps an engine through a run.
///
/// The loop is the same on every rank; checkpoints and reports are its observers' work.
final class Trainer {
  private let engine: TrainingEngine
  private let average: WeightAverage?
  private let phases: [TrainingPhase]
  private let makeLoader: (TrainingPhase, _ step: Int) -> BatchLoader
  private let timeline: TrainingTimeline
  /// Steps between checkpoints; nil: an epoch's.
  private let checkpointEvery: Int?
  private let evaluator: EpochEvaluator
  private let observers: [any TrainingObserver]
  private(set) var progress: TrainingProgress

  /// - Parameters:
  ///   - phases: the parts of the run.
  ///   - makeLoader: this rank's images of a part after some steps of the run.
  init(
    _ engine: TrainingEngine, average: WeightAverage?, phases: [TrainingPhase],
    makeLoader: @escaping (TrainingPhase, _ step: Int) -> BatchLoader,
    timeline: TrainingTimeline,
    checkpointEvery: Int?, progress: TrainingProgress, evaluator: EpochEvaluator,
    observers: [any TrainingObserver]
  ) {
    self.engine = engine
    self.average = average
    self.phases = phases
    self.makeLoader = makeLoader
    self.timeline = timeline
    self.checkpointEvery = checkpointEvery
    self.progress = progress
    self.evaluator = evaluator
    self.observers = observers
  }

  /// Trains until the timeline's end.
  ///
  /// - Throws: what a step throws, and what an observer throws.
  func run() throws {
    for observer in observers { try observer.willBeginEpoch(progress) }
    while progress.step < timeline.steps { try run(phases.phase(afterSteps: progress.step)) }
  }

  /// Trains until the end of a part of the run.
  private func run(_ phase: TrainingPhase) throws {
    engine.use(input: phase.architecture.input)
    let loader = makeLoader(phase, progress.step)
    while progress.step < phase.steps.upperBound {
      let rate = progress.schedule.rate(afterSteps: progress.step)
      let sums = ClassificationHead.metrics(
        try engine.step(progress.step + 1, learningRate: rate, from: loader))
      progress.step += 1
      average?.update(afterSteps: progress.step)
      progress.badImages += loader.takeBadImages()
      progress.epochTotals.add(sums)
      progress.loggedTotals.add(sums)
      let (endsEpoch, endsLogLine) = (progress.endsEpoch, progress.endsLogLine)
      for observer in observers { try observer.didStep(progress, learningRate: rate) }
      let isDue =
        progress.step == timeline.steps
        || (checkpointEvery.map { progress.step % $0 == 0 } ?? endsEpoch)
      if endsEpoch { try finishEpoch(learningRate: rate, isSaved: isDue) }
      if endsLogLine {
        progress.schedule.observe(trainingError: progress.loggedTotals.top1Error)
        progress.loggedTotals = EpochTotals()
      }
      if isDue {
        for observer in observers { try observer.shouldSave(progress) }
      }
    }
  }

  /// - Parameter isSaved: whether a checkpoint follows, so that this evaluation can be the best.
  private func finishEpoch(learningRate: Double, isSaved: Bool) throws {
    let test = try evaluator.evaluateIfDue(progress, learningRate: learningRate)
    if let test {
      progress.schedule.observe(error: test.top1Error)
      if isSaved, test.top1Error < progress.best?.error ?? .infinity {
        progress.best = BestEvaluation(step: progress.step, error: test.top1Error)
      }
    }
    for observer in observers {
      try observer.didFinishEpoch(progress, learningRate: learningRate, test: test)
    }
    progress.epochTotals = EpochTotals()
    progress.badImages = []
    progress.endOfEpoch = timeline.endOfEpoch(afterSteps: progress.step)
    if progress.step == timeline.steps { return }
    for observer in observers { try observer.willBeginEpoch(progress) }
  }
}
