/// One cycle: up to a high rate and down to almost nothing (Smith and Topin 2017, arXiv 1708.07120).

import Console

/// `torch.optim.lr_scheduler.OneCycleLR` with cosine annealing in two phases; momentum stays constant.
package struct OneCycleSchedule: LearningRateSchedule, Hashable {
  package let maximum: Double
  /// The part of the run in which the rate rises.
  package let risingFraction: Double
  /// The maximum over the first rate.
  package let startDivisor: Double
  /// The first rate over the last.
  package let endDivisor: Double
  /// Steps of the run.
  package let steps: Int

  package init(
    maximum: Double, risingFraction: Double, startDivisor: Double, endDivisor: Double, steps: Int
  ) {
    self.maximum = maximum
    self.risingFraction = risingFraction
    self.startDivisor = startDivisor
    self.endDivisor = endDivisor
    self.steps = steps
  }

  private var first: Double { maximum / startDivisor }
  private var last: Double { first / endDivisor }

  package var summary: String {
    let (first, maximum, last) = (
      NumberFormat.learningRate(first), NumberFormat.learningRate(maximum),
      NumberFormat.learningRate(last)
    )
    return "one cycle, lr from \(first) up to \(maximum) in "
      + "\(NumberFormat.percent(risingFraction, decimals: 0)) of the iterations, then down to \(last)"
  }

  package func rate(afterSteps step: Int) -> Double {
    let peak = risingFraction * Double(steps) - 1
    let end = Double(steps - 1)
    let step = Double(step)
    if step < peak { return cosine(from: first, to: maximum, at: step / peak) }
    if step >= end { return end > peak ? last : maximum }
    return cosine(from: maximum, to: last, at: (step - peak) / (end - peak))
  }
}
