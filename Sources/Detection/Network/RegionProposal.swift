/// Regions of interest from the scores and offsets of anchors (Ren et al. 2015, §3.1 and §3.3).

import Kernels
import Networks
import Tensors

/// The boxes that the highest-scored anchors point at, without those that overlap a better one.
///
/// In training the objects join them, and a sample of all is what the following layers see, with labels and
/// offsets. Proposals are constants: no gradient goes through them.
package struct RegionProposal: RegionOperation {
  /// How many boxes are kept at each stage.
  package struct Limits: Hashable, Sendable {
    /// Anchors with the highest scores, before suppression.
    package var before: Int
    /// Boxes after it.
    package var after: Int
    /// Overlap above which the worse of two boxes is dropped.
    package var overlap: Float
    /// Boxes with a shorter side are dropped, in pixels of the network's input.
    package var leastSide: Float

    package init(before: Int, after: Int, overlap: Float, leastSide: Float) {
      self.before = before
      self.after = after
      self.overlap = overlap
      self.leastSide = leastSide
    }
  }

  package let anchors: AnchorGrid
  package let limits: Limits
  /// Nil: all proposals are the regions, as in tests.
  package let sampling: RegionSampling?

  package func outputRows(of inputs: [RowCount]) -> RowCount {
    .dynamic(set: 0, perImage: sampling?.rule.count ?? limits.after)
  }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    RegionProposalLayer(
      name: step.name, scores: step.source(0), offsets: step.source(1), output: step.output,
      map: step.inputShapes[0], image: step.inputShapes[2], operation: self)
  }
}

private struct RegionProposalLayer: PlannedLayer {
  let name: String
  /// [N, H, W, A].
  let scores: ActivationSource
  /// [N, H, W, 4A].
  let offsets: ActivationSource
  let output: TensorSlot
  let map: ImageShape
  let image: ImageShape
  let operation: RegionProposal

  func forward(_ pass: PassContext) {
    let anchors = operation.anchors.anchors(of: map)
    pass.forEachShard { shard, _ in
      let scores = scores.stored(pass, shard: shard)
      let offsets = offsets.stored(pass, shard: shard)
      let regions = (0..<scores.images).flatMap { index -> [SampledRegion] in
        let proposals = proposals(
          anchors, scores: scores.base + index * anchors.count,
          offsets: offsets.base + index * 4 * anchors.count)
        guard let sampling = operation.sampling, pass.mode == .training else {
          return proposals.map { SampledRegion(box: $0) }
        }
        let targets = pass.values(0, sampling.target, shard: shard)
        return sampling.sample(
          proposals, ObjectTargets(targets.row(index, width: sampling.target.count)))
      }
      pass.write(regions, to: output, shard: shard)
    }
  }

  func backward(_ pass: PassContext) {}

  /// The proposals of one image, best first.
  private func proposals(
    _ anchors: [SIMD4<Float>], scores: UnsafePointer<Float>, offsets: UnsafePointer<Float>
  ) -> [SIMD4<Float>] {
    let limits = operation.limits
    let (width, height) = (Float(image.width), Float(image.height))
    let coder = BoxCoder()
    let boxes = TopScores.indices(scores, count: anchors.count, limit: limits.before)
      .map { anchor in
        let code = SIMD4(
          offsets[4 * anchor], offsets[4 * anchor + 1], offsets[4 * anchor + 2],
          offsets[4 * anchor + 3])
        return coder.decode(code, relativeTo: anchors[anchor])
          .clipped(width: width, height: height)
      }
      .filter { $0.hasSides(atLeast: limits.leastSide) }
    return NonMaximumSuppression.kept(boxes, overlap: limits.overlap, limit: limits.after)
      .map { boxes[$0] }
  }
}
