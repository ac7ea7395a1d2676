/// A rate that falls along half a cosine wave: Loshchilov and Hutter 2016, arXiv 1608.03983, eq. 5.

import Console

/// `torch.optim.lr_scheduler.CosineAnnealingLR` over the whole run, without restarts.
package struct CosineSchedule: LearningRateSchedule, Hashable {
  package let initial: Double
  package let minimum: Double
  /// Steps until the minimum is reached.
  package let steps: Int

  package init(initial: Double, minimum: Double, steps: Int) {
    self.initial = initial
    self.minimum = minimum
    self.steps = steps
  }

  package var summary: String {
    "lr from \(NumberFormat.learningRate(initial)) down to \(NumberFormat.learningRate(minimum)), "
      + "half a cosine wave"
  }

  package func rate(afterSteps step: Int) -> Double {
    guard step < steps else { return minimum }
    return cosine(from: initial, to: minimum, at: Double(step) / Double(steps))
  }
}
