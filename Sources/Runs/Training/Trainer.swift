/// The data-parallel training loop.

import Distributed
import Networks
import Optimizers
import Settings

/// Steps an engine through a run.
///
/// The loop is the same on every rank, so that all stop at the same step; checkpoints and reports are its
/// observers' work.
final class Trainer {
  private let engine: TrainingEngine
  private let average: WeightAverage?
  private let phases: [Range<Int>]
  private let begin: (_ phase: Int, _ step: Int) -> any TrainingBatches
  private let totals: (LossSums, inout EpochTotals) -> Void
  private let timeline: TrainingTimeline
  /// Steps between checkpoints; nil: an epoch's.
  private let checkpointEvery: Int?
  private let evaluator: EpochEvaluator
  private let stop: StopMonitor
  private let ranks: ProcessGroup
  private let observers: [any TrainingObserver]
  private(set) var progress: TrainingProgress
  /// Whether the run ends before its last step.
  private var isStopped = false

  /// - Parameters:
  ///   - phases: the parts of the run: finished steps at the begin and the end of each.
  ///   - begin: begins a part after some steps of the run, and returns this rank's images from there on.
  ///   - totals: adds a step's sums to others.
  ///   - stop: asks for checkpoints and for an early end.
  init(
    _ engine: TrainingEngine, average: WeightAverage?, phases: [Range<Int>],
    begin: @escaping (_ phase: Int, _ step: Int) -> any TrainingBatches,
    totals: @escaping (LossSums, inout EpochTotals) -> Void, timeline: TrainingTimeline,
    checkpointEvery: Int?, progress: TrainingProgress, evaluator: EpochEvaluator,
    stop: StopMonitor, ranks: ProcessGroup, observers: [any TrainingObserver]
  ) {
    self.engine = engine
    self.average = average
    self.phases = phases
    self.begin = begin
    self.totals = totals
    self.timeline = timeline
    self.checkpointEvery = checkpointEvery
    self.progress = progress
    self.evaluator = evaluator
    self.stop = stop
    self.ranks = ranks
    self.observers = observers
  }

  /// Trains until the timeline's end, or until a rank is asked to stop. Afterwards all checkpoints are on disk.
  ///
  /// - Returns: whether the end was reached.
  /// - Throws: what a step throws, and what an observer throws.
  func run() throws -> Bool {
    for observer in observers { try observer.willBeginEpoch(progress) }
    if progress.isEvaluationPending {
      progress.isEvaluationPending = false
      try finishStep(
        learningRate: progress.schedule.rate(afterSteps: progress.step - 1), isSaved: true)
      // The best is recorded with a checkpoint, and a branch in another folder does not have this one yet.
      for observer in observers { try observer.shouldSave(progress) }
      stop.didSave()
    }
    while progress.step < timeline.steps, !isStopped {
      try run(phase(afterSteps: progress.step))
    }
    for observer in observers { try observer.shouldFinishSaving() }
    return !isStopped
  }

  /// Trains until the end of a part of the run.
  private func run(_ phase: Int) throws {
    let loader = begin(phase, progress.step)
    while progress.step < phases[phase].upperBound, !isStopped {
      let rate = progress.schedule.rate(afterSteps: progress.step)
      let requests = stop.requests(beforeEvaluation: progress.step + 1 == progress.endOfEpoch)
      let sums = try engine.step(
        progress.step + 1, learningRate: rate, requests: requests, from: loader)
      progress.step += 1
      progress.badImages += loader.takeBadImages()
      try take(sums)
      for observer in observers { try observer.didStep(progress, learningRate: rate) }
      try finish(engine.requests, learningRate: rate)
    }
  }

  /// The part that the step after `step` finished ones belongs to.
  private func phase(afterSteps step: Int) -> Int {
    phases.lastIndex { $0.lowerBound <= step && !$0.isEmpty } ?? 0
  }

  /// Adds up a step's sums, unless it was skipped.
  private func take(_ sums: LossSums) throws {
    guard let skipped = engine.skipped else {
      average?.update(afterSteps: progress.step)
      totals(sums, &progress.epochTotals)
      totals(sums, &progress.loggedTotals)
      (progress.skipped.inARow, progress.skippedFor) = (0, nil)
      return
    }
    progress.skipped.total += 1
    progress.skipped.inARow += 1
    progress.skippedFor = skipped.finding
    if progress.skipped.inARow >= SkippedSteps.limit {
      throw CollectiveFailure(
        onEveryRank: TooManySkippedSteps(step: progress.step, finding: skipped.finding))
    }
  }

  /// Evaluates and saves after a step, where that is due, and stops where `requests` of any rank say so.
  private func finish(_ requests: StepRequests, learningRate: Double) throws {
    if requests.contains(.saveFailed) {
      for observer in observers { try observer.shouldFinishSaving() }
    }
    isStopped = requests.contains(.stop)
    let endsEpoch = progress.endsEpoch
    let isDue =
      progress.step == timeline.steps || !requests.isDisjoint(with: [.save, .stop])
      || (checkpointEvery.map { progress.step % $0 == 0 } ?? endsEpoch)
    // There is no time for an evaluation before a stop: the resumed run begins with it.
    progress.isEvaluationPending = isStopped && endsEpoch
    if !progress.isEvaluationPending {
      try finishStep(learningRate: learningRate, isSaved: isDue)
    }
    if isDue {
      for observer in observers { try observer.shouldSave(progress) }
      stop.didSave()
    }
    // An evaluation takes long; nobody who asks to stop during it should wait for another step.
    if endsEpoch, isDue, !isStopped, progress.step < timeline.steps {
      isStopped = try stop.isStopped(ranks)
    }
  }

  /// The end of a step that ends an epoch or a line of the log.
  private func finishStep(learningRate: Double, isSaved: Bool) throws {
    let (endsEpoch, endsLogLine) = (progress.endsEpoch, progress.endsLogLine)
    if endsEpoch { try finishEpoch(learningRate: learningRate, isSaved: isSaved) }
    if endsLogLine {
      if progress.loggedTotals.images > 0 {
        progress.schedule.observe(trainingError: progress.loggedTotals.top1Error)
      }
      progress.loggedTotals = EpochTotals()
    }
  }

  /// - Parameter isSaved: whether a checkpoint follows, so that this evaluation can be the best.
  private func finishEpoch(learningRate: Double, isSaved: Bool) throws {
    let test = try evaluate(learningRate: learningRate)
    if let test {
      if !progress.schedule.isWarmUp(afterSteps: progress.step) {
        progress.schedule.observe(error: test.error)
      }
      if isSaved, test.error < progress.best?.error ?? .infinity {
        progress.best = BestEvaluation(step: progress.step, error: test.error)
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

  /// Evaluates where that is due. The epoch is saved if that fails: the resumed run begins with the
  /// evaluation.
  private func evaluate(learningRate: Double) throws -> EvaluationFigures? {
    do {
      return try evaluator.evaluateIfDue(progress, learningRate: learningRate)
    } catch let error as CollectiveFailure {
      progress.isEvaluationPending = true
      for observer in observers { try observer.shouldSave(progress) }
      for observer in observers { try observer.shouldFinishSaving() }
      throw error
    }
  }
}
