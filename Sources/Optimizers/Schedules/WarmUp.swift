/// A warm-up: lower learning rates in the first steps of a run, before any schedule.

import Console
import Tensors

/// What the rate does during a warm-up.
package enum WarmUpMethod: String, CaseIterable, Sendable {
  /// It grows by the same amount at each step (gradual warm-up, Goyal et al. 2017, §2.2).
  case linear
  /// It stays low (He et al. 2015, §4.2, for 110 layers: 0.01 for about 400 iterations, then 0.1).
  case constant
}

/// A schedule whose first steps have a warm-up's rates.
///
/// The schedule's positions count from the start of the run, or from the warm-up's end where that precedes it
/// (PyTorch's `SequentialLR`).
package struct WarmUp: ScheduleAdjustment {
  package internal(set) var schedule: any LearningRateSchedule
  package let steps: Int
  /// The first step's rate.
  package let startRate: Double
  package let method: WarmUpMethod
  /// Whether the schedule begins after the warm-up.
  package let precedes: Bool

  package init(
    _ schedule: any LearningRateSchedule, steps: Int, startRate: Double,
    method: WarmUpMethod = .linear, precedes: Bool = false
  ) {
    self.precedes = precedes
    self.schedule = schedule
    self.steps = steps
    self.startRate = startRate
    self.method = method
  }

  package var summary: String {
    let start = NumberFormat.learningRate(startRate)
    let course =
      switch method {
      case .linear: "lr from \(start) up in even steps"
      case .constant: "lr \(start)"
      }
    return schedule.summary + "\nwarm-up of \(steps.grouped) iterations"
      + (precedes ? ", from whose end the schedule counts: " : ": ") + course
  }

  package func isWarmUp(afterSteps step: Int) -> Bool { step < steps }

  /// A linear warm-up reaches the schedule's rate at step `steps`; if that changes on the way, the rate
  /// of each step is a mean of the first one and the schedule's at this step.
  package func rate(afterSteps step: Int) -> Double {
    let target = schedule.rate(afterSteps: precedes ? max(0, step - steps) : step)
    guard step < steps else { return target }
    return switch method {
    case .linear: startRate + (target - startRate) * Double(step) / Double(steps)
    case .constant: startRate
    }
  }
}
