/// Losses of real-valued predictions: squared error and smooth L1.

import Tensors

/// Sums over all elements of predictions and targets [N, count], in Double and in order of memory.
///
/// Both return Σ loss. Divide it, and the gradient through `gradientScale`, by what the mean is taken
/// over. With `gradient`, the gradient [N, count] · gradientScale is written, or added if `accumulate`.
public enum RegressionLoss {
  /// Σ (p − t)², whose gradient is 2 (p − t): PyTorch's `mse_loss` with `reduction="sum"`.
  public static func squaredError(
    predictions: ImageTensor, targets: VectorView<Float>,
    gradient: UnsafeMutablePointer<Float>?, gradientScale: Double, accumulate: Bool = false
  ) -> Double {
    require(targets.count >= predictions.count, "every prediction has a target")
    return evaluate(
      predictions, targets, gradient, gradientScale, accumulate, loss: { $0 * $0 },
      derivative: { 2 * $0 })
  }

  /// Σ of (p − t)² / 2β where |p − t| < β, and |p − t| − β/2 elsewhere (Girshick 2015, arXiv
  /// 1504.08083, eq. 3, for β = 1): PyTorch's `smooth_l1_loss` with `reduction="sum"`.
  ///
  /// - Parameter beta: not negative; 0 is the L1 loss, whose gradient at 0 is 0.
  public static func smoothL1(
    predictions: ImageTensor, targets: VectorView<Float>, beta: Double = 1,
    gradient: UnsafeMutablePointer<Float>?, gradientScale: Double, accumulate: Bool = false
  ) -> Double {
    require(targets.count >= predictions.count, "every prediction has a target")
    return evaluate(
      predictions, targets, gradient, gradientScale, accumulate,
      loss: { abs($0) < beta ? $0 * $0 / (2 * beta) : abs($0) - beta / 2 },
      derivative: { abs($0) < beta ? $0 / beta : $0 > 0 ? 1 : $0 < 0 ? -1 : $0 })
  }

  @inline(__always)
  private static func evaluate(
    _ predictions: ImageTensor, _ targets: VectorView<Float>,
    _ gradient: UnsafeMutablePointer<Float>?, _ gradientScale: Double, _ accumulate: Bool,
    loss: (Double) -> Double, derivative: (Double) -> Double
  ) -> Double {
    var sum = 0.0
    for index in 0..<predictions.count {
      let difference = Double(predictions.base[index]) - Double(targets[index])
      sum += loss(difference)
      if let gradient {
        let value = Float(derivative(difference) * gradientScale)
        gradient[index] = accumulate ? gradient[index] + value : value
      }
    }
    return sum
  }
}
