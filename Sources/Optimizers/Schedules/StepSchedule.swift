/// A rate that drops at milestones: He et al. 2015, §4.2, start at 0.1 and divide by 10 twice.

import Console
import Tensors

/// `torch.optim.lr_scheduler.MultiStepLR`; without milestones the rate is constant.
package struct StepSchedule: LearningRateSchedule, Hashable {
  package let initial: Double
  /// The factor at each milestone.
  package let gamma: Double
  /// Finished steps from which each further factor applies, ascending.
  package let milestones: [Int]

  package init(initial: Double, gamma: Double, milestones: [Int]) {
    self.initial = initial
    self.gamma = gamma
    self.milestones = milestones.sorted()
  }

  package var summary: String {
    let drops = milestones.map(\.grouped).joined(separator: " and ")
    return "lr \(NumberFormat.learningRate(initial))"
      + (drops.isEmpty
        ? "" : ", × \(NumberFormat.learningRate(gamma)) after iterations \(drops)")
  }

  package func rate(afterSteps step: Int) -> Double {
    Optimizers.rate(
      initial, droppedBy: gamma, times: milestones.prefix { step >= $0 }.count)
  }
}
