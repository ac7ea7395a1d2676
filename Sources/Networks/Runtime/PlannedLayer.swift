/// What a plan asks of a layer: a forward and a backward pass over planned memory.

/// What a forward pass is for.
package enum PassMode {
  /// Mini-batch statistics, running statistics updated, activations kept for the backward pass.
  case training
  /// Running statistics, nothing kept.
  case evaluation
}

/// Half of a training pass.
package enum PassDirection {
  case forward, backward
}

/// A layer with all its memory decided.
package protocol PlannedLayer {
  var name: String { get }

  /// Shapes and algorithm, for the layer table; empty where there is nothing to say.
  var summary: String { get }

  /// Multiply-adds of one image forward, in direct form.
  var multiplyAdds: Int { get }

  /// Whether the backward pass computes the input's gradient.
  var needsInputGradient: Bool { get }

  /// Whether it runs only where there are targets.
  var needsTargets: Bool { get }

  /// The weights whose gradients the backward pass makes, in the weights region; nil: none.
  var weightRange: Range<Int>? { get }

  /// Bytes that the forward pass writes for itself and for the backward pass: `PassContext.saved`.
  var savedBytes: Int { get }

  /// What a pass over the plan's images works in.
  func scratch(_ direction: PassDirection) -> PassScratch

  /// Computes the layer's output for this rank's shards.
  func forward(_ pass: PassContext) throws

  /// Computes the gradients of the layer's inputs and parameters from its output's gradient.
  func backward(_ pass: PassContext) throws
}

extension PlannedLayer {
  package var summary: String { "" }
  package var multiplyAdds: Int { 0 }
  package var needsInputGradient: Bool { true }
  package var needsTargets: Bool { false }
  package var savedBytes: Int { 0 }
  package var weightRange: Range<Int>? { nil }
  package func scratch(_ direction: PassDirection) -> PassScratch { PassScratch() }
}
