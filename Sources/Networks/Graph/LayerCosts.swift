/// What a network costs: parameters and multiply-adds, counted as in the papers' tables.

import Kernels
import Tensors

/// A layer with the normalization that follows it.
package struct LayerCosts: Hashable, Sendable {
  package let name: String
  /// As in the papers' tables: `3×3, 64, stride 2`.
  package let summary: String
  package let output: ImageShape
  /// Weights and bias, with the scales and shifts of the following normalization.
  package let parameters: Int
  /// For one image, forward.
  package let multiplyAdds: Int
}

extension Architecture {
  /// Weights, BN scales and shifts, and the classifier's bias.
  package var parameterCount: Int { nodes.reduce(0) { $0 + parameterCount(of: $1) } }

  /// Multiply-adds of convolutions and fully connected layers for one image, forward.
  package var multiplyAdds: Int { nodes.reduce(0) { $0 + multiplyAdds(of: $1) } }

  /// Every layer that has parameters or changes the shape, in execution order.
  package var layerCosts: [LayerCosts] {
    let normalizations = nodes.filter { $0.operation is BatchNormalizationOperation }
    let normalized = Dictionary(grouping: normalizations) { $0.inputs[0] }
    return nodes.enumerated().compactMap { index, node in
      guard let summary = node.operation.summary(of: inputShapes(of: node)) else { return nil }
      let following = (normalized[index] ?? []).first.map(parameterCount(of:)) ?? 0
      return LayerCosts(
        name: node.name, summary: summary, output: node.shape,
        parameters: parameterCount(of: node) + following, multiplyAdds: multiplyAdds(of: node))
    }
  }

  private func parameterCount(of node: Node) -> Int {
    node.operation.parameters(of: inputShapes(of: node)).reduce(0) { $0 + $1.count }
  }

  private func multiplyAdds(of node: Node) -> Int {
    node.operation.multiplyAdds(of: inputShapes(of: node))
  }
}
