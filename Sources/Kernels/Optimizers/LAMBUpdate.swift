/// One tensor's step of LAMB: You et al. 2019, arXiv 1904.00962, Algorithm 2, as NVIDIA's and timm's `Lamb`.

public enum LAMBUpdate {
  /// The numbers of one step.
  public struct Coefficients: Sendable {
    /// β₁ and β₂, the parts of the moments that a step keeps; in Double, as what 1 − β rounds to in Float is
    /// far from it.
    public var momentum: Double
    public var secondMomentum: Double
    /// Added to the root of the second moment.
    public var epsilon: Float
    public var weightDecay: Float
    public var learningRate: Float
    /// What gradients are divided by: 1, or how much longer all of them together are than allowed.
    public var gradientDivisor: Float
    /// The step's number from 1 on, for the bias correction.
    public var step: Int

    public init(
      momentum: Double, secondMomentum: Double, epsilon: Float, weightDecay: Float,
      learningRate: Float, gradientDivisor: Float, step: Int
    ) {
      self.momentum = momentum
      self.secondMomentum = secondMomentum
      self.epsilon = epsilon
      self.weightDecay = weightDecay
      self.learningRate = learningRate
      self.gradientDivisor = gradientDivisor
      self.step = step
    }
  }

  /// m = β₁·m + (1 − β₁)·g and v = β₂·v + (1 − β₂)·g², then w = w − learningRate·r·u with
  /// u = m̂ / (√v̂ + ε) + weightDecay·w, where m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ).
  ///
  /// r = ‖w‖ / ‖u‖ if the step is adapted and neither norm is 0, else 1. Norms are Euclidean, of squares
  /// summed in Double in an order that depends on the count alone; an element's other numbers do not
  /// depend on its position. Two passes: reads 7 and writes 3 floats for each element.
  /// - Parameters:
  ///   - parameters: w, [count].
  ///   - gradients: g, [count], before the division.
  ///   - first: m, [count]; 0 before the first step.
  ///   - second: v, [count]; likewise.
  ///   - isAdapted: whether the tensor's norm decides the length of its step.
  public static func step(
    _ parameters: inout MutableSpan<Float>, gradients: Span<Float>,
    first: inout MutableSpan<Float>, second: inout MutableSpan<Float>,
    _ coefficients: Coefficients, isAdapted: Bool
  ) {
    let count = parameters.count
    require(
      gradients.count == count && first.count == count && second.count == count,
      "gradients and moments have one element per parameter")
    let update = Update(coefficients)
    parameters.withUnsafeMutableBufferPointer { parameters in
      gradients.withUnsafeBufferPointer { gradients in
        first.withUnsafeMutableBufferPointer { first in
          second.withUnsafeMutableBufferPointer { second in
            guard let w = parameters.baseAddress, let g = gradients.baseAddress,
              let m = first.baseAddress, let v = second.baseAddress
            else { return }
            var weights = SquareSum()
            var updates = SquareSum()
            forEachElementGroup(
              count,
              wide: {
                let (mean, variance) = update.moments(
                  g.vector(at: $0), m.vector(at: $0), v.vector(at: $0))
                m.store(mean, at: $0)
                v.store(variance, at: $0)
                if isAdapted {
                  let weight = w.vector(at: $0)
                  weights.add(weight)
                  updates.add(update.direction(weight, mean, variance))
                }
              },
              narrow: {
                (m[$0], v[$0]) = update.moments(g[$0], m[$0], v[$0])
                if isAdapted {
                  weights.add(w[$0])
                  updates.add(update.direction(w[$0], m[$0], v[$0]))
                }
              })
            let (weightNorm, updateNorm) = (weights.norm, updates.norm)
            let ratio = weightNorm > 0 && updateNorm > 0 ? weightNorm / updateNorm : 1
            let rate = coefficients.learningRate * Float(ratio)
            forEachElementGroup(
              count,
              wide: {
                let weight = w.vector(at: $0)
                w.store(
                  weight - rate
                    * update.direction(weight, m.vector(at: $0), v.vector(at: $0)), at: $0)
              },
              narrow: { w[$0] -= rate * update.direction(w[$0], m[$0], v[$0]) })
          }
        }
      }
    }
  }

  /// The formulas of a step, for one element and for a vector of them.
  private struct Update {
    let gradientScale, taken, kept, secondTaken, secondKept: Float
    let correction, rootCorrection, epsilon, weightDecay: Float

    init(_ coefficients: Coefficients) {
      gradientScale = 1 / coefficients.gradientDivisor
      let (first, second) = (coefficients.momentum, coefficients.secondMomentum)
      (kept, secondKept) = (Float(first), Float(second))
      (taken, secondTaken) = (Float(1 - first), Float(1 - second))
      correction = Float(1 / (1 - power(first, coefficients.step)))
      rootCorrection = Float((1 / (1 - power(second, coefficients.step))).squareRoot())
      (epsilon, weightDecay) = (coefficients.epsilon, coefficients.weightDecay)
    }

    @inline(__always)
    func moments<L: Lanes>(_ gradient: L, _ mean: L, _ variance: L) -> (L, L) {
      let gradient = L(repeating: gradientScale) * gradient
      return (
        L(repeating: kept) * mean + L(repeating: taken) * gradient,
        L(repeating: secondKept) * variance + L(repeating: secondTaken) * gradient * gradient
      )
    }

    @inline(__always)
    func direction<L: Lanes>(_ weight: L, _ mean: L, _ variance: L) -> L {
      L(repeating: correction) * mean
        / (L(repeating: rootCorrection) * variance.squareRoot() + L(repeating: epsilon))
        + L(repeating: weightDecay) * weight
    }
  }
}

/// baseⁿ by squaring: a few roundings, whatever the exponent.
private func power(_ base: Double, _ exponent: Int) -> Double {
  var (result, factor, rest) = (1.0, base, exponent)
  while rest > 0 {
    if rest & 1 == 1 { result *= factor }
    factor *= factor
    rest >>= 1
  }
  return result
}
