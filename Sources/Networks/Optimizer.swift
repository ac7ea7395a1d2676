/// How gradients become a step: momentum SGD, or LARS over the layers' tensors.

import Kernels

/// A rule for one step of all parameters, and what it has beside the rates that every rule has.
public enum Optimizer: Hashable, Sendable {
  /// `MomentumSGD`.
  case sgd
  /// `LARS` for the weights of convolutions and the classifier, each tensor with its own local rate;
  /// `MomentumSGD` for the classifier's bias and BN's scales and shifts, which large-batch training
  /// leaves out of the adaptation (Grill et al. 2020, arXiv 2006.07733, "Optimization"): their norms say
  /// little about the step that they bear. They keep their weight decay.
  case lars(trust: Float)

  /// Takes one step.
  ///
  /// The same bits for the same values, whatever the ranks and threads. Allocates nothing.
  /// - Parameters:
  ///   - parameters: [layout.count], as `velocity`.
  ///   - gradients: of the weights region.
  ///   - normalizationGradients: of the normalization region.
  ///   - velocity: of the same optimizer's steps before, or 0.
  ///   - weightDecay: of the weights region.
  ///   - normalizationWeightDecay: of BN's scales and shifts.
  public func step(
    _ layout: ParameterLayout, parameters: UnsafeMutablePointer<Float>,
    gradients: UnsafePointer<Float>, normalizationGradients: UnsafePointer<Float>,
    velocity: UnsafeMutablePointer<Float>, learningRate: Float,
    momentum: Float, weightDecay: Float, normalizationWeightDecay: Float
  ) {
    func momentumSGD(
      _ range: Range<Int>, _ gradients: UnsafePointer<Float>, _ weightDecay: Float
    ) {
      MomentumSGD.step(
        parameters: parameters + range.lowerBound, gradients: gradients,
        velocity: velocity + range.lowerBound, count: range.count, learningRate: learningRate,
        momentum: momentum, weightDecay: weightDecay)
    }
    switch self {
    case .sgd: momentumSGD(layout.weights, gradients, weightDecay)
    case .lars(let trust):
      for slot in layout.slots where layout.weights.contains(slot.range.lowerBound) {
        guard slot.role.isAdapted else {
          momentumSGD(slot.range, gradients + slot.range.lowerBound, weightDecay)
          continue
        }
        LARS.step(
          parameters: parameters + slot.range.lowerBound,
          gradients: gradients + slot.range.lowerBound,
          velocity: velocity + slot.range.lowerBound, count: slot.range.count,
          learningRate: learningRate, momentum: momentum, weightDecay: weightDecay, trust: trust)
      }
    }
    momentumSGD(layout.normalization, normalizationGradients, normalizationWeightDecay)
  }
}

extension ParameterSlot.Role {
  /// Whether LARS gives the tensor a local rate.
  fileprivate var isAdapted: Bool {
    switch self {
    case .convolutionWeight, .fullyConnectedWeight: true
    case .normalizationScale, .normalizationShift, .fullyConnectedBias: false
    }
  }
}
