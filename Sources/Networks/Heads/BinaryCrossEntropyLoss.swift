/// Binary cross-entropy of each class, for training; tests measure softmax cross-entropy, as timm's do.

import Kernels
import Tensors

/// The mean over classes of the binary cross-entropy of sigmoid(logits) with the targets, averaged over
/// the mini-batch (Wightman et al. 2021, arXiv 2110.00476, §2).
package struct BinaryCrossEntropyLoss: ClassificationLoss {
  package let target: TargetLayout
  package let metrics: [String]
  package let rule: BinaryCrossEntropy.TargetRule
  /// What evaluations measure.
  private let tested: SoftmaxCrossEntropyLoss

  /// With the class of each image.
  package init(_ rule: BinaryCrossEntropy.TargetRule) {
    self.init(rule, tested: SoftmaxCrossEntropyLoss())
  }

  /// With a target of each class for each image.
  package init(_ rule: BinaryCrossEntropy.TargetRule, classProbabilities classes: Int) {
    self.init(rule, tested: SoftmaxCrossEntropyLoss(classProbabilities: classes))
  }

  private init(_ rule: BinaryCrossEntropy.TargetRule, tested: SoftmaxCrossEntropyLoss) {
    (self.rule, self.tested) = (rule, tested)
    (target, metrics) = (tested.target, tested.metrics)
  }

  package func accepts(_ inputs: [ImageShape]) -> Bool { tested.accepts(inputs) }

  func evaluate(_ logits: ClassificationLogits, labels: VectorView<Int32>) -> ClassificationSums {
    // Without a gradient it is an evaluation.
    if logits.gradient == nil { return tested.evaluate(logits, labels: labels) }
    return BinaryCrossEntropy.evaluate(
      logits: logits.values, labels: labels, rule: rule, gradient: logits.gradient,
      gradientScale: logits.gradientScale, accumulate: logits.accumulate)
  }

  func evaluate(_ logits: ClassificationLogits, targets: VectorView<Float>) -> ClassificationSums {
    if logits.gradient == nil { return tested.evaluate(logits, targets: targets) }
    return BinaryCrossEntropy.evaluate(
      logits: logits.values, targets: targets, rule: rule, gradient: logits.gradient,
      gradientScale: logits.gradientScale, accumulate: logits.accumulate)
  }
}
