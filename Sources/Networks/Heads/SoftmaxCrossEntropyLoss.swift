/// Softmax cross-entropy with a class or a distribution over the classes as the target of each image.

import Kernels
import Tensors

/// −Σₖ target[k] · log softmax(logits)[k], averaged over the mini-batch, with the images whose class is
/// among the one and the five highest scores.
package struct SoftmaxCrossEntropyLoss: ClassificationLoss {
  package let target: TargetLayout
  package let metrics = ["top1", "top5"]
  /// The part of the training loss's target that is spread evenly over the classes; evaluation has none.
  package let labelSmoothing: Double

  /// With the class of each image.
  package init(labelSmoothing: Double = 0) {
    target = .label
    self.labelSmoothing = labelSmoothing
  }

  /// With a probability of each class for each image, as mixup and distillation have them
  /// (Zhang et al. 2018, arXiv 1710.09412, §2).
  package init(classProbabilities classes: Int) {
    target = .classProbabilities(classes)
    labelSmoothing = 0
  }

  package func accepts(_ inputs: [ImageShape]) -> Bool {
    guard inputs.count == 1 else { return false }
    switch target.element {
    case .int32: return true
    case .float32: return inputs[0].count == target.count
    }
  }

  func evaluate(_ logits: ClassificationLogits, labels: VectorView<Int32>) -> ClassificationSums {
    SoftmaxCrossEntropy.evaluate(
      logits: logits.values, labels: labels, gradient: logits.gradient,
      gradientScale: logits.gradientScale, accumulate: logits.accumulate,
      labelSmoothing: logits.mode == .training ? labelSmoothing : 0)
  }

  func evaluate(_ logits: ClassificationLogits, targets: VectorView<Float>) -> ClassificationSums {
    SoftmaxCrossEntropy.evaluate(
      logits: logits.values, targets: targets, gradient: logits.gradient,
      gradientScale: logits.gradientScale, accumulate: logits.accumulate)
  }
}
