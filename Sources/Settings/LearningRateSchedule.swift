/// The learning rate at each step: warmed up, then constant between milestones, multiplied by γ at each.

/// A moment in a run at which the learning rate drops.
package enum Milestone: Hashable, Sendable {
  /// A part of the whole run, 0…1.
  case fraction(Double)
  /// In the unit of the run's length: epochs or iterations.
  case position(Double)
}

/// He et al. 2015, §4.2: start at 0.1, divide by 10 at given iterations.
package struct LearningRateSchedule: Hashable, Sendable {
  package let initial: Double
  package let gamma: Double
  /// Steps from which each further factor applies, ascending.
  package let drops: [Int]
  /// What stands in place of the first steps' rates.
  package let warmUp: WarmUp?

  package init(initial: Double, gamma: Double, drops: [Int], warmUp: WarmUp? = nil) {
    self.initial = initial
    self.gamma = gamma
    self.drops = drops.sorted()
    self.warmUp = warmUp
  }

  /// The rate of the step after `step` finished ones; nothing else decides it, so that a resumed run has
  /// the rates of one that was not stopped.
  package func rate(afterSteps step: Int) -> Double {
    // Dividing by 10 gives the nearest decimal where multiplying by 0.1 does not.
    let divisor = 1 / gamma
    var rate = initial
    for drop in drops where step >= drop { rate /= divisor }
    guard let warmUp, step < warmUp.steps else { return rate }
    return warmUp.rate(afterSteps: step, towards: rate)
  }
}

/// A run's length in steps, from its length in epochs or iterations.
package struct TrainingTimeline: Hashable, Sendable {
  /// Training images.
  package let images: Int
  package let batchSize: Int
  /// Steps in all.
  package let steps: Int
  package let schedule: LearningRateSchedule

  package init(_ configuration: TrainingConfiguration, images: Int) {
    self.images = images
    batchSize = configuration.batchSize
    let steps: Int
    let stepsPerUnit: Double
    switch configuration.length {
    case .iterations(let count):
      steps = count
      stepsPerUnit = 1
    case .epochs(let count):
      steps = Self.steps(toFinishEpoch: count, images: images, batchSize: configuration.batchSize)
      stepsPerUnit = Double(images) / Double(configuration.batchSize)
    }
    self.steps = steps
    schedule = LearningRateSchedule(
      initial: configuration.scaledLearningRate, gamma: configuration.gamma,
      drops: configuration.milestones.map { milestone in
        switch milestone {
        case .fraction(let fraction): Int((fraction * Double(steps)).rounded())
        case .position(let position): Int((position * stepsPerUnit).rounded())
        }
      }, warmUp: configuration.warmUp(images: images))
  }

  /// The first step count after which `epoch` whole epochs of images have been seen.
  private static func steps(toFinishEpoch epoch: Int, images: Int, batchSize: Int) -> Int {
    (epoch * images + batchSize - 1) / batchSize
  }

  /// The step that ends the epoch which `step` finished ones are in: epochs end with the first
  /// mini-batch that completes a pass over the images, or with the run.
  package func endOfEpoch(afterSteps step: Int) -> Int {
    min(
      steps,
      Self.steps(toFinishEpoch: epoch(afterSteps: step) + 1, images: images, batchSize: batchSize))
  }

  /// Whole epochs seen after `step` steps.
  package func epoch(afterSteps step: Int) -> Int { step * batchSize / images }

  /// Epochs in the run, the last perhaps unfinished.
  package var epochs: Int {
    max(1, steps == 0 ? 0 : epoch(afterSteps: steps - 1) + 1)
  }
}
