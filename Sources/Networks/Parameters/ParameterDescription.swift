/// What an operation says of one of its parameters.

/// A trainable tensor: its name within the layer, its role, its shape and its first values.
package struct ParameterDescription: Hashable, Sendable {
  /// What a parameter is to optimizers and to the exchange of gradients.
  package enum Role: Hashable, Sendable {
    /// A matrix or filter, decayed, with a local rate under LARS.
    case weight
    case bias
    /// γ, whose gradient is summed with the statistics.
    case normalizationScale
    /// β, likewise.
    case normalizationShift

    /// Whether the parameter belongs to a normalization, whose gradient needs no reduction of its own.
    package var isNormalization: Bool {
      switch self {
      case .weight, .bias: false
      case .normalizationScale, .normalizationShift: true
      }
    }
  }

  /// The values of a new network.
  package enum Initialization: Hashable, Sendable {
    /// Independent draws from N(0, variance).
    case normal(variance: Double)
    case constant(Float)
  }

  /// torchvision's name within the layer, such as `weight`.
  package let suffix: String
  package let role: Role
  /// PyTorch's shape, which files have: [K], [K, C] or [K, C, R, S].
  package let shape: [Int]
  package let initialization: Initialization

  package init(
    _ suffix: String, _ role: Role, shape: [Int], initialization: Initialization
  ) {
    self.suffix = suffix
    self.role = role
    self.shape = shape
    self.initialization = initialization
  }

  package var count: Int { shape.reduce(1, *) }
}
