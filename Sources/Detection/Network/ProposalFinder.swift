/// The proposals of a detector for single images.

import Networks
import Tensors

/// Finds the proposals in images of any size, with the parameters of a replica. One thread uses it.
package final class ProposalFinder {
  private let passes: ImageByImageTests
  /// Proposals of an image, at most.
  package let limit: Int

  /// - Parameter parameters: whose parameters are read, and whose memory is used where it is large enough.
  package init(_ detector: Detector, limits: RegionProposal.Limits, parameters: Replica) {
    limit = limits.after
    passes = ImageByImageTests(
      { detector.architecture(.proposals(limits), input: $0) }, parameters: parameters)
  }

  /// The boxes of an image, best first: x1, y1, x2, y2 in its pixels.
  ///
  /// - Parameter image: [1, H, W, 3], normalized.
  package func boxes(in image: ImageTensor) throws -> [SIMD4<Float>] {
    let replica = try passes.scoringPass(image)
    return SampledRegion.boxes(replica.rows(replica.evaluationRows(0), ofOutput: 0))
  }
}
