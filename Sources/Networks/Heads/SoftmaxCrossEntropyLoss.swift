/// Softmax cross-entropy with the class of each image.

import Kernels
import Tensors

/// −log softmax(logits)[label], averaged over the mini-batch, with the images whose class is among the
/// one and the five highest scores.
package struct SoftmaxCrossEntropyLoss: Loss {
  package let target = TargetLayout.label
  package let metrics = ["top1", "top5"]
  /// The part of the training loss's target that is spread evenly over the classes; evaluation has none.
  package let labelSmoothing: Double

  package init(labelSmoothing: Double = 0) { self.labelSmoothing = labelSmoothing }

  package func accepts(_ inputs: [ImageShape]) -> Bool { inputs.count == 1 }

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
      let result = SoftmaxCrossEntropy.evaluate(
        logits: logits.stored(pass, shard: shard),
        labels: pass.labels(target, loss.target, shard: shard),
        gradient: logitsGradient.map { pass.tensor($0.slot, shard: shard).base },
        gradientScale: 1 / Double(max(pass.miniBatchCount, 1)),
        labelSmoothing: pass.mode == .training ? loss.labelSmoothing : 0)
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

  fileprivate func write(to sums: UnsafeMutablePointer<Double>) {
    sums[0] = Double(images)
    sums[1] = loss
    sums[2] = Double(top1)
    sums[3] = Double(top5)
  }
}
