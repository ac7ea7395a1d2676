/// The loss of the regions of interest (Girshick 2015, arXiv 1504.08083, §2.3).

import Kernels
import Networks
import Tensors

/// Cross-entropy of the sampled regions' classes, and smooth L1 of the foreground ones' offsets, those of
/// their own class.
///
/// Both are divided by `regions` and by the images of the whole mini-batch, as `ProposalLoss` is.
package struct RegionLoss: Loss {
  /// Sampled regions of an image, at most.
  package let regions: Int
  /// Where smooth L1 becomes linear; 0: everywhere.
  package let beta: Double
  package let target: TargetLayout
  package let metrics = ["classification", "box", "sampled", "foreground", "right"]

  package func accepts(_ inputs: [ImageShape]) -> Bool {
    inputs.count == 3 && inputs[1].count == 4 * inputs[0].count
      && inputs[2].count == SampledRegion.width
  }

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    RegionLossLayer(
      name: step.name, scores: step.source(0), offsets: step.source(1), samples: step.source(2),
      scoreGradient: step.inputGradient(0), offsetGradient: step.inputGradient(1), loss: self,
      sums: step.lossSumsOffset)
  }
}

private struct RegionLossLayer: PlannedLayer {
  let name: String
  /// [R, 1, 1, K + 1].
  let scores: ActivationSource
  /// [R, 1, 1, 4 (K + 1)].
  let offsets: ActivationSource
  /// [R, 1, 1, `SampledRegion.width`].
  let samples: ActivationSource
  let scoreGradient: GradientTarget?
  let offsetGradient: GradientTarget?
  let loss: RegionLoss
  let sums: Int

  var needsTargets: Bool { true }

  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      let scores = scores.stored(pass, shard: shard)
      let offsets = offsets.stored(pass, shard: shard)
      let samples = samples.stored(pass, shard: shard)
      let scale = 1 / (Double(loss.regions) * Double(max(pass.miniBatchCount, 1)))
      let labels = (0..<samples.images).map { Int32(SampledRegion(samples, $0).label) }
      let classification = labels.withUnsafeBufferPointer { labels in
        SoftmaxCrossEntropy.evaluate(
          logits: scores, labels: VectorView(labels),
          gradient: scoreGradient.map { pass.tensor($0.slot, shard: shard).base },
          gradientScale: scale, accumulate: scoreGradient?.accumulate ?? false)
      }
      let offsetGradients = offsetGradient.map { pass.cleared($0, shard: shard) }
      let classes = scores.shape.channels
      var box = 0.0
      for (region, label) in labels.enumerated() where label > 0 {
        let place = region * classes + Int(label)
        box += RegressionLoss.smoothL1(
          predictions: offsets.row(place), targets: SampledRegion(samples, region).code,
          beta: loss.beta, gradient: offsetGradients.map { $0 + 4 * place }, gradientScale: scale)
      }
      let result = pass.lossSums(sums, shard: shard)
      let perImage = 1 / Double(loss.regions)
      result[0] = Double(pass.layout.localImages(ofLocalShard: shard).count)
      result[1] = (classification.loss + box) * perImage
      result[2] = classification.loss * perImage
      result[3] = box * perImage
      result[4] = Double(labels.count)
      result[5] = Double(labels.count { $0 > 0 })
      result[6] = Double(classification.top1)
    }
  }

  /// The gradients were made in the forward pass.
  func backward(_ pass: PassContext) {}
}
