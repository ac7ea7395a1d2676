/// Layer-wise adaptive rate scaling: You, Gitman and Ginsburg 2017, arXiv 1708.03888, Algorithm 1.

public enum LARS {
  /// The local rate of one layer's tensor, λ = trust · ‖w‖ / (‖g‖ + weightDecay · ‖w‖); 1 where that
  /// says nothing: for weights that are all 0, which it would hold there, and where it is 0/0.
  ///
  /// Norms are Euclidean, of squares summed in Double in an order that depends on `count` alone.
  /// Reads 2 floats for each element.
  /// - Parameters:
  ///   - parameters: w, [count].
  ///   - gradients: g, [count], without weight decay.
  ///   - trust: the paper's η, how far a step may move the tensor in terms of its norm (eq. 4).
  public static func localRate(
    parameters: UnsafePointer<Float>, gradients: UnsafePointer<Float>, count: Int, trust: Double,
    weightDecay: Double
  ) -> Double {
    let weightNorm = sumOfSquares(parameters, count).squareRoot()
    let denominator = sumOfSquares(gradients, count).squareRoot() + weightDecay * weightNorm
    return weightNorm == 0 || denominator == 0 ? 1 : trust * weightNorm / denominator
  }

  /// v = momentum·v + λ·(g + weightDecay·w), then w = w − learningRate·v, with the `localRate` λ.
  ///
  /// The paper writes the global rate γ into the velocity, v = m·v + γ·λ·(g + β·w) and w = w − v. While
  /// γ stays the two are the same. Where it changes, as at every step of a warm-up, that form needs the
  /// momentum correction of Goyal et al. 2017 (§3, eq. 10, remark 2), which makes it this one.
  ///
  /// Reads 5 and writes 2 floats for each element, those of `localRate` included.
  /// - Parameters: as of `localRate` and `MomentumSGD.step`.
  public static func step(
    parameters: UnsafeMutablePointer<Float>, gradients: UnsafePointer<Float>,
    velocity: UnsafeMutablePointer<Float>, count: Int, learningRate: Float, momentum: Float,
    weightDecay: Float, trust: Float
  ) {
    let rate = Float(
      localRate(
        parameters: parameters, gradients: gradients, count: count, trust: Double(trust),
        weightDecay: Double(weightDecay)))
    forEachElementGroup(
      count,
      wide: {
        let weight = parameters.vector(at: $0)
        let gradient = gradients.vector(at: $0) + weightDecay * weight
        let v = momentum * velocity.vector(at: $0) + rate * gradient
        velocity.store(v, at: $0)
        parameters.store(weight - learningRate * v, at: $0)
      },
      narrow: {
        let gradient = gradients[$0] + weightDecay * parameters[$0]
        let v = momentum * velocity[$0] + rate * gradient
        velocity[$0] = v
        parameters[$0] -= learningRate * v
      })
  }

  /// Σ x²: sixteen sums of every sixteenth element, added up from the first on, then the elements left
  /// over. A square of a Float is exact in Double.
  private static func sumOfSquares(_ x: UnsafePointer<Float>, _ count: Int) -> Double {
    var lanes = SIMD16<Double>.zero
    var rest = 0.0
    forEachElementGroup(
      count,
      wide: {
        let value = x.vector(at: $0).widened
        lanes += value * value
      },
      narrow: {
        let value = Double(x[$0])
        rest += value * value
      })
    var sum = 0.0
    for lane in lanes.indices { sum += lanes[lane] }
    return sum + rest
  }
}

extension Vector {
  /// In Double. Lane by lane it compiles to conversions of vectors; `SIMD16<Double>(_:)` is a call
  /// through memory, with which a norm takes twice as long.
  @inline(__always)
  fileprivate var widened: SIMD16<Double> {
    var wide = SIMD16<Double>()
    for lane in indices { wide[lane] = Double(self[lane]) }
    return wide
  }
}
