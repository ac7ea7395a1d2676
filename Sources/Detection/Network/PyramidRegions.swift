/// Regions that are looked at in several sizes of an image (He et al. 2015, appendix B, "Multi-scale testing").

import Kernels
import Networks
import Tensors

/// Scores regions by features of two neighbouring sizes of the image, of which each feature is the larger one
/// (maxout; Ren et al. 2015, "Object Detection Networks on Convolutional Feature Maps", arXiv 1504.06066).
///
/// The two are those in which the region has closest to 224² pixels. One thread uses it.
package final class PyramidRegions {
  /// The pixels of the images that backbones are trained on.
  private static let usualArea: Float = 224 * 224

  private let pooling: ImageByImageTests
  private let predictor: Replica
  private let given: GivenBoxes
  /// Of all regions, [R, 1, 1, C].
  private let features: AlignedBuffer<Float>

  package init(_ detector: Detector, parameters: Replica) {
    pooling = ImageByImageTests(
      { detector.architecture(.featuresOfGivenRegions, input: $0) }, parameters: parameters)
    let capacity = detector.settings.testLimits.after
    let architecture = detector.predictor
    predictor = Replica(
      architecture, evaluation: try! ShardLayout(batch: capacity, shards: 1),
      exchange: SingleRankExchange(), sharing: parameters)
    given = GivenBoxes(detector)
    features = AlignedBuffer(count: capacity * architecture.input.count)
  }

  /// What the detector says of regions.
  ///
  /// - Parameters:
  ///   - regions: boxes in an image of `shape`.
  ///   - scales: the image in ascending sizes; at least one.
  package func predictions(
    _ regions: [SIMD4<Float>], _ shape: ImageShape, _ scales: [ImageTensor]
  ) throws -> RegionPredictions {
    let channels = predictor.architecture.input.channels
    let factors = scales.map { image in
      SIMD2(
        Float(image.shape.width) / Float(shape.width),
        Float(image.shape.height) / Float(shape.height))
    }
    let pairs = regions.map { Self.scales(of: $0, factors) }
    features.elements.update(repeating: -.infinity)
    for (scale, image) in scales.enumerated() {
      let own = regions.indices.filter { pairs[$0].contains(scale) }
      if own.isEmpty { continue }
      let factor = factors[scale]
      let sides = SIMD4(lowHalf: factor, highHalf: factor)
      let replica = try pooling.scoringPass(
        image, targets: given.targets(own.map { regions[$0] * sides }))
      let rows = replica.rows(own.count, ofOutput: 0)
      for (row, region) in own.enumerated() {
        let target = features.pointer + region * channels
        let source = rows.base + row * channels
        for channel in 0..<channels { target[channel] = max(target[channel], source[channel]) }
      }
    }
    if !regions.isEmpty {
      _ = try predictor.scoringPass(images: features.pointer, batch: regions.count)
    }
    return RegionPredictions(
      scores: predictor.rows(regions.count, ofOutput: 0),
      offsets: predictor.rows(regions.count, ofOutput: 1), regions: regions)
  }

  /// The size in which a box is closest to the usual area, and the closer one of its neighbours.
  package static func scales(of box: SIMD4<Float>, _ factors: [SIMD2<Float>]) -> ClosedRange<Int> {
    let area = (box[2] - box[0]) * (box[3] - box[1])
    let distances = factors.map { abs(area * $0.x * $0.y - usualArea) }
    let best = distances.indices.min { (distances[$0], $0) < (distances[$1], $1) }!
    let neighbours = [best - 1, best + 1].filter(distances.indices.contains)
    guard let second = neighbours.min(by: { distances[$0] < distances[$1] }) else {
      return best...best
    }
    return min(best, second)...max(best, second)
  }
}
