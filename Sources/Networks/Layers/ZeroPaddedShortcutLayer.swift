/// Shortcut A in a plan.

import Kernels

struct ZeroPaddedShortcutLayer: PlannedLayer {
  let name: String
  let stride: Int
  /// [N, H, W, C].
  let input: Place
  /// [N, ⌈H/stride⌉, ⌈W/stride⌉, K ≥ C].
  let output: Place
  let outputGradient: Place?
  let inputGradient: GradientTarget?

  func forward(_ workspace: Workspace, mode: PassMode) {
    workspace.forEachShard { shard, _ in
      ZeroPaddedShortcut.forward(
        workspace.tensor(input, shard: shard), stride: stride,
        output: workspace.tensor(output, shard: shard))
    }
  }

  func backward(_ workspace: Workspace) {
    guard let outputGradient, let inputGradient else { return }
    workspace.forEachShard { shard, _ in
      ZeroPaddedShortcut.backward(
        outputGradient: workspace.tensor(outputGradient, shard: shard), stride: stride,
        inputGradient: workspace.tensor(inputGradient.place, shard: shard),
        accumulate: inputGradient.accumulate)
    }
  }
}
