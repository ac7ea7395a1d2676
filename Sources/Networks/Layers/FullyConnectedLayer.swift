/// The classifier in a plan.

import Kernels
import Tensors

struct FullyConnectedLayer: PlannedLayer {
  let name: String
  /// [N, H, W, C], in training 1×1.
  let input: Place
  /// [N, H, W, K].
  let output: Place
  /// [C, K].
  let weights: Range<Int>
  /// [K], right behind the weights.
  let bias: Range<Int>
  let outputGradient: Place?
  let inputGradient: GradientTarget?

  var summary: String { "fully connected, \(product.inputs) → \(product.outputs)" }

  var multiplyAdds: Int { input.shape.count * product.outputs }

  var weightRange: Range<Int>? { weights.lowerBound..<bias.upperBound }

  private var product: FullyConnected {
    FullyConnected(inputs: input.shape.channels, outputs: output.shape.channels)
  }

  /// Images that pass by the weights at once: 64 positions, or those of one image.
  private var imagesPerBlock: Int { max(1, 64 / input.shape.area) }

  func scratch(images: Int, _ direction: PassDirection) -> PassScratch {
    let block = product.scratchCount(images: min(images, imagesPerBlock) * input.shape.area)
    switch direction {
    case .forward:
      return PassScratch(perThread: block)
    case .backward:
      return PassScratch(
        perThread: max(block, product.weightScratchCount(images: images)),
        shardGradient: bias.upperBound - weights.lowerBound)
    }
  }

  func forward(_ workspace: Workspace, mode: PassMode) {
    let parameters = workspace.parameters
    workspace.forEachBlock(slicesPerBlock: imagesPerBlock, acrossShards: true) {
      block, scratch in
      product.forward(
        workspace.tensor(input, block.slices).positions,
        weights: parameters + weights.lowerBound, bias: parameters + bias.lowerBound,
        output: workspace.tensor(output, block.slices).positions, scratch: scratch)
    }
  }

  func backward(_ workspace: Workspace) {
    guard let outputGradient else { return }
    let parameters = workspace.parameters
    let both = weights.lowerBound..<bias.upperBound
    workspace.forEachShard { shard, scratch in
      let target = workspace.shardGradient(both, shard: shard)
      product.backwardWeights(
        input: workspace.tensor(input, shard: shard),
        outputGradient: workspace.tensor(outputGradient, shard: shard), weightGradient: target,
        biasGradient: target + weights.count, scratch: scratch)
      workspace.didAddShardGradient(both, shard: shard)
    }
    if let inputGradient {
      workspace.forEachBlock(slicesPerBlock: imagesPerBlock, acrossShards: true) {
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

extension ImageTensor {
  /// Each position as an image of one pixel.
  fileprivate var positions: ImageTensor {
    ImageTensor(
      base: base, images: rows, shape: ImageShape(height: 1, width: 1, channels: channels))
  }
}
