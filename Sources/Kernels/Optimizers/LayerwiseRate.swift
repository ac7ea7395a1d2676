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
    require(parameters.count == gradients.count, "every parameter has a gradient")
    let weightNorm = SquareSum(parameters).norm
    let denominator = SquareSum(gradients).norm + weightDecay * weightNorm
    return weightNorm == 0 || denominator == 0 ? 1 : trust * weightNorm / denominator
  }
}
