/// An update rule: what an optimizer is apart from its state.

import Networks
import Tensors

/// How gradients become a step of the parameters, with all hyper-parameters but the learning rate.
///
/// A rule is one file. Its name is added to the settings' list of optimizers, and nothing else.
package protocol OptimizerRule: Sendable {
  /// The rule and its hyper-parameters in a few words, such as `SGD, momentum 0.9, weight decay 0.0001`.
  var summary: String { get }

  /// What files add to a parameter's name for each number that the rule keeps of each parameter; nil:
  /// nothing.
  var stateNames: [String?] { get }

  /// The longest that all gradients together may be, by their Euclidean norm; nil: any length.
  var gradientNorm: Float? { get }

  /// How the rule treats a parameter.
  func group(of parameter: ParameterSlot) -> ParameterGroup

  /// Takes one step of parameters that have the same group.
  ///
  /// The same bits for the same values, whatever the ranks and threads. Allocates nothing.
  /// - Parameters:
  ///   - parameters: [count]; one whole tensor if the group is layer-wise.
  ///   - gradients: [count], over the whole mini-batch.
  ///   - state: what the steps before left here; 0 before the first.
  func step(
    _ parameters: inout MutableSpan<Float>, gradients: Span<Float>, state: OptimizerState,
    group: ParameterGroup, _ step: OptimizerStep)
}

extension OptimizerRule {
  /// A velocity, under the parameters' own names.
  package var stateNames: [String?] { [nil] }

  package var gradientNorm: Float? { nil }
}

/// What a step of a group of parameters depends on beside their gradients.
package struct OptimizerStep: Hashable, Sendable {
  /// From 1 on.
  package var number: Int
  /// The group's.
  package var learningRate: Float
  /// What gradients are divided by: 1, or how much longer all of them together are than allowed.
  package var gradientDivisor: Float
}

/// What a rule keeps of some neighbouring parameters; a view into the optimizer's memory.
package struct OptimizerState {
  /// [numbers of a parameter, `width`].
  private let memory: MutableVectorView<Float>
  private let width: Int
  private let range: Range<Int>

  init(_ memory: MutableVectorView<Float>, width: Int, range: Range<Int>) {
    (self.memory, self.width, self.range) = (memory, width, range)
  }

  /// One number of each of the parameters, by its place in `stateNames`.
  package subscript(_ index: Int) -> MutableVectorView<Float> {
    memory.row(index, width: width)[range]
  }
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
