/// Layer-wise adaptive rate scaling: You, Gitman and Ginsburg 2017, arXiv 1708.03888.

import Kernels
import Networks

/// SGD whose gradients are scaled by a rate of each tensor's own (`LayerwiseRate`).
///
/// Weights of convolutions and of the classifier have one. Biases and BN's scales and shifts are updated
/// as by SGD, weight decay included: large-batch training leaves them out of the adaptation (Grill et al.
/// 2020, arXiv 2006.07733, "Optimization"), since their norms say little about the step they can take.
///
/// The paper writes the global rate γ into the velocity, v = m·v + γ·λ·(g + β·w) and w = w − v. The two
/// are the same while γ is constant. Where it changes, as at every step of a warm-up, that form needs the
/// momentum correction of Goyal et al. 2017 (§3, eq. 10, remark 2), which makes it this one.
package struct LARS: OptimizerRule, Hashable {
  package var sgd: SGD
  /// The trust coefficient η, as in the paper's §5.
  package var trust: Float

  package init(_ sgd: SGD, trust: Float) {
    self.sgd = sgd
    self.trust = trust
  }

  package var summary: String { "LARS, trust \(trust), \(sgd.hyperparameters)" }

  package func group(of parameter: ParameterSlot) -> ParameterGroup {
    var group = sgd.group(of: parameter)
    group.isLayerwise = parameter.role.isAdapted
    return group
  }

  package func step(
    _ parameters: inout MutableSpan<Float>, gradients: Span<Float>, state: OptimizerState,
    group: ParameterGroup, _ step: OptimizerStep
  ) {
    let scale =
      group.isLayerwise
      ? LayerwiseRate.lars(
        parameters: parameters.span, gradients: gradients, trust: Double(trust),
        weightDecay: Double(group.weightDecay)) : 1
    sgd.step(
      &parameters, gradients: gradients, state: state, group: group,
      learningRate: step.learningRate, scale: Float(scale))
  }
}

extension ParameterDescription.Role {
  /// Whether LARS gives the tensor a local rate.
  fileprivate var isAdapted: Bool {
    switch self {
    case .weight: true
    case .bias, .normalizationScale, .normalizationShift: false
    }
  }
}
