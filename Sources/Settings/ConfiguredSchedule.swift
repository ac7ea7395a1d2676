/// The learning-rate schedule that a configuration describes.

import Optimizers

/// A moment in a run at which the learning rate drops.
package enum Milestone: Hashable, Sendable {
  /// A part of the whole run, 0…1.
  case fraction(Double)
  /// In the unit of the run's length: epochs or iterations.
  case position(Double)
}

/// How long a run warms up.
package enum WarmUpLength: Hashable, Sendable {
  /// Passes over the training images, perhaps broken.
  case epochs(Double)
  case iterations(Int)
}

extension TrainingConfiguration {
  /// The schedule of a run, warm-up included.
  package func learningRateSchedule(_ timeline: TrainingTimeline) -> any LearningRateSchedule {
    let schedule = StepSchedule(
      initial: scaledLearningRate, gamma: gamma,
      milestones: milestones.map { timeline.steps(until: $0) })
    let warmUpSteps = warmUpSteps(images: timeline.images)
    if warmUpSteps == 0 { return schedule }
    return WarmUp(
      schedule, steps: warmUpSteps, startRate: warmUpStartRate, method: warmUpMethod)
  }

  /// The rate before the first milestone and after the warm-up: `learningRate`, times the mini-batch over
  /// the reference one (linear scaling rule, Goyal et al. 2017, §2.1).
  package var scaledLearningRate: Double {
    guard let reference = learningRateReferenceBatch else { return learningRate }
    return learningRate * Double(batchSize) / Double(reference)
  }

  /// The first rate of a warm-up: Goyal et al. begin with the reference mini-batch's rate; where that is
  /// not below the scaled one, a tenth of it, He et al.'s ratio.
  private var warmUpStartRate: Double {
    warmUpRate
      ?? (learningRate < scaledLearningRate ? learningRate : scaledLearningRate / 10)
  }

  private func warmUpSteps(images: Int) -> Int {
    switch warmUpLength {
    case nil: 0
    case .epochs(let count): Int((count * Double(images) / Double(batchSize)).rounded())
    case .iterations(let count): count
    }
  }
}
