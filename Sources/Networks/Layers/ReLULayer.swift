/// A rectifier that the plan did not fuse into a normalization.

import Kernels

struct ReLULayer: PlannedLayer {
  let name: String
  let input: Place
  let output: Place
  let outputGradient: Place?
  let inputGradient: GradientTarget?

  func forward(_ workspace: Workspace, mode: PassMode) {
    workspace.forEachShard { shard, _ in
      Elementwise.relu(
        workspace.tensor(input, shard: shard), output: workspace.tensor(output, shard: shard))
    }
  }

  func backward(_ workspace: Workspace) {
    guard let outputGradient, let inputGradient else { return }
    workspace.forEachShard { shard, _ in
      Elementwise.reluBackward(
        outputGradient: workspace.tensor(outputGradient, shard: shard),
        output: workspace.tensor(output, shard: shard),
        inputGradient: workspace.tensor(inputGradient.place, shard: shard),
        accumulate: inputGradient.accumulate)
    }
  }
}
