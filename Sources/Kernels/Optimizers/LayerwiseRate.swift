/// The layer-wise rate of LARS: You, Gitman and Ginsburg 2017, arXiv 1708.03888, Algorithm 1.

public enum LayerwiseRate {
  /// The local rate of one layer's tensor, λ = trust · ‖w‖ / (‖g‖ + weightDecay · ‖w‖).
  ///
  /// It is 1 if ‖w‖ = 0, since the weights could otherwise never leave zero, or if the denominator is 0.
  ///
  /// Norms are Euclidean, of squares summed in Double in an order that depends on the count alone.
  /// Reads 2 floats for each element.
  /// - Parameters:
  ///   - parameters: w, [count].
  ///   - gradients: g, [count], without weight decay.
  ///   - trust: the paper's η: the size of a step relative to the tensor's norm (eq. 4).
  public static func lars(
    parameters: Span<Float>, gradients: Span<Float>, trust: Double, weightDecay: Double
  ) -> Double {
    let weightNorm = sumOfSquares(parameters).squareRoot()
    let denominator = sumOfSquares(gradients).squareRoot() + weightDecay * weightNorm
    return weightNorm == 0 || denominator == 0 ? 1 : trust * weightNorm / denominator
  }

  /// Σ x²: sixteen sums of every sixteenth element, added up from the first on, then the remaining
  /// elements. A square of a Float is exact in Double.
  private static func sumOfSquares(_ elements: Span<Float>) -> Double {
    elements.withUnsafeBufferPointer { elements in
      guard let x = elements.baseAddress else { return 0 }
      var lanes = SIMD16<Double>.zero
      var rest = 0.0
      forEachElementGroup(
        elements.count,
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
}

extension Vector {
  /// In Double. Lane by lane it compiles to vector conversions; `SIMD16<Double>(_:)` is a call through
  /// memory, with which a norm takes twice as long.
  @inline(__always)
  fileprivate var widened: SIMD16<Double> {
    var wide = SIMD16<Double>()
    for lane in indices { wide[lane] = Double(self[lane]) }
    return wide
  }
}
