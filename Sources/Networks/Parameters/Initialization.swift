/// Initial parameter values.

import Glibc
import Randomness
import Tensors

/// Fills parameters with the values that their operations describe: weights by He's initialization
/// (He et al. 2015, "Delving Deep into Rectifiers", eq. 10), biases 0, γ = 1, β = 0, running mean 0 and
/// variance 1.
///
/// Draws are keyed by (seed, parameter), so every rank makes the same values without communicating, and
/// frozen or trained, a parameter gets the same.
enum Initialization {
  /// - Parameter zeroScales: the names of γ that begin as 0.
  static func fill(
    _ layout: ParameterLayout, seed: UInt64, zeroScales: Set<String> = [],
    parameters: MutableVectorView<Float>, runningStatistics: MutableVectorView<Float>
  ) {
    for (index, slot) in layout.slots.enumerated() {
      let target = parameters[slot.range]
      switch slot.description.initialization {
      case .normal(let variance): fillNormal(target, deviation: sqrt(variance), seed, index)
      case .constant(let value):
        target.update(repeating: zeroScales.contains(slot.name) ? 0 : value)
      }
    }
    for slot in layout.runningStatistics {
      runningStatistics[slot.mean].update(repeating: 0)
      runningStatistics[slot.variance].update(repeating: 1)
    }
  }

  /// Normal draws.
  private static func fillNormal(
    _ target: MutableVectorView<Float>, deviation: Double, _ seed: UInt64, _ index: Int
  ) {
    var stream = CounterStream(seed: seed, purpose: .initialization, index: index)
    for position in 0..<target.count {
      target[position] = Float(stream.nextNormal(deviation: deviation))
    }
  }
}
