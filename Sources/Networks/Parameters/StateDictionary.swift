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

/// A tensor whose values are brought into file order when they are asked for, so that a network's are never in
/// memory twice.
package struct StateTensorReader {
  package let name: String
  package let shape: [Int]
  private let read: () -> [Float]

  init(name: String, shape: [Int], read: @escaping () -> [Float]) {
    (self.name, self.shape, self.read) = (name, shape, read)
  }

  /// A tensor that is in memory.
  package init(_ tensor: StateTensor) {
    self.init(name: tensor.name, shape: tensor.shape) { tensor.values }
  }

  /// Reads the values anew each time.
  package var values: [Float] { read() }

  package var tensor: StateTensor { StateTensor(name: name, shape: shape, values: values) }
}

extension Replica {
  /// Whether all parameters and running statistics are numbers.
  package var isFinite: Bool {
    [parameters, runningStatistics].allSatisfy {
      Elementwise.isFinite(VectorView(MutableVectorView($0)))
    }
  }

  /// Parameters and BN running statistics, sorted by name.
  package func stateDictionary() -> [StateTensor] { stateReaders().map(\.tensor) }

  /// The same, each tensor as it is when it is read; valid as long as the replica.
  package func stateReaders() -> [StateTensorReader] {
    parameterLayout.stateReaders(
      parameters: VectorView(MutableVectorView(parameters)),
      runningStatistics: VectorView(MutableVectorView(runningStatistics)))
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
  ///   - parameters: in the layout's order, a replica's or a copy.
  ///   - statistics: likewise.
  package func stateReaders(
    parameters: VectorView<Float>, runningStatistics statistics: VectorView<Float>
  ) -> [StateTensorReader] {
    (slots.map { $0.reader(of: parameters[$0.range]) } + statisticsReaders(of: statistics))
      .sorted { $0.name < $1.name }
  }

  private func statisticsReaders(of values: VectorView<Float>) -> [StateTensorReader] {
    runningStatistics.flatMap { slot in
      [("running_mean", slot.mean), ("running_var", slot.variance)].map { suffix, range in
        StateTensorReader(name: "\(slot.name).\(suffix)", shape: [range.count]) {
          Array(values[range].elements)
        }
      }
    }
  }

  /// Bytes of the largest tensor.
  package var largestTensorBytes: Int {
    (slots.map(\.range.count).max() ?? 0) * MemoryLayout<Float>.stride
  }
}

extension TrainingReplica {
  /// The gradient of each trained parameter, under the parameter's name, sorted.
  package func gradientDictionary() -> [StateTensor] {
    let values = VectorView(MutableVectorView(gradients))
    return parameterLayout.slots.filter { !$0.isFrozen }.map { $0.tensor(of: values[$0.range]) }
      .sorted { $0.name < $1.name }
  }
}

extension ParameterSlot {
  /// The parameter's values, or their gradients or an optimizer's state, as a tensor in file order.
  ///
  /// - Parameter elements: in memory order.
  package func tensor(of elements: VectorView<Float>) -> StateTensor {
    reader(of: elements).tensor
  }

  /// The same when it is read, perhaps under another name.
  package func reader(
    of elements: VectorView<Float>, named other: String? = nil
  ) -> StateTensorReader {
    StateTensorReader(name: other ?? name, shape: fileShape) {
      var values = [Float](repeating: 0, count: elements.count)
      var span = values.mutableSpan
      copyToFileOrder(from: elements, to: &span)
      return values
    }
  }

  /// Copies a tensor that has the parameter's shape into `elements`, in memory order.
  package func copy(_ tensor: StateTensor, to elements: MutableVectorView<Float>) {
    precondition(tensor.shape == fileShape && elements.count == range.count)
    copyFromFileOrder(tensor.values.span, to: elements)
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
