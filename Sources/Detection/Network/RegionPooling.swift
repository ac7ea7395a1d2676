/// Features of regions of interest, all of one size (Girshick 2015, §2.1; He et al. 2017, arXiv 1703.06870, §3).

import Kernels
import Networks
import Tensors

/// Cuts a map of `side`² out of a feature map for each region.
package struct RegionPooling: DetectorOperation {
  package enum Method: String, CaseIterable, Sendable {
    /// The mean of points between the map's positions (He et al. 2017).
    case align = "roi-align"
    /// The highest of the positions in each part, which are rounded (Girshick 2015).
    case pool = "roi-pool"
  }

  package let method: Method
  package let side: Int
  /// Pixels of the network's input between neighbouring positions of the map.
  package let stride: Int

  package func outputShape(of inputs: [ImageShape]) -> ImageShape? {
    guard inputs.count == 2, inputs[1] == SampledRegion.shape else { return nil }
    return ImageShape(height: side, width: side, channels: inputs[0].channels)
  }

  package func outputRows(of inputs: [RowCount]) -> RowCount { inputs[1] }

  package func summary(of inputs: [ImageShape]) -> String? {
    "\(method.rawValue), \(side)×\(side)"
  }

  /// The regions, and of RoI pooling what each maximum was.
  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [.input(1)] }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    RegionPoolingLayer(
      name: step.name, features: step.source(0), regions: step.source(1), output: step.output,
      outputGradient: step.outputGradient, inputGradient: step.inputGradient(0),
      map: step.inputShapes[0], operation: self, capacity: step.capacity)
  }
}

private struct RegionPoolingLayer: PlannedLayer {
  let name: String
  /// [1, H, W, C].
  let features: ActivationSource
  let regions: ActivationSource
  let output: TensorSlot
  let outputGradient: TensorSlot?
  let inputGradient: GradientTarget?
  let map: ImageShape
  let operation: RegionPooling
  /// Regions, at most.
  let capacity: Int

  var savedBytes: Int {
    operation.method == .pool ? capacity * output.shape.count * MemoryLayout<Int32>.stride : 0
  }

  /// Of RoI pooling: the position of each maximum, [regions, side, side, C].
  private func argmax(_ pass: PassContext) -> UnsafeMutablePointer<Int32> {
    pass.saved.assumingMemoryBound(to: Int32.self)
  }

  func scratch(_ direction: PassDirection) -> PassScratch {
    PassScratch(perThread: direction == .backward ? map.count : 0)
  }

  private var alignment: RegionAlignment {
    RegionAlignment(
      height: operation.side, width: operation.side, scale: 1 / Float(operation.stride))
  }

  private var maxPooling: RegionMaxPooling {
    RegionMaxPooling(
      height: operation.side, width: operation.side, scale: 1 / Float(operation.stride))
  }

  private func rows(_ pass: PassContext, shard: Int) -> RegionRows {
    let rows = regions.stored(pass, shard: shard)
    return RegionRows(base: rows.base, width: SampledRegion.width, count: rows.images)
  }

  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      let features = features.stored(pass, shard: shard)
      precondition(features.images == 1, "regions of one image a shard")
      let output = pass.tensor(output, shard: shard)
      switch operation.method {
      case .align:
        alignment.forward(features: features, regions: rows(pass, shard: shard), output: output)
      case .pool:
        maxPooling.forward(
          features: features, regions: rows(pass, shard: shard), output: output,
          argmax: argmax(pass))
      }
    }
  }

  func backward(_ pass: PassContext) {
    guard let outputGradient, let inputGradient else { return }
    pass.forEachShard { shard, sums in
      let gradient = pass.tensor(outputGradient, shard: shard)
      sums.update(repeating: 0, count: map.count)
      switch operation.method {
      case .align:
        alignment.backward(
          outputGradient: gradient, regions: rows(pass, shard: shard), map: map,
          featureGradient: sums)
      case .pool:
        maxPooling.backward(
          outputGradient: gradient, argmax: argmax(pass), featureGradient: sums)
      }
      // Regions overlap, so their parts are added up in Float and rounded once.
      Elementwise.take(
        ImageTensor(base: sums, images: 1, shape: map),
        pass.tensor(inputGradient.slot, shard: shard), accumulate: inputGradient.accumulate)
    }
  }
}
