/// The learning-rate schedule that a configuration describes.

import Optimizers

extension TrainingConfiguration {
  /// The learning-rate schedule of a run, warm-up included.
  package func learningRateSchedule(_ timeline: TrainingTimeline) -> any LearningRateSchedule {
    let changing = changingSchedule(timeline)
    return switch schedule.interval {
    case .iteration: changing
    case .epoch:
      EpochwiseSchedule(changing, images: timeline.images, batchSize: timeline.batchSize)
    }
  }

  /// The same with a rate for each step.
  private func changingSchedule(_ timeline: TrainingTimeline) -> any LearningRateSchedule {
    if case .trainingError(let limit) = schedule.warmUpLength {
      return ErrorWarmUp(
        mainSchedule(timeline, steps: timeline.steps), rate: warmUpStartRate, until: limit)
    }
    let steps = warmUpSteps(timeline)
    let main = mainSchedule(timeline, steps: scheduleSteps(timeline))
    if steps == 0 { return main }
    return WarmUp(
      main, steps: steps, startRate: warmUpStartRate, method: schedule.warmUpMethod,
      precedes: schedule.warmUpPrecedes)
  }

  /// Steps that the schedule itself has: without a warm-up that precedes it.
  private func scheduleSteps(_ timeline: TrainingTimeline) -> Int {
    schedule.warmUpPrecedes ? max(1, timeline.steps - warmUpSteps(timeline)) : timeline.steps
  }

  /// Steps of a warm-up whose length is given.
  private func warmUpSteps(_ timeline: TrainingTimeline) -> Int {
    switch schedule.warmUpLength {
    case nil, .trainingError: 0
    case .epochs(let count):
      Int((count * Double(timeline.images) / Double(parallel.batchSize)).rounded())
    case .iterations(let count): count
    }
  }

  /// How the weights are averaged; nil: they are not.
  package func weightAverage(_ timeline: TrainingTimeline) -> WeightAverageRule? {
    optimizer.averageDecay.map { decay in
      let adjustment =
        optimizer.adjustsAverage
        ? Double(parallel.batchSize * optimizer.averageInterval) / timeline.passes : 1
      return WeightAverageRule(
        decay: max(0, 1 - (1 - decay) * adjustment), interval: optimizer.averageInterval,
        begin: warmUpSteps(timeline))
    }
  }

  /// - Parameter steps: that it lasts.
  private func mainSchedule(
    _ timeline: TrainingTimeline, steps: Int
  ) -> any LearningRateSchedule {
    let rate = scaledLearningRate
    return switch schedule.name {
    case .step:
      StepSchedule(
        initial: rate, gamma: schedule.gamma,
        milestones: schedule.milestones.map { timeline.steps(until: $0, of: steps) })
    case .constant: StepSchedule(initial: rate, gamma: schedule.gamma, milestones: [])
    case .cosine:
      CosineSchedule(initial: rate, minimum: schedule.minimum, steps: steps)
    case .polynomial:
      PolynomialSchedule(
        initial: rate, minimum: schedule.minimum, power: schedule.power, steps: steps)
    case .oneCycle:
      OneCycleSchedule(
        maximum: rate, risingFraction: schedule.risingFraction,
        startDivisor: schedule.startDivisor, endDivisor: schedule.endDivisor,
        steps: steps)
    case .plateau:
      PlateauSchedule(
        initial: rate, gamma: schedule.gamma, minimum: schedule.minimum,
        patience: schedule.patience, threshold: schedule.threshold)
    }
  }

  /// What to say of milestones that the run ends before; none if it reaches all. Parts of a run are not meant: that
  /// a very short one rounds them to its end is no mistake.
  package func notesOfUnreachedMilestones(_ timeline: TrainingTimeline) -> [String] {
    var notes: [String] = []
    func isAfterEnd(_ milestone: Milestone, of steps: Int) -> Bool {
      switch milestone {
      case .fraction: false
      case .position: timeline.steps(until: milestone, of: steps) >= steps
      }
    }
    let drops = schedule.milestones.filter { isAfterEnd($0, of: scheduleSteps(timeline)) }
    if schedule.name == .step, !drops.isEmpty {
      notes.append(
        "note: the run ends before the rate drops at "
          + "\(drops.map(\.text).joined(separator: " and ")); --lr-milestones also takes parts of a "
          + "run, such as 50%,75%")
    }
    for phase in data.imageSizeSchedule where isAfterEnd(phase.start, of: timeline.steps) {
      notes.append(
        "note: the run ends before it trains with \(phase.side) pixels at \(phase.start.text); "
          + "--image-size-schedule also takes parts of a run, such as \(phase.side)@70%")
    }
    return notes
  }

  /// The rate before the schedule lowers it: `learningRate` times the mini-batch over the reference one
  /// (linear scaling rule, Goyal et al. 2017, §2.1).
  package var scaledLearningRate: Double {
    guard let reference = schedule.learningRateReferenceBatch else { return schedule.learningRate }
    return schedule.learningRate * Double(parallel.batchSize) / Double(reference)
  }

  /// The first rate of a warm-up: Goyal et al. begin with the reference mini-batch's rate; where that is
  /// not below the scaled one, a tenth of it, He et al.'s ratio.
  private var warmUpStartRate: Double {
    let (rate, scaled) = (schedule.learningRate, scaledLearningRate)
    return schedule.warmUpRate ?? (rate < scaled ? rate : scaled / 10)
  }
}
