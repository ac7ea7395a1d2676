/// An optimizer: an update rule and its state for the trained parameters of a replica.

import Networks
import Tensors

/// Updates a replica's parameters from its gradients.
///
/// The state is momentum's velocity, a float for each trained parameter, 0 before the first step.
/// Used by one thread.
package final class Optimizer {
  package let rule: any OptimizerRule
  private let replica: TrainingReplica
  private let runs: [Run]
  private let slots: [StateSlot]
  private let velocity: AlignedBuffer<Float>

  /// Neighbouring parameters that one call of the rule updates.
  fileprivate struct Run {
    let group: ParameterGroup
    let region: GradientRegion
    /// The first one's position in the parameters' buffer, the region's gradients and the state's buffer.
    let first: (parameter: Int, gradient: Int, state: Int)
    var count: Int
  }

  fileprivate enum GradientRegion {
    case weights, normalization
  }

  /// A parameter's state in the state's buffer.
  private struct StateSlot {
    let parameter: ParameterSlot
    let range: Range<Int>
  }

  /// - Parameter backboneRate: the learning rate of all layers but the classifier, over that of a step.
  package init(
    _ rule: any OptimizerRule, of replica: TrainingReplica, backboneRate: Float = 1
  ) {
    self.rule = rule
    self.replica = replica
    let layout = replica.parameterLayout
    let classifier = "\(replica.architecture.scores.name)."
    var runs: [Run] = []
    var slots: [StateSlot] = []
    var count = 0
    for (region, range) in [
      (GradientRegion.weights, layout.weights), (.normalization, layout.normalization),
    ] {
      for slot in layout.slots where range.contains(slot.range.lowerBound) {
        slots.append(StateSlot(parameter: slot, range: count..<count + slot.range.count))
        var group = rule.group(of: slot)
        group.rateFactor = slot.name.hasPrefix(classifier) ? 1 : backboneRate
        let run = Run(
          group: group, region: region,
          first: (slot.range.lowerBound, slot.range.lowerBound - range.lowerBound, count),
          count: slot.range.count)
        if let last = runs.last, last.isContinued(by: run) {
          runs[runs.count - 1].count += run.count
        } else {
          runs.append(run)
        }
        count += slot.range.count
      }
    }
    self.runs = runs
    self.slots = slots
    velocity = AlignedBuffer(count: count)
  }

  /// Takes one step of all trained parameters, by the replica's weight gradients summed over all ranks
  /// and by its normalization gradients.
  ///
  /// Allocates nothing.
  package func step(learningRate: Double) {
    for run in runs {
      let gradients =
        switch run.region {
        case .weights: replica.weightGradientSum
        case .normalization: replica.normalizationGradients
        }
      func range(_ first: Int) -> Range<Int> { first..<first + run.count }
      let parameters = MutableVectorView(replica.parameters)[range(run.first.parameter)]
      let velocity = state[range(run.first.state)]
      var parameterSpan = parameters.elements.mutableSpan
      var velocitySpan = velocity.elements.mutableSpan
      rule.step(
        &parameterSpan, gradients: gradients.span.extracting(range(run.first.gradient)),
        velocity: &velocitySpan, group: run.group,
        learningRate: Float(learningRate) * run.group.rateFactor)
    }
  }

  // MARK: State

  /// The state of all trained parameters, in an order that depends on the network and the rule's groups
  /// alone. A view into the optimizer's memory.
  package var state: MutableVectorView<Float> { velocity.view }

  /// The state of each trained parameter, under the parameter's name, sorted.
  package func stateDictionary() -> [StateTensor] { stateReader(VectorView(state)) }

  /// Makes the tensors of `stateDictionary` of a copy of `state`, on any thread.
  package var stateReader: @Sendable (VectorView<Float>) -> [StateTensor] {
    { [slots] state in
      slots.map { $0.parameter.tensor(of: state[$0.range]) }.sorted { $0.name < $1.name }
    }
  }

  /// Sets the state from exactly one tensor for each trained parameter.
  ///
  /// Nothing is changed when it throws.
  /// - Throws: `StateDictionaryError`.
  package func load(stateDictionary tensors: [StateTensor]) throws(StateDictionaryError) {
    let shapes = Dictionary(
      uniqueKeysWithValues: slots.map { ($0.parameter.name, $0.parameter.fileShape) })
    let byName = try tensors.checked(against: shapes, model: replica.architecture.name)
    for slot in slots {
      slot.parameter.copy(byName[slot.parameter.name]!, to: state[slot.range])
    }
  }
}

extension Optimizer.Run {
  /// Whether one call can update these parameters and those of `next`.
  fileprivate func isContinued(by next: Self) -> Bool {
    group == next.group && !group.isLayerwise && region == next.region
      && first.parameter + count == next.first.parameter
  }
}
