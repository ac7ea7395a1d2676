/// Features of the whole image concatenated to those of each region (He et al. 2015, appendix B, "Global context").

import Kernels
import Networks
import Tensors

/// The regions of an image, and after them the whole image as one more.
struct ContextRegion: RegionOperation {
  /// Regions, then the network's input.
  func outputShape(of inputs: [ImageShape]) -> ImageShape? {
    inputs.count == 2 && inputs[0] == SampledRegion.shape ? inputs[0] : nil
  }

  func outputRows(of inputs: [RowCount]) -> RowCount {
    .dynamic(set: 1, perImage: inputs[0].perImage + 1)
  }

  func layer(_ step: LoweredStep) -> any PlannedLayer {
    ContextRegionLayer(
      name: step.name, regions: step.source(0), output: step.output, image: step.inputShapes[1])
  }
}

private struct ContextRegionLayer: PlannedLayer {
  let name: String
  /// [R, 1, 1, `SampledRegion.width`].
  let regions: ActivationSource
  /// [R + 1, 1, 1, `SampledRegion.width`].
  let output: TensorSlot
  let image: ImageShape

  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      let regions = regions.stored(pass, shard: shard)
      let boxes =
        SampledRegion.boxes(regions) + [SIMD4(0, 0, Float(image.width), Float(image.height))]
      pass.write(boxes.map { SampledRegion(box: $0) }, to: output, shard: shard)
    }
  }

  func backward(_ pass: PassContext) {}
}

/// The features of each region, followed by those of the last row, which is the whole image.
struct ContextFeatures: DetectorOperation {
  /// Features of regions and of the image, then the regions.
  func outputShape(of inputs: [ImageShape]) -> ImageShape? {
    guard inputs.count == 2, inputs[0].area == 1, inputs[1] == SampledRegion.shape else {
      return nil
    }
    return inputs[0].with(channels: 2 * inputs[0].channels)
  }

  func outputRows(of inputs: [RowCount]) -> RowCount { inputs[1] }

  func summary(of inputs: [ImageShape]) -> String? { "with those of the whole image" }

  func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }

  func layer(_ step: LoweredStep) -> any PlannedLayer {
    ContextFeaturesLayer(
      name: step.name, features: step.source(0), output: step.output,
      outputGradient: step.outputGradient, inputGradient: step.inputGradient(0))
  }
}

private struct ContextFeaturesLayer: PlannedLayer {
  let name: String
  /// [R + 1, 1, 1, C].
  let features: ActivationSource
  /// [R, 1, 1, 2C].
  let output: TensorSlot
  let outputGradient: TensorSlot?
  let inputGradient: GradientTarget?

  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      let features = features.stored(pass, shard: shard)
      let output = pass.tensor(output, shard: shard)
      let channels = features.shape.channels
      let image = features.channels(of: output.images)
      for region in 0..<output.images {
        output.channels(of: region).update(from: features.channels(of: region), count: channels)
        (output.channels(of: region) + channels).update(from: image, count: channels)
      }
    }
  }

  func backward(_ pass: PassContext) {
    guard let outputGradient, let inputGradient else { return }
    pass.forEachShard { shard, _ in
      let gradient = pass.tensor(outputGradient, shard: shard)
      let channels = gradient.shape.channels / 2
      let target = pass.cleared(inputGradient, shard: shard)
      let image = target + gradient.images * channels
      for region in 0..<gradient.images {
        let row = gradient.channels(of: region)
        let own = target + region * channels
        Elementwise.add(own, row, output: own, count: channels)
        Elementwise.add(image, row + channels, output: image, count: channels)
      }
    }
  }
}

extension ImageTensor {
  /// Those of an image of one position.
  fileprivate func channels(of index: Int) -> UnsafeMutablePointer<Float> {
    base + index * shape.channels
  }
}
