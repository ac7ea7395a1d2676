/// Softmax cross-entropy over logits [N, K], its gradient, and the ranks of the target classes.

import Glibc
import Tensors

/// What a set of images adds up to: the loss and how many were classified right.
public struct ClassificationSums: Equatable, Sendable {
  public var images: Int
  /// Σ −log softmax(label).
  public var loss: Double
  /// Images whose label has the highest logit.
  public var top1: Int
  /// Images whose label is among the five highest logits.
  public var top5: Int

  public init(images: Int = 0, loss: Double = 0, top1: Int = 0, top5: Int = 0) {
    self.images = images
    self.loss = loss
    self.top1 = top1
    self.top5 = top5
  }

  public static func + (left: Self, right: Self) -> Self {
    Self(
      images: left.images + right.images, loss: left.loss + right.loss,
      top1: left.top1 + right.top1, top5: left.top5 + right.top5)
  }
}

/// Loss and gradient of softmax followed by cross-entropy, fused, for hard and for soft targets.
///
/// Exponentials and sums are in Double, over classes in order and then over images in order. Of equal
/// logits the lower class ranks first, as in PyTorch's argmax; a NaN logit never counts as right.
public enum SoftmaxCrossEntropy {
  /// The sums over the images of `logits`; with `gradient`, also d(mean loss)/d(logits).
  ///
  /// - Parameters:
  ///   - labels: [N], each in 0..<K.
  ///   - gradient: [N, K] = (softmax − target) · gradientScale.
  ///   - accumulate: whether `gradient` is added to instead of overwritten.
  ///   - gradientScale: 1 / images of the whole mini-batch.
  ///   - labelSmoothing: ε of the target distribution (1 − ε) · onehot + ε / K (Szegedy et al. 2016,
  ///     §7).
  public static func evaluate(
    logits: ImageTensor, labels: VectorView<Int32>, gradient: UnsafeMutablePointer<Float>?,
    gradientScale: Double, accumulate: Bool = false, labelSmoothing: Double = 0
  ) -> ClassificationSums {
    require(labels.count >= logits.images, "every image has a label")
    let classes = logits.shape.count
    let smoothed = labelSmoothing / Double(classes)
    var sums = ClassificationSums(images: logits.images)
    for image in 0..<logits.images {
      let row = SoftmaxRow(logits.base + image * classes, classes: classes)
      let label = Int(labels[image])
      let own = row.logits[label]
      sums.count(rank: row.rank(of: label))
      sums.loss += log(row.total) + (Double(row.largest) - Double(own))
      if labelSmoothing > 0 {
        var others = 0.0
        for index in 0..<classes { others += Double(own) - Double(row.logits[index]) }
        sums.loss += smoothed * others
      }
      if let gradient {
        let result = gradient + image * classes
        for index in 0..<classes {
          let target = index == label ? 1 - labelSmoothing + smoothed : smoothed
          let value = Float((row.probability(index) - target) * gradientScale)
          result[index] = accumulate ? result[index] + value : value
        }
      }
    }
    return sums
  }

  /// The sums over the images of `logits` with a distribution over the classes as the target of each
  /// image (mixup: Zhang et al. 2018, arXiv 1710.09412, §2; distillation).
  ///
  /// The loss of an image is −Σₖ targets[k] · log softmax(k). It is right where the class with the
  /// largest target, the lowest of equal ones, is among the highest logits.
  /// - Parameters:
  ///   - targets: [N, K], not negative. Rows usually sum to 1; the formulas hold for any sum.
  ///   - gradient: [N, K] = (Σ targets · softmax − target) · gradientScale.
  ///   - accumulate: whether `gradient` is added to instead of overwritten.
  ///   - gradientScale: 1 / images of the whole mini-batch.
  public static func evaluate(
    logits: ImageTensor, targets: VectorView<Float>, gradient: UnsafeMutablePointer<Float>?,
    gradientScale: Double, accumulate: Bool = false
  ) -> ClassificationSums {
    require(targets.count >= logits.count, "every logit has a target")
    let classes = logits.shape.count
    var sums = ClassificationSums(images: logits.images)
    for image in 0..<logits.images {
      let row = SoftmaxRow(logits.base + image * classes, classes: classes)
      let target = targets.row(image, width: classes)
      var mass = 0.0
      var likeliest = 0
      // A class without probability adds nothing, even where its logit is −∞.
      for index in 0..<classes where target[index] != 0 {
        let probability = Double(target[index])
        mass += probability
        sums.loss +=
          probability * (log(row.total) + (Double(row.largest) - Double(row.logits[index])))
        if target[index] > target[likeliest] { likeliest = index }
      }
      sums.count(rank: row.rank(of: likeliest))
      if let gradient {
        let result = gradient + image * classes
        for index in 0..<classes {
          let value = Float(
            (mass * row.probability(index) - Double(target[index])) * gradientScale)
          result[index] = accumulate ? result[index] + value : value
        }
      }
    }
    return sums
  }
}

extension ClassificationSums {
  /// Counts an image whose class has `rank` classes before it.
  mutating func count(rank: Int) {
    if rank < 1 { top1 += 1 }
    if rank < 5 { top5 += 1 }
  }

  /// Classes that rank before `label` by their logits.
  @inline(__always)
  static func rank(of label: Int, in logits: UnsafePointer<Float>, classes: Int) -> Int {
    let own = logits[label]
    // A NaN ranks below the top five, however few classes there are.
    var rank = own.isNaN ? 5 : 0
    for index in 0..<classes where index != label {
      let value = logits[index]
      if !(value < own), value != own || index < label { rank += 1 }
    }
    return rank
  }
}

/// Softmax over one image's logits, shifted by the largest of them so that no exponential overflows.
private struct SoftmaxRow {
  let logits: UnsafePointer<Float>
  let classes: Int
  let largest: Float
  /// Σ exp(logit − largest).
  let total: Double

  @inline(__always)
  init(_ logits: UnsafePointer<Float>, classes: Int) {
    var largest = logits[0]
    for index in 0..<classes where logits[index] > largest { largest = logits[index] }
    var total = 0.0
    for index in 0..<classes { total += exp(Double(logits[index]) - Double(largest)) }
    (self.logits, self.classes, self.largest, self.total) = (logits, classes, largest, total)
  }

  @inline(__always)
  func probability(_ index: Int) -> Double {
    exp(Double(logits[index]) - Double(largest)) / total
  }

  /// Classes that rank before `label`.
  @inline(__always)
  func rank(of label: Int) -> Int {
    ClassificationSums.rank(of: label, in: logits, classes: classes)
  }
}
