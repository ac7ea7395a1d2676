/// A detector's answers for single images.

import Networks
import Tensors

/// Finds the objects of images of any size, with the parameters of a replica. One thread uses it.
package final class ObjectFinder {
  private let detector: Detector
  private let rule: DetectionRule
  private let passes: ImageByImageTests
  /// Passes over the boxes that were found; nil: the rule wants none.
  private let refinement: ImageByImageTests?
  /// Boxes that are pooled again.
  private let given: AlignedBuffer<Float>

  /// - Parameter parameters: whose parameters are read, and whose memory is used where it is large enough.
  package init(_ detector: Detector, rule: DetectionRule, parameters: Replica) {
    self.detector = detector
    self.rule = rule
    passes = ImageByImageTests(
      { detector.architecture(.test, input: $0) }, parameters: parameters)
    refinement =
      rule.refines
      ? ImageByImageTests(
        { detector.architecture(.testOfGivenRegions, input: $0) }, parameters: parameters) : nil
    given = AlignedBuffer(count: rule.refines ? detector.givenRegions.count : 0)
  }

  /// The objects of an image, best first.
  ///
  /// - Parameter image: [1, H, W, 3], normalized.
  package func objects(in image: ImageTensor) throws -> [DetectedObject] {
    var (objects, boxes) = candidates(try passes.scoringPass(image), image.shape)
    if let refinement {
      ObjectTargets(
        key: SamplingKey(seed: 0, step: 0, position: 0),
        objects: boxes.map { TargetObject(box: $0, label: 0) }
      ).write(to: given.view)
      let targets = Targets([
        VectorView(UnsafeRawBufferPointer(given.elements).assumingMemoryBound(to: UInt8.self))
      ])
      objects +=
        candidates(
          try refinement.scoringPass(image, targets: targets), image.shape
        ).objects
    }
    return rule.selected(objects)
  }

  /// What the outputs of a pass say.
  private func candidates(
    _ replica: Replica, _ image: ImageShape
  ) -> (objects: [DetectedObject], likeliest: [SIMD4<Float>]) {
    let regions = replica.evaluationRows(0)
    func output(_ index: Int, channels: Int) -> ImageTensor {
      ImageTensor(
        base: UnsafeMutablePointer(mutating: replica.evaluationOutput(index).baseAddress!),
        images: regions, shape: ImageShape(height: 1, width: 1, channels: channels))
    }
    let classes = detector.classes + 1
    return rule.candidates(
      scores: output(0, channels: classes), offsets: output(1, channels: 4 * classes),
      regions: output(2, channels: SampledRegion.width), coder: detector.settings.regionCoder,
      image: image)
  }
}
