/// The learning rate's way up in the first steps of a run.

/// How long a run warms up.
package enum WarmUpLength: Hashable, Sendable {
  /// Passes over the training images, perhaps broken.
  case epochs(Double)
  case iterations(Int)
}

/// What the rate does meanwhile.
package enum WarmUpMethod: String, Sendable {
  /// It grows by the same amount at each step (gradual warm-up, Goyal et al. 2017, §2.2).
  case linear
  /// It stays low (He et al. 2015, §4.2, for 110 layers: 0.01 for about 400 iterations, then 0.1).
  case constant
}

/// The rate of a run's first steps, in place of the schedule's.
package struct WarmUp: Hashable, Sendable {
  package let steps: Int
  /// The first step's rate.
  package let startRate: Double
  package let method: WarmUpMethod

  package init(steps: Int, startRate: Double, method: WarmUpMethod = .linear) {
    self.steps = steps
    self.startRate = startRate
    self.method = method
  }

  /// The rate of the step after `step` finished ones, fewer than `steps`.
  ///
  /// - Parameter target: the schedule's rate at this step; a linear warm-up has it first at `steps`.
  package func rate(afterSteps step: Int, towards target: Double) -> Double {
    switch method {
    case .linear: startRate + (target - startRate) * Double(step) / Double(steps)
    case .constant: startRate
    }
  }
}

extension TrainingConfiguration {
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

  /// Nil: none.
  package func warmUp(images: Int) -> WarmUp? {
    let steps: Int
    switch warmUpLength {
    case nil: return nil
    case .epochs(let count):
      steps = Int((count * Double(images) / Double(batchSize)).rounded())
    case .iterations(let count): steps = count
    }
    return steps == 0 ? nil : WarmUp(steps: steps, startRate: warmUpStartRate, method: warmUpMethod)
  }
}
