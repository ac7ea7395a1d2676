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
    let byName = try checked(tensors, against: parameterLayout.stateShapes)
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

  private func checked(
    _ tensors: [StateTensor], against shapes: [String: [Int]]
  ) throws(StateDictionaryError) -> [String: StateTensor] {
    let byName = Dictionary(tensors.map { ($0.name, $0) }) { first, _ in first }
    let mismatch = StateMismatch(
      found: byName.mapValues(\.shape), expected: shapes, model: architecture.name)
    if let mismatch { throw .mismatch(mismatch) }
    for (name, tensor) in byName.sorted(by: { $0.key < $1.key }) {
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
