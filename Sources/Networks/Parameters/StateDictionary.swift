/// A network's state as named tensors in PyTorch's names, shapes and order.

/// A named tensor of floats in file order.
public struct StateTensor: Hashable, Sendable {
  public let name: String
  public let shape: [Int]
  public let values: [Float]

  /// - Precondition: `values` has as many elements as `shape` says.
  public init(name: String, shape: [Int], values: [Float]) {
    precondition(values.count == shape.reduce(1, *), "\(name) has shape \(shape)")
    self.name = name
    self.shape = shape
    self.values = values
  }
}

/// Why weights do not fit a network.
public enum StateDictionaryError: Error, Equatable, CustomStringConvertible {
  case missing(names: [String], model: String)
  case unexpected(names: [String], model: String)
  case shape(name: String, found: [Int], expected: [Int], model: String)
  case notFinite(name: String)
  case negativeVariance(name: String)

  public var description: String {
    switch self {
    case .missing(let names, let model):
      "these weights are not of \(model): \(Self.list(names)) missing; "
        + "use the --model, --shortcut and number of classes that they were made with"
    case .unexpected(let names, let model):
      "these weights are not of \(model), which has no \(Self.list(names)); "
        + "use the --model, --shortcut and number of classes that they were made with"
    case .shape(let name, let found, let expected, let model):
      "these weights are not of \(model): \(name) has shape \(found), expected \(expected); "
        + "use the --model, --shortcut and number of classes that they were made with"
    case .notFinite(let name):
      "tensor \(name) holds NaN or infinite values: the weights are damaged or from a run that "
        + "diverged"
    case .negativeVariance(let name):
      "tensor \(name) holds a negative variance: the weights are damaged"
    }
  }

  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(3).joined(separator: ", ")
    return names.count > 3 ? "\(shown) and \(names.count - 3) more" : shown
  }
}

extension Replica {
  /// Parameters and BN running statistics, sorted by name.
  public func stateDictionary() -> [StateTensor] {
    (parameterTensors(in: parameters) + statisticsTensors()).sorted { $0.name < $1.name }
  }

  /// Momentum's velocity of each parameter, under the parameter's name, sorted.
  public func velocityDictionary() -> [StateTensor] {
    parameterTensors(in: velocities).sorted { $0.name < $1.name }
  }

  /// The gradient of each parameter, under the parameter's name, sorted.
  public func gradientDictionary() -> [StateTensor] {
    parameterTensors(in: gradients).sorted { $0.name < $1.name }
  }

  /// Sets parameters and running statistics from exactly the tensors that the network has.
  ///
  /// Nothing is changed when it throws.
  /// - Throws: `StateDictionaryError`.
  public func load(stateDictionary tensors: [StateTensor]) throws(StateDictionaryError) {
    let byName = try checked(tensors, against: stateShapes())
    store(byName, in: parameters)
    for slot in parameterLayout.runningStatistics {
      for (suffix, range) in [("running_mean", slot.mean), ("running_var", slot.variance)] {
        let values = byName["\(slot.name).\(suffix)"]!.values
        for (offset, index) in range.enumerated() { runningStatistics[index] = values[offset] }
      }
    }
  }

  /// Sets the velocity from exactly one tensor for each parameter.
  ///
  /// - Throws: `StateDictionaryError`.
  public func load(velocityDictionary tensors: [StateTensor]) throws(StateDictionaryError) {
    let shapes = Dictionary(
      uniqueKeysWithValues: parameterLayout.slots.map { ($0.name, $0.fileShape) })
    store(try checked(tensors, against: shapes), in: velocities)
  }

  private func parameterTensors(
    in buffer: UnsafeMutableBufferPointer<Float>
  ) -> [StateTensor] {
    parameterLayout.slots.map { slot in
      let values = [Float](unsafeUninitializedCapacity: slot.range.count) { target, count in
        slot.copyToFileOrder(
          from: buffer.baseAddress! + slot.range.lowerBound, to: target.baseAddress!)
        count = slot.range.count
      }
      return StateTensor(name: slot.name, shape: slot.fileShape, values: values)
    }
  }

  private func statisticsTensors() -> [StateTensor] {
    parameterLayout.runningStatistics.flatMap { slot in
      [("running_mean", slot.mean), ("running_var", slot.variance)].map { suffix, range in
        StateTensor(
          name: "\(slot.name).\(suffix)", shape: [range.count],
          values: Array(runningStatistics[range]))
      }
    }
  }

  private func stateShapes() -> [String: [Int]] {
    var shapes: [String: [Int]] = [:]
    for slot in parameterLayout.slots { shapes[slot.name] = slot.fileShape }
    for slot in parameterLayout.runningStatistics {
      shapes["\(slot.name).running_mean"] = [slot.mean.count]
      shapes["\(slot.name).running_var"] = [slot.variance.count]
    }
    return shapes
  }

  private func checked(
    _ tensors: [StateTensor], against shapes: [String: [Int]]
  ) throws(StateDictionaryError) -> [String: StateTensor] {
    let byName = Dictionary(tensors.map { ($0.name, $0) }) { first, _ in first }
    let missing = shapes.keys.filter { byName[$0] == nil }.sorted()
    if !missing.isEmpty { throw .missing(names: missing, model: architecture.name) }
    let unexpected = byName.keys.filter { shapes[$0] == nil }.sorted()
    if !unexpected.isEmpty { throw .unexpected(names: unexpected, model: architecture.name) }
    for (name, expected) in shapes.sorted(by: { $0.key < $1.key }) {
      let tensor = byName[name]!
      guard tensor.shape == expected else {
        throw .shape(
          name: name, found: tensor.shape, expected: expected, model: architecture.name)
      }
      guard tensor.values.allSatisfy(\.isFinite) else { throw .notFinite(name: name) }
      if name.hasSuffix(".running_var"), tensor.values.contains(where: { $0 < 0 }) {
        throw .negativeVariance(name: name)
      }
    }
    return byName
  }

  private func store(
    _ tensors: [String: StateTensor], in buffer: UnsafeMutableBufferPointer<Float>
  ) {
    for slot in parameterLayout.slots {
      tensors[slot.name]!.values.withUnsafeBufferPointer { values in
        slot.copyFromFileOrder(
          values.baseAddress!, to: buffer.baseAddress! + slot.range.lowerBound)
      }
    }
  }
}
