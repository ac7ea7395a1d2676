/// Which passes of a normalization run inside the neighbouring convolutions, block by block: a
/// decision of the plan.

/// What a convolution does besides convolving, while a block of images is in the cache.
///
/// A normalization needs all images' statistics before it can write its output, but its passes over
/// memory are element by element. So the convolution before it takes the moments of each block that
/// it has written and, backward, turns dz into dx just before it reads it; the convolution behind it
/// normalizes each block just before it reads it and, backward, masks and sums each block of dy that
/// it has written.
struct BlockFusion {
  /// The operations, by index, whose passes run in the convolution with this operation index.
  struct Neighbours {
    /// The normalization right behind, whose moments and whose dx this convolution computes.
    var following: Int?
    /// The normalization right before, whose output this convolution computes and whose first backward
    /// pass it runs.
    var preceding: Int?
  }

  /// By operation; empty for what is no convolution.
  let neighbours: [Neighbours]

  /// - Parameter enabled: false leaves every pass to its own layer (for tests).
  init(_ operations: [FusedOperation], _ nodes: [Architecture.Node], enabled: Bool) {
    var neighbours = Array(repeating: Neighbours(), count: operations.count)
    if enabled { Self.fuse(operations, nodes, &neighbours) }
    self.neighbours = neighbours
  }

  private static func fuse(
    _ operations: [FusedOperation], _ nodes: [Architecture.Node],
    _ neighbours: inout [Neighbours]
  ) {
    func isConvolution(_ index: Int) -> Bool {
      if case .convolution = nodes[operations[index].node].operation { true } else { false }
    }
    let readers = operations.readers(nodeCount: nodes.count)
    for (index, operation) in operations.enumerated()
    where nodes[operation.node].operation == .batchNormalization {
      if index > 0, isConvolution(index - 1),
        operations[index - 1].output == operation.inputs[0],
        readers[operation.inputs[0]].count == 1
      {
        neighbours[index - 1].following = index
      }
      if index + 1 < operations.count, isConvolution(index + 1),
        operations[index + 1].inputs[0] == operation.output
      {
        neighbours[index + 1].preceding = index
      }
    }
  }

  /// The convolution right before normalization `index` that takes its moments, if there is one.
  func producer(of index: Int) -> Int? {
    index > 0 && neighbours[index - 1].following == index ? index - 1 : nil
  }

  /// Whether the convolution right behind normalization `index` runs its forward pass over memory
  /// and its first backward pass.
  func hasReader(_ index: Int) -> Bool {
    index + 1 < neighbours.count && neighbours[index + 1].preceding == index
  }
}
