/// The targets of a pass's images, as its losses read them.

import Tensors

extension Targets {
  /// The different targets of some losses, in the order in which they come.
  static func layouts(of losses: [any Loss]) -> [TargetLayout] {
    losses.reduce(into: []) { layouts, loss in
      if !layouts.contains(loss.target) { layouts.append(loss.target) }
    }
  }
}

extension Architecture {
  /// The targets of the network's losses, each once.
  package var targetLayouts: [TargetLayout] { Targets.layouts(of: losses) }
}

extension PassContext {
  /// The class indices of a local shard's images.
  package func labels(
    _ index: Int, _ layout: TargetLayout, shard: Int
  ) -> VectorView<Int32> {
    precondition(layout.element == .int32, "\(layout.name) are no class indices")
    return targetView(index, layout, shard: shard, as: Int32.self)
  }

  /// The numbers of a local shard's images.
  package func values(_ index: Int, _ layout: TargetLayout, shard: Int) -> VectorView<Float> {
    precondition(layout.element == .float32, "\(layout.name) are no numbers")
    return targetView(index, layout, shard: shard, as: Float.self)
  }

  private func targetView<Element: BitwiseCopyable>(
    _ index: Int, _ layout: TargetLayout, shard: Int, as type: Element.Type
  ) -> VectorView<Element> {
    guard let targets else { preconditionFailure("a pass without targets runs no loss") }
    return targets.view(
      index, layout, images: self.layout.localImages(ofLocalShard: shard), as: type)
  }
}
