/// Binary cross-entropy over logits [N, K], each class a question of its own, and its gradient.

import Glibc
import Tensors

/// Loss and gradient of a sigmoid followed by binary cross-entropy, fused, averaged over classes: timm's
/// `BinaryCrossEntropy` (Wightman et al. 2021, arXiv 2110.00476, §2).
///
/// Exponentials and sums are in Double, over classes in order and then over images in order. An image is
/// right as for `SoftmaxCrossEntropy`: by the highest logits.
public enum BinaryCrossEntropy {
  /// How targets become what the sigmoids are compared with.
  public struct TargetRule: Hashable, Sendable {
    /// ε of the target distribution (1 − ε) · onehot + ε / K, of labels alone.
    public var labelSmoothing: Double
    /// Targets above it become 1, the others 0; nil: they stay.
    public var threshold: Double?

    public init(labelSmoothing: Double = 0, threshold: Double? = nil) {
      self.labelSmoothing = labelSmoothing
      self.threshold = threshold
    }

    @inline(__always)
    fileprivate func binary(_ target: Double) -> Double {
      guard let threshold else { return target }
      return target > threshold ? 1 : 0
    }
  }

  /// The loss of one logit; `gradient` is added to.
  ///
  /// - Parameter gradient: of the logit: + (σ(logit) − target) · gradientScale.
  public static func ofScore(
    _ logit: Float, isPositive: Bool, gradient: UnsafeMutablePointer<Float>?,
    gradientScale: Double
  ) -> Double {
    let (x, target) = (Double(logit), isPositive ? 1.0 : 0.0)
    if let gradient { gradient[0] += Float((1 / (1 + exp(-x)) - target) * gradientScale) }
    return max(x, 0) - x * target + log1p(exp(-abs(x)))
  }

  /// The sums over the images of `logits`; with `gradient`, also d(mean loss)/d(logits).
  ///
  /// - Parameters:
  ///   - labels: [N], each in 0..<K.
  ///   - gradient: [N, K] = (σ(logit) − target) / K · gradientScale.
  ///   - accumulate: whether `gradient` is added to instead of overwritten.
  ///   - gradientScale: 1 / images of the whole mini-batch.
  public static func evaluate(
    logits: ImageTensor, labels: VectorView<Int32>, rule: TargetRule,
    gradient: UnsafeMutablePointer<Float>?, gradientScale: Double, accumulate: Bool = false
  ) -> ClassificationSums {
    require(labels.count >= logits.images, "every image has a label")
    let rest = rule.labelSmoothing / Double(logits.shape.count)
    let own = rule.binary(1 - rule.labelSmoothing + rest)
    let other = rule.binary(rest)
    return evaluate(
      logits, gradient: gradient, gradientScale: gradientScale, accumulate: accumulate,
      label: { Int(labels[$0]) }, target: { $1 == Int(labels[$0]) ? own : other })
  }

  /// The same with a target of each class for each image, as mixup and CutMix make them.
  ///
  /// - Parameter targets: [N, K], each from 0 to 1. The class with the largest, the lowest of equal ones,
  ///   is the image's.
  public static func evaluate(
    logits: ImageTensor, targets: VectorView<Float>, rule: TargetRule,
    gradient: UnsafeMutablePointer<Float>?, gradientScale: Double, accumulate: Bool = false
  ) -> ClassificationSums {
    require(targets.count >= logits.count, "every logit has a target")
    let classes = logits.shape.count
    return evaluate(
      logits, gradient: gradient, gradientScale: gradientScale, accumulate: accumulate,
      label: { image in
        let row = targets.row(image, width: classes)
        var likeliest = 0
        for index in 0..<classes where row[index] > row[likeliest] { likeliest = index }
        return likeliest
      }, target: { rule.binary(Double(targets[$0 * classes + $1])) })
  }

  @inline(__always)
  private static func evaluate(
    _ logits: ImageTensor, gradient: UnsafeMutablePointer<Float>?, gradientScale: Double,
    accumulate: Bool, label: (_ image: Int) -> Int,
    target: (_ image: Int, _ class: Int) -> Double
  ) -> ClassificationSums {
    let classes = logits.shape.count
    let scale = gradientScale / Double(classes)
    var sums = ClassificationSums(images: logits.images)
    for image in 0..<logits.images {
      let row = logits.base + image * classes
      sums.count(rank: ClassificationSums.rank(of: label(image), in: row, classes: classes))
      var loss = 0.0
      for index in 0..<classes {
        let (logit, target) = (Double(row[index]), target(image, index))
        // log(1 + exp(−|x|)) does not overflow.
        let small = exp(-abs(logit))
        loss += max(logit, 0) - logit * target + log1p(small)
        guard let gradient else { continue }
        let sigmoid = (logit < 0 ? small : 1) / (1 + small)
        let value = Float((sigmoid - target) * scale)
        let place = gradient + image * classes + index
        place.pointee = accumulate ? place.pointee + value : value
      }
      sums.loss += loss / Double(classes)
    }
    return sums
  }
}
