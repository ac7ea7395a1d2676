/// The draw of the regions that an image is trained with (Girshick 2015, arXiv 1504.08083, §2.3).

import Networks
import Tensors

/// What a training image's regions are drawn by.
package struct RegionSampling: Hashable, Sendable {
  package var matching: MatchingRule
  package var rule: SamplingRule
  package var coder: BoxCoder
  package var target: TargetLayout

  package init(
    matching: MatchingRule, rule: SamplingRule, coder: BoxCoder, target: TargetLayout
  ) {
    self.matching = matching
    self.rule = rule
    self.coder = coder
    self.target = target
  }

  /// The regions that one image is trained with: of its proposals and its objects.
  func sample(_ proposals: [SIMD4<Float>], _ targets: ObjectTargets) -> [SampledRegion] {
    let objects = targets.objects
    let boxes = proposals + objects.filter { !$0.isCrowd }.map(\.box)
    let matches = matching.matches(boxes, objects)
    return rule.sample(matches, targets.key.stream(.regionSampling)).map { index in
      guard matches[index] >= 0 else { return SampledRegion(box: boxes[index]) }
      let object = objects[Int(matches[index])]
      return SampledRegion(
        box: boxes[index], label: object.label,
        code: coder.encode(object.box, relativeTo: boxes[index]))
    }
  }
}
