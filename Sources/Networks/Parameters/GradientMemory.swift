/// The memory that a replica leaves its gradients in.

import Tensors

/// A rank's gradients, perhaps where other ranks can read them in place.
package protocol GradientMemory: AnyObject {
  /// A gradient for each of the rank's tree nodes, 64-byte aligned: the first one's has all
  /// parameters, [weights, normalization], the others' [weights].
  var nodes: [UnsafeMutablePointer<Float>] { get }

  /// Where the sum over all shards of all ranks is after a reduction, [weights].
  var sum: UnsafePointer<Float> { get }
}

/// The lengths of gradients.
package struct GradientExtent: Hashable, Sendable {
  /// Elements of the weights region.
  package let weights: Int
  /// Elements of all trained parameters.
  package let parameters: Int

  package init(weights: Int, parameters: Int) {
    self.weights = weights
    self.parameters = parameters
  }

  package init(_ layout: ParameterLayout) {
    self.init(weights: layout.weights.count, parameters: layout.trainedCount)
  }
}

/// The division of a rank's gradient memory over its tree nodes.
package struct GradientMemoryMap {
  /// Each node's first float; all at the start of a cache line.
  package let offsets: [Int]
  /// Floats in all.
  package let count: Int

  /// - Parameter nodes: the rank's tree nodes.
  package init(_ extent: GradientExtent, nodes: Int) {
    let first = CacheLine.whole(floats: extent.parameters)
    let stride = CacheLine.whole(floats: extent.weights)
    offsets = (0..<nodes).map { $0 == 0 ? 0 : first + ($0 - 1) * stride }
    count = first + (nodes - 1) * stride
  }
}

/// Gradients that concern nobody else: the first node's are the sum.
package final class PrivateGradientMemory: GradientMemory {
  private let buffer: AlignedBuffer<Float>
  package let nodes: [UnsafeMutablePointer<Float>]

  /// - Parameter nodes: the rank's tree nodes.
  package init(_ extent: GradientExtent, nodes: Int) {
    let map = GradientMemoryMap(extent, nodes: nodes)
    let buffer = AlignedBuffer<Float>(count: map.count)
    self.nodes = map.offsets.map { buffer.pointer + $0 }
    self.buffer = buffer
  }

  package var sum: UnsafePointer<Float> { UnsafePointer(nodes[0]) }
}
