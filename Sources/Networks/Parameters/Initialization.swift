/// Initial parameter values.

import Glibc
import Randomness

/// He initialization: weights from N(0, 2/n) with n the inputs of one output (He et al. 2015,
/// "Delving Deep into Rectifiers", eq. 10), biases 0, γ = 1, β = 0, running mean 0 and variance 1.
///
/// The classifier, which no ReLU follows, gets N(0, 1/n). Draws are keyed by (seed, parameter), so
/// every rank makes the same values without talking.
enum HeInitialization {
  /// - Parameter zeroScales: the names of γ that begin as 0.
  static func fill(
    _ layout: ParameterLayout, seed: UInt64, zeroScales: Set<String> = [],
    parameters: UnsafeMutablePointer<Float>, runningStatistics: UnsafeMutablePointer<Float>
  ) {
    for (index, slot) in layout.slots.enumerated() {
      let target = buffer(parameters, slot.range)
      switch slot.role {
      case .convolutionWeight(let geometry):
        fillNormal(target, deviation: sqrt(2 / Double(geometry.patchCount)), seed, index)
      case .fullyConnectedWeight(let inputs, _):
        fillNormal(target, deviation: sqrt(1 / Double(inputs)), seed, index)
      case .normalizationScale:
        target.update(repeating: zeroScales.contains(slot.name) ? 0 : 1)
      case .normalizationShift, .fullyConnectedBias: target.update(repeating: 0)
      }
    }
    for slot in layout.runningStatistics {
      buffer(runningStatistics, slot.mean).update(repeating: 0)
      buffer(runningStatistics, slot.variance).update(repeating: 1)
    }
  }

  private static func buffer(
    _ base: UnsafeMutablePointer<Float>, _ range: Range<Int>
  ) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: base + range.lowerBound, count: range.count)
  }

  /// Normal draws by Box and Muller's transform.
  private static func fillNormal(
    _ target: UnsafeMutableBufferPointer<Float>, deviation: Double, _ seed: UInt64, _ index: Int
  ) {
    var stream = CounterStream(seed: seed, purpose: .initialization, index: index)
    for position in target.indices {
      let radius = sqrt(-2 * log(stream.nextUniform()))
      target[position] = Float(deviation * radius * cos(2 * .pi * stream.nextUniform()))
    }
  }
}
