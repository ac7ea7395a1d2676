/// The sum of the weight gradients by MPI's own all-reduce.

import Kernels
import MPI
import Networks
import Tensors

/// One `MPI_Iallreduce` for each bucket: what other trainers do, for comparison.
///
/// MPI adds in an order of its own, so the bits depend on the number of ranks.
package final class MPIReduction: GradientReduction {
  package let memory: any GradientMemory
  private let communicator: Communicator
  private let buckets: GradientBuckets
  private var requests = RequestSet()
  private var written = 0

  /// - Parameters:
  ///   - communicator: all ranks; used for nothing else.
  ///   - bucketSize: elements of a bucket.
  package init(
    _ communicator: Communicator, layout: ShardLayout, extent: GradientExtent, bucketSize: Int,
    progress: CommunicationProgress
  ) {
    self.communicator = communicator
    memory = PrivateGradientMemory(
      extent, nodes: layout.tree.nodes(covering: layout.localShards).count)
    buckets = GradientBuckets(count: extent.weights, size: bucketSize)
    progress.register(self)
  }

  package func begin() { written = 0 }

  package func didComplete(weightGradients count: Int) throws {
    while written < buckets.ranges.count, buckets.ranges[written].upperBound <= count {
      let range = buckets.ranges[written]
      let sum = memory.nodes[0][range]
      for node in memory.nodes.dropFirst() { Elementwise.add(VectorView(node[range]), to: sum) }
      requests.insert(try communicator.iAllReduce(inPlace: sum.elements, .sum))
      written += 1
    }
    try advance()
  }

  package func advance() throws { _ = try requests.testAll() }

  package func finish() throws { try requests.waitAll() }

  package func release() {}
}
