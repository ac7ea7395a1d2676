/// What follows the progress of a training pass: profilers, the gradient reduction, watchdogs.

/// One layer of the training plan, as observers see it.
package struct LayerDescription: Hashable, Sendable {
  package let name: String
  /// Shapes and algorithm of a convolution; empty for what has none.
  package let summary: String
  /// Multiply-adds of one image forward in direct form.
  package let multiplyAdds: Int
  /// Whether the layer computes its input's gradient too, so that backward is twice forward's work.
  package let needsInputGradient: Bool

  init(_ layer: any PlannedLayer) {
    name = layer.name
    summary = layer.summary
    multiplyAdds = layer.multiplyAdds
    needsInputGradient = layer.needsInputGradient
  }
}

/// Notified of each layer of a training pass, on the thread that drives the replica.
package protocol PassObserver: AnyObject {
  /// Once, before the first pass: the layers of the training plan, in the order of their numbers.
  func willObserve(_ layers: [LayerDescription])

  /// Before a layer's pass; `layer` is its number in the training plan.
  func willRun(layer: Int, backward: Bool) throws

  /// After it.
  func didRun(layer: Int, backward: Bool) throws

  /// After a backward pass that made weight gradients: the first `count` elements of the weights
  /// region, on each of this rank's tree nodes, change no more in this training pass.
  func didComplete(weightGradients count: Int) throws
}

extension PassObserver {
  package func willObserve(_ layers: [LayerDescription]) {}
  package func willRun(layer: Int, backward: Bool) {}
  package func didRun(layer: Int, backward: Bool) {}
  package func didComplete(weightGradients count: Int) {}
}
