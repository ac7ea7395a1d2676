/// Stochastic gradient descent with momentum, as torch.optim.SGD (without dampening).

import Kernels
import Networks

/// `MomentumSGD` over all parameters.
package struct SGD: OptimizerRule, Hashable {
  package var momentum: Float
  /// Whether a step looks ahead by the new velocity; also within LARS, whose local rate is a factor of
  /// the gradient only (timm's `nlars`).
  package var nesterov: Bool
  /// Of convolutions and fully connected layers, biases included.
  package var weightDecay: Float
  /// Of BN's scales and shifts.
  package var normalizationWeightDecay: Float

  package init(
    momentum: Float, nesterov: Bool = false, weightDecay: Float, normalizationWeightDecay: Float
  ) {
    self.momentum = momentum
    self.nesterov = nesterov
    self.weightDecay = weightDecay
    self.normalizationWeightDecay = normalizationWeightDecay
  }

  package var summary: String { "SGD, \(hyperparameters)" }

  /// What the summary says of the hyper-parameters.
  var hyperparameters: String {
    "\(nesterov ? "Nesterov " : "")momentum \(momentum), weight decay \(weightDecay)"
      + (normalizationWeightDecay == weightDecay ? "" : ", of BN \(normalizationWeightDecay)")
  }

  package func group(of parameter: ParameterSlot) -> ParameterGroup {
    ParameterGroup(
      weightDecay: parameter.role.isNormalization ? normalizationWeightDecay : weightDecay)
  }

  package func step(
    _ parameters: inout MutableSpan<Float>, gradients: Span<Float>, state: OptimizerState,
    group: ParameterGroup, _ step: OptimizerStep
  ) {
    self.step(
      &parameters, gradients: gradients, state: state, group: group,
      learningRate: step.learningRate, scale: 1)
  }

  /// A step by gradients, weight decay included, that are multiplied by `scale`.
  func step(
    _ parameters: inout MutableSpan<Float>, gradients: Span<Float>, state: OptimizerState,
    group: ParameterGroup, learningRate: Float, scale: Float
  ) {
    var velocity = state[0].elements.mutableSpan
    MomentumSGD.step(
      &parameters, gradients: gradients, velocity: &velocity, learningRate: learningRate,
      momentum: momentum, weightDecay: group.weightDecay, nesterov: nesterov, scale: scale)
  }
}
