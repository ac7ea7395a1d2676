/// The addition of a shortcut that the plan did not fuse into a normalization.

import Kernels

struct ShortcutAddLayer: PlannedLayer {
  let name: String
  let first: Place
  let second: Place
  let output: Place
  let outputGradient: Place?
  let firstGradient: GradientTarget?
  let secondGradient: GradientTarget?

  func forward(_ workspace: Workspace, mode: PassMode) {
    workspace.forEachShard { shard, _ in
      let target = workspace.tensor(output, shard: shard)
      Elementwise.add(
        workspace.tensor(first, shard: shard).base, workspace.tensor(second, shard: shard).base,
        output: target.base, count: target.count)
    }
  }

  func backward(_ workspace: Workspace) {
    guard let outputGradient else { return }
    workspace.forEachShard { shard, _ in
      let gradient = workspace.tensor(outputGradient, shard: shard)
      for target in [firstGradient, secondGradient] {
        guard let target else { continue }
        target.take(gradient, workspace.tensor(target.place, shard: shard))
      }
    }
  }
}
