/// Regions of interest that come with an image, instead of proposals of the network itself.

import Networks
import Tensors

/// Reads the regions of the targets. Its input is the image, of which it needs no more than the number.
package struct GivenRegions: RegionOperation {
  package let target: TargetLayout
  /// Regions of an image, at most.
  package let limit: Int
  /// Nil: all are the regions, as in tests.
  package let sampling: RegionSampling?

  package func outputRows(of inputs: [RowCount]) -> RowCount {
    .dynamic(set: 0, perImage: sampling?.rule.count ?? limit)
  }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    GivenRegionsLayer(name: step.name, output: step.output, operation: self)
  }
}

private struct GivenRegionsLayer: PlannedLayer {
  let name: String
  let output: TensorSlot
  let operation: GivenRegions

  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      let targets = pass.values(0, operation.target, shard: shard)
      let width = operation.target.count
      let regions = (0..<targets.count / width).flatMap { index -> [SampledRegion] in
        let own = ObjectTargets(targets.row(index, width: width))
        return operation.sampling?.sample(own.regions, own)
          ?? own.regions.map { SampledRegion(box: $0) }
      }
      pass.write(regions, to: output, shard: shard)
    }
  }

  func backward(_ pass: PassContext) {}
}
