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

  func forward(_ workspace: Workspace, mode: PassMode) {
    let parameters = workspace.parameters.pointer
    workspace.forEachShard { shard, _ in
      FullyConnected.forward(
        workspace.tensor(input, shard: shard), weights: parameters + weights.lowerBound,
        bias: parameters + bias.lowerBound, output: workspace.tensor(output, shard: shard))
    }
  }

  func backward(_ workspace: Workspace) {
    guard let outputGradient else { return }
    let parameters = workspace.parameters.pointer
    let both = weights.lowerBound..<bias.upperBound
    workspace.forEachShard { shard, _ in
      let gradient = workspace.tensor(outputGradient, shard: shard)
      let target = workspace.shardGradient(both, shard: shard)
      FullyConnected.backwardWeights(
        input: workspace.tensor(input, shard: shard), outputGradient: gradient,
        weightGradient: target, biasGradient: target + weights.count)
      if let inputGradient {
        FullyConnected.backwardData(
          outputGradient: gradient, weights: parameters + weights.lowerBound,
          inputGradient: workspace.tensor(inputGradient.place, shard: shard),
          accumulate: inputGradient.accumulate)
      }
    }
    workspace.combineShardGradients(both)
  }
}
