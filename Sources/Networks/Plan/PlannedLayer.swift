/// What a plan asks of a layer: a forward and a backward pass over planned memory.

/// Whether a pass learns.
enum PassMode {
  /// Mini-batch statistics, running statistics updated, activations kept for the backward pass.
  case training
  /// Running statistics, nothing kept.
  case evaluation
}

/// Half of a training pass.
enum PassDirection {
  case forward, backward
}

/// A layer with every place it reads and writes decided.
protocol PlannedLayer {
  var name: String { get }

  /// Shapes and algorithm, for the layer table; empty where there is nothing to tell.
  var summary: String { get }

  /// Multiply-adds of one image forward, in direct form.
  var multiplyAdds: Int { get }

  /// Whether the backward pass computes the input's gradient.
  var propagates: Bool { get }

  /// The weights whose gradients the backward pass makes, in the weights region.
  var weightRange: Range<Int>? { get }

  /// What a pass over up to `images` images of this rank works in.
  func scratch(images: Int, _ direction: PassDirection) -> PassScratch

  /// Computes the layer's output for this rank's shards.
  func forward(_ workspace: Workspace, mode: PassMode) throws

  /// Computes the gradients of the layer's inputs and parameters from its output's gradient.
  func backward(_ workspace: Workspace) throws
}

extension PlannedLayer {
  var summary: String { "" }
  var multiplyAdds: Int { 0 }
  var propagates: Bool { true }
  var weightRange: Range<Int>? { nil }
  func scratch(images: Int, _ direction: PassDirection) -> PassScratch { PassScratch() }
}

/// Where a layer leaves an input's gradient.
struct GradientTarget {
  let place: Place
  /// Whether an earlier backward step already wrote a part, so that this one adds to it.
  let accumulate: Bool
}
