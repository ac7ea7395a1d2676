/// Softmax cross-entropy over logits [N, K], its gradient, and the ranks of the right classes.

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

public enum SoftmaxCrossEntropy {
  /// The sums over `logits`' images; with `gradient`, also d(mean loss)/d(logits).
  ///
  /// Exponentials and sums are in Double. Of equal logits the lower class ranks first, as in
  /// PyTorch's argmax; a NaN logit never counts as right.
  /// - Parameters:
  ///   - labels: [N], each in 0..<K.
  ///   - gradient: [N, K] = (softmax − target) · gradientScale; overwritten.
  ///   - gradientScale: 1 / images of the whole mini-batch.
  ///   - labelSmoothing: the part ε of the target distribution that is spread evenly over all classes,
  ///     (1 − ε) · onehot + ε / K (Szegedy et al. 2016, §7).
  public static func evaluate(
    logits: ImageTensor, labels: UnsafePointer<Int32>, gradient: UnsafeMutablePointer<Float>?,
    gradientScale: Double, labelSmoothing: Double = 0
  ) -> ClassificationSums {
    let classes = logits.shape.count
    let spread = labelSmoothing / Double(classes)
    var sums = ClassificationSums(images: logits.images)
    for image in 0..<logits.images {
      let row = logits.base + image * classes
      let label = Int(labels[image])
      let own = row[label]
      var largest = row[0]
      // Out of all places for a NaN, however few classes there are.
      var rank = own.isNaN ? 5 : 0
      for index in 0..<classes {
        let value = row[index]
        if value > largest { largest = value }
        if index != label, !(value < own), value != own || index < label { rank += 1 }
      }
      if rank < 1 { sums.top1 += 1 }
      if rank < 5 { sums.top5 += 1 }
      var total = 0.0
      for index in 0..<classes { total += exp(Double(row[index]) - Double(largest)) }
      sums.loss += log(total) + (Double(largest) - Double(own))
      if labelSmoothing > 0 {
        var others = 0.0
        for index in 0..<classes { others += Double(own) - Double(row[index]) }
        sums.loss += spread * others
      }
      if let gradient {
        let target = gradient + image * classes
        for index in 0..<classes {
          let probability = exp(Double(row[index]) - Double(largest)) / total
          let wanted = index == label ? 1 - labelSmoothing + spread : spread
          target[index] = Float((probability - wanted) * gradientScale)
        }
      }
    }
    return sums
  }
}
