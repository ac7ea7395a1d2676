/// Regions of interest that the caller gives instead of proposals.

import Networks
import Tensors

/// The boxes of the target, as regions of one image.
struct GivenRegions: DetectorOperation {
  /// Regions of an image, at most.
  let capacity: Int

  var target: TargetLayout { ObjectTargets.layout(capacity: capacity) }

  func outputShape(of inputs: [ImageShape]) -> ImageShape? { SampledRegion.shape }

  func outputRows(of inputs: [RowCount]) -> RowCount { .dynamic(set: 0, perImage: capacity) }

  func outputElement(of inputs: [ElementType], activations: ElementType) -> ElementType {
    .float32
  }

  var isDifferentiable: Bool { false }

  func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }

  func layer(_ step: LoweredStep) -> any PlannedLayer {
    GivenRegionsLayer(name: step.name, output: step.output, target: target)
  }
}

private struct GivenRegionsLayer: PlannedLayer {
  let name: String
  let output: TensorSlot
  let target: TargetLayout

  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      let regions = ObjectTargets(pass.values(0, target, shard: shard)).objects
      pass.setRowCount(regions.count, of: output, shard: shard)
      let rows = pass.tensor(output, shard: shard)
      for (index, region) in regions.enumerated() {
        SampledRegion(box: region.box).write(to: rows, index)
      }
    }
  }

  func backward(_ pass: PassContext) {}
}
