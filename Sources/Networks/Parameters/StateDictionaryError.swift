/// Why weights do not fit a network, and which network they would fit.

/// What differs between the tensors that a network has and those that it was given.
package struct StateMismatch: Equatable, Sendable {
  /// A tensor on one side, or on both with two shapes.
  package struct Tensor: Equatable, Sendable {
    package let name: String
    package let shape: [Int]
    /// The network's shape, where `shape` is another.
    package let expected: [Int]?

    package init(name: String, shape: [Int], expected: [Int]? = nil) {
      self.name = name
      self.shape = shape
      self.expected = expected
    }
  }

  package let model: String
  /// Tensors of the network that were not given, by name.
  package let missing: [Tensor]
  /// Tensors that the network does not have, by name.
  package let unexpected: [Tensor]
  /// Tensors with another shape, by name.
  package let misshaped: [Tensor]
  /// The network that the tensors are of, if that can be recognized.
  package let recognized: RecognizedModel?

  /// - Returns: nil where nothing differs.
  init?(found: [String: [Int]], expected: [String: [Int]], model: String) {
    func tensors(_ names: some Sequence<String>, _ shapes: [String: [Int]]) -> [Tensor] {
      names.sorted().map { Tensor(name: $0, shape: shapes[$0]!) }
    }
    missing = tensors(expected.keys.filter { found[$0] == nil }, expected)
    unexpected = tensors(found.keys.filter { expected[$0] == nil }, found)
    misshaped = expected.keys.sorted().compactMap { name in
      guard let shape = found[name], shape != expected[name] else { return nil }
      return Tensor(name: name, shape: shape, expected: expected[name])
    }
    if missing.isEmpty && unexpected.isEmpty && misshaped.isEmpty { return nil }
    self.model = model
    recognized = RecognizedModel(shapes: found)
  }
}

extension StateMismatch: CustomStringConvertible {
  package var description: String {
    var parts: [String] = []
    func add(_ tensors: [Tensor], _ what: String, _ text: (Tensor) -> String) {
      if tensors.isEmpty { return }
      let more = tensors.count > 3 ? " and \(tensors.count - 3) more" : ""
      parts.append("\(what) " + tensors.prefix(3).map(text).joined(separator: ", ") + more)
    }
    add(missing, "missing") { "\($0.name) \($0.shape)" }
    add(unexpected, "unexpected") { "\($0.name) \($0.shape)" }
    add(misshaped, "of other shapes") { "\($0.name) \($0.shape), expected \($0.expected!)" }
    let advice =
      recognized.map { "they look like \($0)" }
      ?? "use the --model, --shortcut and number of classes that they were made with"
    return "these weights are not of \(model): \(parts.joined(separator: "; ")). "
      + advice.capitalizedFirst
  }
}

extension String {
  fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}

/// Why weights cannot be loaded into a network.
package enum StateDictionaryError: Error, Equatable, CustomStringConvertible {
  case mismatch(StateMismatch)
  case notFinite(name: String)
  case negativeVariance(name: String)

  package var description: String {
    switch self {
    case .mismatch(let mismatch): mismatch.description
    case .notFinite(let name):
      "tensor \(name) holds NaN or infinite values: the weights are damaged or from a run that "
        + "diverged"
    case .negativeVariance(let name):
      "tensor \(name) holds a negative variance: the weights are damaged"
    }
  }
}
