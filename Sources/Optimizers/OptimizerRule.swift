/// An update rule: what an optimizer is apart from its state.

import Networks

/// How gradients become a step of the parameters, with all hyper-parameters but the learning rate.
///
/// A rule is one file. Its name is added to the settings' list of optimizers, and nothing else.
package protocol OptimizerRule: Sendable {
  /// The rule and its hyper-parameters in a few words, such as `SGD, momentum 0.9, weight decay 0.0001`.
  var summary: String { get }

  /// How the rule treats a parameter.
  func group(of parameter: ParameterSlot) -> ParameterGroup

  /// Takes one step of parameters that have the same group.
  ///
  /// The same bits for the same values, whatever the ranks and threads. Allocates nothing.
  /// - Parameters:
  ///   - parameters: [count]; one whole tensor if the group is layer-wise.
  ///   - gradients: [count], over the whole mini-batch.
  ///   - velocity: [count], what the steps before left here; 0 before the first.
  func step(
    _ parameters: inout MutableSpan<Float>, gradients: Span<Float>,
    velocity: inout MutableSpan<Float>, group: ParameterGroup, learningRate: Float)
}

/// Parameters with the same hyper-parameters, as in PyTorch's parameter groups.
package struct ParameterGroup: Hashable, Sendable {
  package var weightDecay: Float
  /// Whether a tensor's step depends on the tensor as a whole, as by a norm. If not, neighbouring
  /// tensors are updated by one call.
  package var isLayerwise = false
  /// The group's learning rate over the step's.
  package var rateFactor: Float = 1
}
