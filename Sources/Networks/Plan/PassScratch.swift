/// Memory that a layer works in beside values and gradients, for one step of the plan.

/// What one pass of a layer needs, in floats.
struct PassScratch {
  /// For each thread.
  var perThread = 0
  /// For the weights in the form that a convolution's algorithm multiplies with.
  var preparedWeights = 0
  /// For one shard's gradient of the layer's weights.
  var shardGradient = 0

  /// Where it is in the arena.
  struct Places {
    var threads = 0
    var perThread = 0
    var preparedWeights = 0
    var shardGradients = 0
    var perShardGradient = 0
  }
}
