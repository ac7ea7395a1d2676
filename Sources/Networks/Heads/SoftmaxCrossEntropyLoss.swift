/// Softmax cross-entropy with a class or a distribution over the classes as the target of each image.

import Kernels
import Tensors

/// −Σₖ target[k] · log softmax(logits)[k], averaged over the mini-batch, with the images whose class is
/// among the one and the five highest scores.
package struct SoftmaxCrossEntropyLoss: Loss {
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

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    SoftmaxCrossEntropyLayer(
      name: step.name, logits: step.source(0), logitsGradient: step.inputGradient(0), loss: self,
      sums: step.lossSumsOffset, target: step.targetIndex)
  }
}

private struct SoftmaxCrossEntropyLayer: PlannedLayer {
  let name: String
  /// [N, 1, 1, K].
  let logits: ActivationSource
  /// Nil in evaluation plans.
  let logitsGradient: GradientTarget?
  let loss: SoftmaxCrossEntropyLoss
  let sums: Int
  let target: Int

  var needsTargets: Bool { true }

  /// Leaves each local shard's sums, and in training the logits' gradient.
  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      let logits = logits.stored(pass, shard: shard)
      let gradient = logitsGradient.map { pass.tensor($0.slot, shard: shard).base }
      let accumulate = logitsGradient?.accumulate ?? false
      let scale = 1 / Double(max(pass.miniBatchCount, 1))
      let result =
        switch loss.target.element {
        case .int32:
          SoftmaxCrossEntropy.evaluate(
            logits: logits, labels: pass.labels(target, loss.target, shard: shard),
            gradient: gradient, gradientScale: scale, accumulate: accumulate,
            labelSmoothing: pass.mode == .training ? loss.labelSmoothing : 0)
        case .float32:
          SoftmaxCrossEntropy.evaluate(
            logits: logits, targets: pass.values(target, loss.target, shard: shard),
            gradient: gradient, gradientScale: scale, accumulate: accumulate)
        }
      result.write(to: pass.lossSums(sums, shard: shard))
    }
  }

  /// The gradient was made in the forward pass.
  func backward(_ pass: PassContext) {}
}

extension ClassificationSums {
  /// Sums of a `SoftmaxCrossEntropyLoss`, in its order.
  package init(_ sums: LossSums) {
    self.init(images: Int(sums[0]), loss: sums[1], top1: Int(sums[2]), top5: Int(sums[3]))
  }

  func write(to sums: MutableVectorView<Double>) {
    sums[0] = Double(images)
    sums[1] = loss
    sums[2] = Double(top1)
    sums[3] = Double(top5)
  }
}
