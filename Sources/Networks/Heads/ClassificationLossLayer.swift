/// The layer of losses that compare class scores with a class or with a target of each class.

import Kernels
import Tensors

/// What a loss is evaluated on: the scores of one shard, and what becomes of their gradient.
struct ClassificationLogits {
  /// [N, 1, 1, K].
  let values: ImageTensor
  /// [N, K]; nil in evaluation plans.
  let gradient: UnsafeMutablePointer<Float>?
  /// 1 / images of the whole mini-batch.
  let gradientScale: Double
  /// Whether the gradient is added to what is there.
  let accumulate: Bool
  let mode: PassMode
}

/// A loss whose sums are `ClassificationSums`.
protocol ClassificationLoss: Loss {
  /// The sums of some images with the class of each.
  func evaluate(_ logits: ClassificationLogits, labels: VectorView<Int32>) -> ClassificationSums

  /// The sums of some images with a target of each class for each.
  func evaluate(_ logits: ClassificationLogits, targets: VectorView<Float>) -> ClassificationSums
}

extension ClassificationLoss {
  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    ClassificationLossLayer(
      name: step.name, logits: step.source(0), logitsGradient: step.inputGradient(0), loss: self,
      sums: step.lossSumsOffset, target: step.targetIndex)
  }
}

private struct ClassificationLossLayer<Kind: ClassificationLoss>: PlannedLayer {
  let name: String
  /// [N, 1, 1, K].
  let logits: ActivationSource
  /// Nil in evaluation plans.
  let logitsGradient: GradientTarget?
  let loss: Kind
  let sums: Int
  let target: Int

  var needsTargets: Bool { true }

  /// Leaves each local shard's sums, and in training the logits' gradient.
  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      let logits = ClassificationLogits(
        values: logits.stored(pass, shard: shard),
        gradient: logitsGradient.map { pass.tensor($0.slot, shard: shard).base },
        gradientScale: 1 / Double(max(pass.miniBatchCount, 1)),
        accumulate: logitsGradient?.accumulate ?? false, mode: pass.mode)
      let result =
        switch loss.target.element {
        case .int32:
          loss.evaluate(logits, labels: pass.labels(target, loss.target, shard: shard))
        case .float32:
          loss.evaluate(logits, targets: pass.values(target, loss.target, shard: shard))
        }
      result.write(to: pass.lossSums(sums, shard: shard))
    }
  }

  /// The gradient was made in the forward pass.
  func backward(_ pass: PassContext) {}
}

extension ClassificationSums {
  /// Sums of a classification loss, in its order.
  package init(_ sums: LossSums) {
    self.init(images: Int(sums[0]), loss: sums[1], top1: Int(sums[2]), top5: Int(sums[3]))
  }

  fileprivate func write(to sums: MutableVectorView<Double>) {
    sums[0] = Double(images)
    sums[1] = loss
    sums[2] = Double(top1)
    sums[3] = Double(top5)
  }
}
