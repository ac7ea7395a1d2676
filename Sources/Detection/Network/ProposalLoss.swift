/// The loss of the region proposal network (Ren et al. 2015, eq. 1).

import Kernels
import Networks
import Tensors

/// Binary cross-entropy of sampled anchors' scores, and smooth L1 of the foreground ones' offsets.
///
/// Both are divided by `sampling.count` and by the images of the whole mini-batch, whatever an image has:
/// one with fewer anchors than that counts less, and no sum depends on what other images have.
package struct ProposalLoss: Loss {
  package let anchors: AnchorGrid
  package let matching: MatchingRule
  package let sampling: SamplingRule
  /// Where smooth L1 becomes linear; 0: everywhere.
  package let beta: Double
  /// Whether anchors that cross the image's border are left out.
  package let dropsCrossing: Bool
  package let target: TargetLayout
  package let metrics = ["objectness", "box"]

  package func accepts(_ inputs: [ImageShape]) -> Bool {
    inputs.count == 3 && inputs[0].channels == anchors.countPerPosition
      && inputs[1].channels == 4 * anchors.countPerPosition
  }

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    ProposalLossLayer(
      name: step.name, scores: step.source(0), offsets: step.source(1),
      scoreGradient: step.inputGradient(0), offsetGradient: step.inputGradient(1),
      map: step.inputShapes[0], image: step.inputShapes[2], loss: self,
      sums: step.lossSumsOffset, target: step.targetIndex)
  }
}

private struct ProposalLossLayer: PlannedLayer {
  let name: String
  /// [N, H, W, A].
  let scores: ActivationSource
  /// [N, H, W, 4A].
  let offsets: ActivationSource
  let scoreGradient: GradientTarget?
  let offsetGradient: GradientTarget?
  let map: ImageShape
  let image: ImageShape
  let loss: ProposalLoss
  let sums: Int
  let target: Int

  var needsTargets: Bool { true }

  func forward(_ pass: PassContext) {
    let anchors = loss.anchors.anchors(of: map)
    pass.forEachShard { shard, _ in
      let scores = scores.stored(pass, shard: shard)
      let offsets = offsets.stored(pass, shard: shard)
      let scoreGradients = scoreGradient.map { pass.cleared($0, shard: shard) }
      let offsetGradients = offsetGradient.map { pass.cleared($0, shard: shard) }
      let targets = pass.values(target, loss.target, shard: shard)
      let scale = 1 / (Double(loss.sampling.count) * Double(max(pass.miniBatchCount, 1)))
      var (objectness, box) = (0.0, 0.0)
      for index in 0..<scores.images {
        let own = ObjectTargets(targets.row(index, width: loss.target.count))
        let matches = matches(of: anchors, own.objects)
        for anchor in loss.sampling.sample(matches, own.key.stream(.anchorSampling)) {
          let place = index * anchors.count + anchor
          let isForeground = matches[anchor] >= 0
          objectness += BinaryCrossEntropy.ofScore(
            scores.base[place], isPositive: isForeground,
            gradient: scoreGradients.map { $0 + place },
            gradientScale: scale)
          if isForeground {
            let code = BoxCoder().encode(
              own.objects[Int(matches[anchor])].box, relativeTo: anchors[anchor])
            box += RegressionLoss.smoothL1(
              predictions: offsets.row(place), targets: code, beta: loss.beta,
              gradient: offsetGradients.map { $0 + 4 * place }, gradientScale: scale)
          }
        }
      }
      let result = pass.lossSums(sums, shard: shard)
      let perImage = 1 / Double(loss.sampling.count)
      result[0] = Double(scores.images)
      result[1] = (objectness + box) * perImage
      result[2] = objectness * perImage
      result[3] = box * perImage
    }
  }

  private func matches(of anchors: [SIMD4<Float>], _ objects: [TargetObject]) -> [Int32] {
    var matches = loss.matching.matches(anchors, objects)
    guard loss.dropsCrossing else { return matches }
    let (width, height) = (Float(image.width), Float(image.height))
    for (index, anchor) in anchors.enumerated()
    where anchor != anchor.clipped(width: width, height: height) {
      matches[index] = Match.neither
    }
    return matches
  }

  /// The gradients were made in the forward pass.
  func backward(_ pass: PassContext) {}
}

extension PassContext {
  /// The gradient of a local shard of a loss's input, where the loss then adds its parts.
  func cleared(_ target: GradientTarget, shard: Int) -> UnsafeMutablePointer<Float> {
    let gradient = tensor(target.slot, shard: shard)
    if !target.accumulate { gradient.base.update(repeating: 0, count: gradient.count) }
    return gradient.base
  }
}

extension ImageTensor {
  /// Four neighbouring numbers.
  func row(_ index: Int) -> ImageTensor {
    ImageTensor(
      base: base + 4 * index, images: 1, shape: ImageShape(height: 1, width: 1, channels: 4))
  }
}

extension RegressionLoss {
  /// Smooth L1 of one box's offsets, whose gradient is added.
  static func smoothL1(
    predictions: ImageTensor, targets: SIMD4<Float>, beta: Double,
    gradient: UnsafeMutablePointer<Float>?, gradientScale: Double
  ) -> Double {
    withUnsafeBytes(of: targets) { bytes in
      smoothL1(
        predictions: predictions,
        targets: VectorView(bytes.assumingMemoryBound(to: Float.self)), beta: beta,
        gradient: gradient, gradientScale: gradientScale, accumulate: true)
    }
  }
}
