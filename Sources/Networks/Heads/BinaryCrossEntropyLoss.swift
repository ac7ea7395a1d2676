/// Binary cross-entropy of each class, for training; tests measure softmax cross-entropy, as timm's do.

import Kernels
import Tensors

/// The mean over classes of the binary cross-entropy of sigmoid(logits) with the targets, averaged over
/// the mini-batch (Wightman et al. 2021, arXiv 2110.00476, §2).
package struct BinaryCrossEntropyLoss: Loss {
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

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    // Evaluation plans have no gradients.
    guard let gradient = step.inputGradient(0) else { return tested.layer(step) }
    return BinaryCrossEntropyLayer(
      name: step.name, logits: step.source(0), logitsGradient: gradient, loss: self,
      sums: step.lossSumsOffset, target: step.targetIndex)
  }
}

private struct BinaryCrossEntropyLayer: PlannedLayer {
  let name: String
  /// [N, 1, 1, K].
  let logits: ActivationSource
  let logitsGradient: GradientTarget
  let loss: BinaryCrossEntropyLoss
  let sums: Int
  let target: Int

  var needsTargets: Bool { true }

  /// Leaves each local shard's sums and the logits' gradient.
  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      let logits = logits.stored(pass, shard: shard)
      let gradient = pass.tensor(logitsGradient.slot, shard: shard).base
      let accumulate = logitsGradient.accumulate
      let scale = 1 / Double(max(pass.miniBatchCount, 1))
      let result =
        switch loss.target.element {
        case .int32:
          BinaryCrossEntropy.evaluate(
            logits: logits, labels: pass.labels(target, loss.target, shard: shard),
            rule: loss.rule, gradient: gradient, gradientScale: scale, accumulate: accumulate)
        case .float32:
          BinaryCrossEntropy.evaluate(
            logits: logits, targets: pass.values(target, loss.target, shard: shard),
            rule: loss.rule, gradient: gradient, gradientScale: scale, accumulate: accumulate)
        }
      result.write(to: pass.lossSums(sums, shard: shard))
    }
  }

  /// The gradient was made in the forward pass.
  func backward(_ pass: PassContext) {}
}
