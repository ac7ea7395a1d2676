/// An optimizer: an update rule and its state for the trained parameters of a replica.

import Kernels
import Networks
import Tensors

/// Updates a replica's parameters from its gradients.
///
/// The state is what the rule keeps of each trained parameter, such as momentum's velocity, 0 before the
/// first step, and the number of steps.
/// Used by one thread.
package final class Optimizer {
  package let rule: any OptimizerRule
  private let replica: TrainingReplica
  private let runs: [Run]
  private let slots: [StateSlot]
  /// [numbers of a parameter, `width`].
  private let memory: AlignedBuffer<Float>
  /// Trained parameters.
  private let width: Int
  /// Steps taken, those before a resume included.
  package var steps = 0

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

  /// A number of a parameter in the state's buffer.
  private struct StateSlot {
    let name: String
    let parameter: ParameterSlot
    let range: Range<Int>
  }

  /// - Parameters:
  ///   - backboneRate: the learning rate of the backbone, over that of a step.
  ///   - heads: how the names of the other layers begin; nil: all but the classifier is the backbone.
  package init(
    _ rule: any OptimizerRule, of replica: TrainingReplica, backboneRate: Float = 1,
    heads: [String]? = nil
  ) {
    self.rule = rule
    self.replica = replica
    let layout = replica.parameterLayout
    let heads = heads ?? ["\(replica.architecture.scores.name)."]
    var runs: [Run] = []
    var slots: [StateSlot] = []
    var inOrder: [ParameterSlot] = []
    var count = 0
    for (region, range) in [
      (GradientRegion.weights, layout.weights), (.normalization, layout.normalization),
    ] {
      for slot in layout.slots where range.contains(slot.range.lowerBound) {
        inOrder.append(slot)
        var group = rule.group(of: slot)
        group.rateFactor = heads.contains { slot.name.hasPrefix($0) } ? 1 : backboneRate
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
    for (index, suffix) in rule.stateNames.enumerated() {
      var first = index * count
      for slot in inOrder {
        slots.append(
          StateSlot(
            name: slot.name + (suffix.map { ".\($0)" } ?? ""), parameter: slot,
            range: first..<first + slot.range.count))
        first += slot.range.count
      }
    }
    self.runs = runs
    self.slots = slots
    width = count
    memory = AlignedBuffer(count: rule.stateNames.count * count)
  }

  /// Takes one step of all trained parameters, by the replica's weight gradients summed over all ranks
  /// and by its normalization gradients.
  ///
  /// Allocates nothing.
  package func step(learningRate: Double) {
    steps += 1
    let divisor = gradientDivisor
    for run in runs {
      func range(_ first: Int) -> Range<Int> { first..<first + run.count }
      let parameters = MutableVectorView(replica.parameters)[range(run.first.parameter)]
      var parameterSpan = parameters.elements.mutableSpan
      rule.step(
        &parameterSpan,
        gradients: gradients(of: run).span.extracting(range(run.first.gradient)),
        state: OptimizerState(state, width: width, range: range(run.first.state)),
        group: run.group,
        OptimizerStep(
          number: steps, learningRate: Float(learningRate) * run.group.rateFactor,
          gradientDivisor: divisor))
    }
  }

  private func gradients(of run: Run) -> UnsafeBufferPointer<Float> {
    switch run.region {
    case .weights: replica.weightGradientSum
    case .normalization: replica.normalizationGradients
    }
  }

  /// How much longer all gradients together are than the rule allows; 1 where they are not.
  private var gradientDivisor: Float {
    guard let limit = rule.gradientNorm else { return 1 }
    let sum = runs.reduce(0.0) { sum, run in
      let range = run.first.gradient..<run.first.gradient + run.count
      return sum + SquareSum(gradients(of: run).span.extracting(range)).sum
    }
    return max(1, Float(sum.squareRoot() / Double(limit)))
  }

  /// Bytes of the state.
  ///
  /// - Parameter parameters: that are trained.
  package static func bytes(_ rule: any OptimizerRule, parameters: Int) -> Int {
    rule.stateNames.count * parameters * MemoryLayout<Float>.stride
  }

  // MARK: State

  /// The state of all trained parameters, in an order that depends on the network and the rule's groups
  /// alone. A view into the optimizer's memory.
  package var state: MutableVectorView<Float> { memory.view }

  /// The state of each trained parameter, under the parameter's name and the rule's of each number, sorted.
  package func stateDictionary() -> [StateTensor] { stateViews().map(\.tensor) }

  /// The same in the optimizer's memory.
  package func stateViews() -> [StateTensorView] {
    let state = VectorView(state)
    return slots.map { StateTensorView($0.parameter, state[$0.range], named: $0.name) }
      .sorted { $0.name < $1.name }
  }

  /// Sets the state from exactly one tensor for each of its tensors.
  ///
  /// Nothing is changed when it throws.
  /// - Throws: `StateDictionaryError`.
  package func load(stateDictionary tensors: [StateTensor]) throws(StateDictionaryError) {
    let shapes = Dictionary(
      uniqueKeysWithValues: slots.map { ($0.name, $0.parameter.fileShape) })
    let byName = try tensors.checked(against: shapes, model: replica.architecture.name)
    for slot in slots {
      slot.parameter.copy(byName[slot.name]!, to: state[slot.range])
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
