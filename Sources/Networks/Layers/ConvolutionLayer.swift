/// A convolution in a plan.

import Kernels

struct ConvolutionLayer: PlannedLayer {
  let name: String
  let geometry: ConvolutionGeometry
  /// [N, H, W, C].
  let input: Place
  /// [N, H_out, W_out, K].
  let output: Place
  let weights: Range<Int>
  let outputGradient: Place?
  /// Nil where nobody needs the input's gradient: the network's first layer.
  let inputGradient: GradientTarget?

  func forward(_ workspace: Workspace, mode: PassMode) {
    let weights = workspace.parameters.pointer + self.weights.lowerBound
    workspace.forEachShard { shard, scratch in
      Convolution.forward(
        geometry, input: workspace.tensor(input, shard: shard), weights: weights,
        output: workspace.tensor(output, shard: shard), scratch: scratch)
    }
  }

  func backward(_ workspace: Workspace) {
    guard let outputGradient else { return }
    let weights = workspace.parameters.pointer + self.weights.lowerBound
    workspace.forEachShard { shard, scratch in
      let gradient = workspace.tensor(outputGradient, shard: shard)
      Convolution.backwardWeights(
        geometry, input: workspace.tensor(input, shard: shard), outputGradient: gradient,
        weightGradient: workspace.shardGradient(self.weights, shard: shard), scratch: scratch)
      if let inputGradient {
        Convolution.backwardData(
          geometry, outputGradient: gradient, weights: weights,
          inputGradient: workspace.tensor(inputGradient.place, shard: shard),
          accumulate: inputGradient.accumulate, scratch: scratch)
      }
    }
    workspace.combineShardGradients(self.weights)
  }
}
