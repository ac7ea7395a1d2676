/// Softmax cross-entropy, averaged over the whole mini-batch, at a plan's end.

import Kernels

/// The loss is divided by the images of the whole mini-batch, so the gradients of ranks, and of parts
/// of a mini-batch, simply add up.
struct LossLayer: PlannedLayer {
  let name = "loss"
  /// [N, K].
  let logits: Place
  /// [N, K]; nil in evaluation plans.
  let logitsGradient: Place?
  let labelSmoothing: Double

  /// Leaves each local shard's sums in the workspace, and the logits' gradient in training plans.
  func forward(_ workspace: Workspace, mode: PassMode) {
    let images = workspace.layout.batch * workspace.part.count
    workspace.forEachShard { shard, _ in
      let first = workspace.layout.localImages(ofLocalShard: shard).lowerBound
      workspace.shardSums[shard] = SoftmaxCrossEntropy.evaluate(
        logits: workspace.tensor(logits, shard: shard), labels: workspace.labels + first,
        gradient: logitsGradient.map { workspace.tensor($0, shard: shard).base },
        gradientScale: 1 / Double(max(images, 1)), labelSmoothing: labelSmoothing)
    }
  }

  /// The gradient was made on the way forward.
  func backward(_ workspace: Workspace) {}
}
