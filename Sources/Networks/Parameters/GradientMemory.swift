/// The memory that a replica leaves its gradients in.

import Tensors

/// A rank's gradients, perhaps where other ranks can read them in place.
package protocol GradientMemory: AnyObject {
  /// A gradient for each of the rank's tree nodes, 64-byte aligned: the first one's has all
  /// parameters, [weights, normalization], the others' [weights].
  var nodes: [MutableVectorView<Float>] { get }

  /// Where the sum over all shards of all ranks is after a reduction, [weights].
  var sum: VectorView<Float> { get }
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
  /// Each node's floats; all begin with a cache line.
  private let ranges: [Range<Int>]
  /// Floats in all.
  package let count: Int

  /// - Parameter nodes: the rank's tree nodes.
  package init(_ extent: GradientExtent, nodes: Int) {
    let first = CacheLine.whole(floats: extent.parameters)
    let stride = CacheLine.whole(floats: extent.weights)
    ranges = (0..<nodes).map { node in
      let start = node == 0 ? 0 : first + (node - 1) * stride
      return start..<start + (node == 0 ? extent.parameters : extent.weights)
    }
    count = first + (nodes - 1) * stride
  }

  /// The nodes' parts of memory that has `count` floats.
  package func nodes(in memory: MutableVectorView<Float>) -> [MutableVectorView<Float>] {
    ranges.map { memory[$0] }
  }
}

/// Gradients that concern nobody else: the first node's are the sum.
package final class PrivateGradientMemory: GradientMemory {
  private let buffer: AlignedBuffer<Float>
  package let nodes: [MutableVectorView<Float>]
  package let sum: VectorView<Float>

  /// - Parameter nodes: the rank's tree nodes.
  package init(_ extent: GradientExtent, nodes: Int) {
    let map = GradientMemoryMap(extent, nodes: nodes)
    let buffer = AlignedBuffer<Float>(count: map.count)
    self.nodes = map.nodes(in: buffer.view)
    sum = VectorView(self.nodes[0])[0..<extent.weights]
    self.buffer = buffer
  }
}
