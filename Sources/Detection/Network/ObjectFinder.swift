/// A detector's answers for single images.

import Kernels
import Networks
import Tensors

/// Finds the objects of images of any size, with the parameters of a replica. One thread uses it.
package final class ObjectFinder {
  private let detector: Detector
  private let rule: DetectionRule
  private let passes: ImageByImageTests
  /// Passes over regions of another network, and over the boxes that were found.
  private let givenPasses: ImageByImageTests
  private let given: GivenBoxes
  private let parameters: Replica
  /// Made for the first image that comes in several sizes.
  private lazy var pyramid = PyramidRegions(detector, parameters: parameters)
  private let proposals: ProposalFinder
  private let proposesItself: Bool

  /// - Parameters:
  ///   - parameters: whose parameters are read, and whose memory is used where it is large enough.
  ///   - proposals: another network whose proposals are classified; nil: the detector's own are.
  package init(
    _ detector: Detector, rule: DetectionRule, parameters: Replica,
    proposals: ProposalFinder? = nil
  ) {
    self.detector = detector
    self.rule = rule
    self.proposals =
      proposals
      ?? ProposalFinder(detector, limits: detector.settings.testLimits, parameters: parameters)
    proposesItself = proposals == nil
    passes = ImageByImageTests(
      { detector.architecture(.test, input: $0) }, parameters: parameters)
    givenPasses = ImageByImageTests(
      { detector.architecture(.testOfGivenRegions, input: $0) }, parameters: parameters)
    given = GivenBoxes(detector)
    self.parameters = parameters
  }

  /// The objects of an image, best first.
  ///
  /// - Parameters:
  ///   - image: [1, H, W, 3], normalized, of which proposals are made.
  ///   - scales: the same image in other sizes, in which regions are looked at; empty: in `image` itself.
  package func objects(
    in image: ImageTensor, scales: [ImageTensor] = []
  ) throws -> [DetectedObject] {
    let first =
      try scales.isEmpty && proposesItself
      ? predictions(passes.scoringPass(image))
      : predictions(of: proposals.boxes(in: image), image, scales)
    var (objects, boxes) = candidates(first, image.shape)
    if rule.refines {
      objects += candidates(try predictions(of: boxes, image, scales), image.shape).objects
    }
    return rule.selected(objects)
  }

  private func predictions(
    of regions: [SIMD4<Float>], _ image: ImageTensor, _ scales: [ImageTensor]
  ) throws -> RegionPredictions {
    try scales.isEmpty
      ? predictions(givenPasses.scoringPass(image, targets: given.targets(regions)))
      : pyramid.predictions(regions, image.shape, scales)
  }

  private func predictions(_ replica: Replica) -> RegionPredictions {
    let regions = replica.evaluationRows(0)
    return RegionPredictions(
      scores: replica.rows(regions, ofOutput: 0), offsets: replica.rows(regions, ofOutput: 1),
      regions: SampledRegion.boxes(replica.rows(regions, ofOutput: 2)))
  }

  private func candidates(
    _ predictions: RegionPredictions, _ image: ImageShape
  ) -> (objects: [DetectedObject], likeliest: [SIMD4<Float>]) {
    rule.candidates(predictions, coder: detector.settings.regionCoder, image: image)
  }
}

/// What a detector says of regions.
package struct RegionPredictions {
  /// [R, 1, 1, K + 1], the first of which is the background; valid until the next pass.
  package let scores: ImageTensor
  /// [R, 1, 1, 4 (K + 1)], likewise.
  package let offsets: ImageTensor
  let regions: [SIMD4<Float>]
}

/// Boxes as the targets of the test forms whose regions are given.
final class GivenBoxes {
  private let memory: AlignedBuffer<Float>

  init(_ detector: Detector) {
    memory = AlignedBuffer(count: detector.givenRegions.count)
  }

  /// Valid until the next call.
  func targets(_ boxes: [SIMD4<Float>]) -> Targets {
    ObjectTargets(
      key: SamplingKey(seed: 0, step: 0, position: 0), objects: [], regions: boxes
    ).targets(in: memory)
  }
}

extension Replica {
  /// The first rows of an output of the last evaluation pass.
  func rows(_ count: Int, ofOutput index: Int) -> ImageTensor {
    let output = evaluationOutput(index)
    return ImageTensor(
      base: UnsafeMutablePointer(mutating: output.baseAddress!), images: count,
      shape: architecture.nodes[architecture.outputs[index]].shape)
  }
}
