/// Memory that a layer works in beside values and gradients.

/// What one pass of a layer needs, in floats.
package struct PassScratch {
  /// For each thread.
  package var perThread = 0
  /// For the weights in the form that a convolution's algorithm multiplies with.
  package var preparedWeights = 0
  /// For one shard's gradient of the layer's weights.
  package var shardGradient = 0

  package init(perThread: Int = 0, preparedWeights: Int = 0, shardGradient: Int = 0) {
    self.perThread = perThread
    self.preparedWeights = preparedWeights
    self.shardGradient = shardGradient
  }

  /// Where it is: bytes from the arena's start, and floats of each thread and shard.
  struct Offsets {
    var threads = 0
    var perThread = 0
    var preparedWeights = 0
    var shardGradients = 0
    var perShardGradient = 0
    /// What the layer keeps from its forward to its backward pass.
    var saved = 0
  }
}
