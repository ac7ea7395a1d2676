/// A network's state as named tensors in PyTorch's names, shapes and order.

import Kernels
import Tensors

/// A named tensor of floats in file order.
package struct StateTensor: Hashable, Sendable {
  package let name: String
  package let shape: [Int]
  package let values: [Float]

  /// - Precondition: `values` has as many elements as `shape` says.
  package init(name: String, shape: [Int], values: [Float]) {
    precondition(values.count == shape.reduce(1, *), "\(name) has shape \(shape)")
    self.name = name
    self.shape = shape
    self.values = values
  }
}

extension Replica {
  /// Whether all parameters and running statistics are numbers.
  package var isFinite: Bool {
    [parameters, runningStatistics].allSatisfy {
      Elementwise.isFinite(VectorView(MutableVectorView($0)))
    }
  }

  /// Parameters and BN running statistics, sorted by name.
  package func stateDictionary() -> [StateTensor] { stateViews().map(\.tensor) }

  /// The same in the replica's memory.
  package func stateViews() -> [StateTensorView] {
    let parameters = VectorView(MutableVectorView(parameters))
    let statistics = VectorView(MutableVectorView(runningStatistics))
    return parameterLayout.stateViews(
      parameters: { parameters[$0] }, runningStatistics: { statistics[$0] })
  }

  /// Sets parameters and running statistics from exactly the tensors that the network has.
  ///
  /// Nothing is changed when it throws.
  /// - Throws: `StateDictionaryError`.
  package func load(stateDictionary tensors: [StateTensor]) throws(StateDictionaryError) {
    let byName = try tensors.checked(
      against: parameterLayout.stateShapes, model: architecture.name)
    for slot in parameterLayout.slots {
      slot.copy(byName[slot.name]!, to: MutableVectorView(parameters)[slot.range])
    }
    for slot in parameterLayout.runningStatistics {
      for (suffix, range) in [("running_mean", slot.mean), ("running_var", slot.variance)] {
        let values = byName["\(slot.name).\(suffix)"]!.values
        for (offset, index) in range.enumerated() { runningStatistics[index] = values[offset] }
      }
    }
  }
}

extension ParameterLayout {
  /// Parameters and BN running statistics as tensors, sorted by name.
  ///
  /// - Parameters:
  ///   - parameters: those of a range of the layout.
  ///   - statistics: likewise.
  package func stateViews(
    parameters: (Range<Int>) -> VectorView<Float>,
    runningStatistics statistics: (Range<Int>) -> VectorView<Float>
  ) -> [StateTensorView] {
    let weights = slots.map { StateTensorView($0, parameters($0.range)) }
    let moments = runningStatistics.flatMap { slot in
      [("running_mean", slot.mean), ("running_var", slot.variance)].map { suffix, range in
        StateTensorView(
          name: "\(slot.name).\(suffix)", shape: [range.count], statistics(range))
      }
    }
    return (weights + moments).sorted { $0.name < $1.name }
  }
}

extension TrainingReplica {
  /// The gradient of each trained parameter, under the parameter's name, sorted.
  package func gradientDictionary() -> [StateTensor] {
    let values = VectorView(MutableVectorView(gradients))
    return parameterLayout.slots.filter { !$0.isFrozen }.map {
      StateTensorView($0, values[$0.range]).tensor
    }
    .sorted { $0.name < $1.name }
  }
}

extension ParameterSlot {
  /// Copies a tensor that has the parameter's shape into `elements`, in memory order.
  package func copy(_ tensor: StateTensor, to elements: MutableVectorView<Float>) {
    precondition(tensor.shape == fileShape && elements.count == range.count)
    tensor.values.withUnsafeBufferPointer { copyFromFileOrder(VectorView($0), to: elements) }
  }
}

extension [StateTensor] {
  /// The tensors by name, if they are those that `shapes` names and their values can be loaded.
  ///
  /// - Parameter model: the network's name, for the message.
  /// - Throws: `StateDictionaryError`.
  package func checked(
    against shapes: [String: [Int]], model: String
  ) throws(StateDictionaryError) -> [String: StateTensor] {
    let byName = Dictionary(map { ($0.name, $0) }) { first, _ in first }
    let mismatch = StateMismatch(
      found: byName.mapValues(\.shape), expected: shapes, model: model)
    if let mismatch { throw .mismatch(mismatch) }
    for (name, tensor) in byName.sorted(by: { $0.key < $1.key }) {
      guard tensor.values.allSatisfy(\.isFinite) else { throw .notFinite(name: name) }
      if name.hasSuffix(".running_var"), tensor.values.contains(where: { $0 < 0 }) {
        throw .negativeVariance(name: name)
      }
    }
    return byName
  }
}
