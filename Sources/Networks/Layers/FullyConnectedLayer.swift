/// The classifier in a plan.

import Kernels

struct FullyConnectedLayer: PlannedLayer {
  let name: String
  /// [N, C].
  let input: Place
  /// [N, K].
  let output: Place
  /// [C, K].
  let weights: Range<Int>
  /// [K], right behind the weights.
  let bias: Range<Int>
  let outputGradient: Place?
  let inputGradient: GradientTarget?

  var summary: String { "fully connected, \(input.shape.count) → \(output.shape.count)" }

  var multiplyAdds: Int { input.shape.count * output.shape.count }

  var weightRange: Range<Int>? { weights.lowerBound..<bias.upperBound }

  private var product: FullyConnected {
    FullyConnected(inputs: input.shape.count, outputs: output.shape.count)
  }

  /// Images that pass by the weights at once.
  private static let imagesPerBlock = 64

  func scratchCount(images: Int) -> Int {
    let block = product.scratchCount(images: min(images, Self.imagesPerBlock))
    return outputGradient == nil ? block : max(block, product.weightScratchCount(images: images))
  }

  func forward(_ workspace: Workspace, mode: PassMode) {
    let parameters = workspace.parameters.pointer
    workspace.forEachBlock(slicesPerBlock: Self.imagesPerBlock, acrossShards: true) {
      block, scratch in
      product.forward(
        workspace.tensor(input, block.slices), weights: parameters + weights.lowerBound,
        bias: parameters + bias.lowerBound, output: workspace.tensor(output, block.slices),
        scratch: scratch)
    }
  }

  func backward(_ workspace: Workspace) {
    guard let outputGradient else { return }
    let parameters = workspace.parameters.pointer
    let both = weights.lowerBound..<bias.upperBound
    workspace.forEachShard { shard, scratch in
      let target = workspace.shardGradient(both, shard: shard)
      product.backwardWeights(
        input: workspace.tensor(input, shard: shard),
        outputGradient: workspace.tensor(outputGradient, shard: shard), weightGradient: target,
        biasGradient: target + weights.count, scratch: scratch)
    }
    if let inputGradient {
      workspace.forEachBlock(slicesPerBlock: Self.imagesPerBlock, acrossShards: true) {
        block, scratch in
        product.backwardData(
          outputGradient: workspace.tensor(outputGradient, block.slices),
          weights: parameters + weights.lowerBound,
          inputGradient: workspace.tensor(inputGradient.place, block.slices),
          accumulate: inputGradient.accumulate, scratch: scratch)
      }
    }
    workspace.combineShardGradients(both)
  }
}
