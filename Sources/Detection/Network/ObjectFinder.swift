/// A detector's answers for single images.

import Networks
import Tensors

/// Finds the objects of images of any size, with the parameters of a replica. One thread uses it.
package final class ObjectFinder {
  private let detector: Detector
  private let rule: DetectionRule
  private let passes: ImageByImageTests

  /// - Parameter parameters: whose parameters are read, and whose memory is used where it is large enough.
  package init(_ detector: Detector, rule: DetectionRule, parameters: Replica) {
    self.detector = detector
    self.rule = rule
    passes = ImageByImageTests(
      { detector.architecture(.test, input: $0) }, parameters: parameters)
  }

  /// The objects of an image, best first.
  ///
  /// - Parameter image: [1, H, W, 3], normalized.
  package func objects(in image: ImageTensor) throws -> [DetectedObject] {
    let replica = try passes.scoringPass(image)
    let regions = replica.evaluationRows(0)
    func output(_ index: Int, channels: Int) -> ImageTensor {
      ImageTensor(
        base: UnsafeMutablePointer(mutating: replica.evaluationOutput(index).baseAddress!),
        images: regions, shape: ImageShape(height: 1, width: 1, channels: channels))
    }
    let classes = detector.classes + 1
    return rule.objects(
      scores: output(0, channels: classes), offsets: output(1, channels: 4 * classes),
      regions: output(2, channels: SampledRegion.width), coder: detector.settings.regionCoder,
      image: image.shape)
  }
}
