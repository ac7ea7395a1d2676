/// Layer-wise adaptive moments: You et al. 2019, arXiv 1904.00962, as timm's `Lamb`.

import Kernels
import Networks

/// Adam whose steps are as long as the tensors they change (`LAMBUpdate`).
///
/// Gradients of all parameters together are first made no longer than `gradientNorm`. Tensors without
/// weight decay are not adapted. Biases and BN's scales and shifts have the decay of BN: timm leaves all
/// of them out of both.
package struct LAMB: OptimizerRule, Hashable {
  /// β₁ and β₂.
  package var momentum: Double
  package var secondMomentum: Double
  package var epsilon: Float
  /// Of convolutions' and fully connected layers' weights.
  package var weightDecay: Float
  /// Of biases and of BN's scales and shifts.
  package var normalizationWeightDecay: Float
  /// The longest that all gradients together may be; nil: any length.
  package var gradientNorm: Float?

  package init(
    momentum: Double, secondMomentum: Double, epsilon: Float, weightDecay: Float,
    normalizationWeightDecay: Float, gradientNorm: Float?
  ) {
    self.momentum = momentum
    self.secondMomentum = secondMomentum
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.normalizationWeightDecay = normalizationWeightDecay
    self.gradientNorm = gradientNorm
  }

  package var summary: String {
    "LAMB, betas \(momentum) and \(secondMomentum), epsilon \(epsilon), weight decay \(weightDecay)"
      + (normalizationWeightDecay == weightDecay
        ? "" : ", of biases and BN \(normalizationWeightDecay)")
      + (gradientNorm.map { ", gradients up to a norm of \($0)" } ?? "")
  }

  package var stateNames: [String?] { ["exp_avg", "exp_avg_sq"] }

  package func group(of parameter: ParameterSlot) -> ParameterGroup {
    let decay = parameter.role == .weight ? weightDecay : normalizationWeightDecay
    return ParameterGroup(weightDecay: decay, isLayerwise: decay != 0)
  }

  package func step(
    _ parameters: inout MutableSpan<Float>, gradients: Span<Float>, state: OptimizerState,
    group: ParameterGroup, _ step: OptimizerStep
  ) {
    let (first, second) = (state[0], state[1])
    var firstSpan = first.elements.mutableSpan
    var secondSpan = second.elements.mutableSpan
    LAMBUpdate.step(
      &parameters, gradients: gradients, first: &firstSpan, second: &secondSpan,
      .init(
        momentum: momentum, secondMomentum: secondMomentum, epsilon: epsilon,
        weightDecay: group.weightDecay, learningRate: step.learningRate,
        gradientDivisor: step.gradientDivisor, step: step.number),
      isAdapted: group.isLayerwise)
  }
}
