/// A rate that falls to its minimum as a power of the remaining steps: linearly at power 1.

import Console
import Foundation

/// `torch.optim.lr_scheduler.PolynomialLR` over the whole run.
package struct PolynomialSchedule: LearningRateSchedule, Hashable {
  package let initial: Double
  package let minimum: Double
  package let power: Double
  /// Steps until the minimum is reached.
  package let steps: Int

  package init(initial: Double, minimum: Double, power: Double, steps: Int) {
    self.initial = initial
    self.minimum = minimum
    self.power = power
    self.steps = steps
  }

  package var summary: String {
    "lr from \(NumberFormat.learningRate(initial)) down to \(NumberFormat.learningRate(minimum)), "
      + "polynomial of power \(NumberFormat.learningRate(power))"
  }

  package func rate(afterSteps step: Int) -> Double {
    guard step < steps else { return minimum }
    return minimum + (initial - minimum) * pow(1 - Double(step) / Double(steps), power)
  }
}
