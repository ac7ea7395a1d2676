/// A network as rows of a table: what its layers make, hold and cost.

import Kernels
import Tensors

/// A layer with the normalization that follows it.
public struct LayerCosts: Hashable, Sendable {
  public let name: String
  /// As in the papers' tables: `3×3, 64, stride 2`.
  public let summary: String
  public let output: ImageShape
  /// Weights and bias, with the scales and shifts of the following normalization.
  public let parameters: Int
  /// For one image, forward.
  public let multiplyAdds: Int
}

extension Architecture {
  /// Every layer that has parameters or changes the shape, in execution order.
  public var layerCosts: [LayerCosts] {
    let normalized = Set(
      nodes.filter { $0.operation == .batchNormalization }.map { $0.inputs[0] })
    return nodes.enumerated().compactMap { index, node in
      guard let summary = summary(of: node) else { return nil }
      let channels = normalized.contains(index) ? node.shape.channels : 0
      return LayerCosts(
        name: node.name, summary: summary, output: node.shape,
        parameters: weightCount(of: node) + 2 * channels, multiplyAdds: multiplyAdds(of: node))
    }
  }

  private func summary(of node: Node) -> String? {
    switch node.operation {
    case .convolution(let geometry):
      var text = "\(geometry.kernelHeight)×\(geometry.kernelWidth), \(node.shape.channels)"
      if geometry.stride > 1 { text += ", stride \(geometry.stride)" }
      return geometry.groups > 1 ? text + ", \(geometry.groups) groups" : text
    case .maxPooling(let geometry):
      return "\(geometry.kernelHeight)×\(geometry.kernelWidth) max pooling, stride "
        + "\(geometry.stride)"
    case .zeroPaddedShortcut(let stride): return "zeros appended, stride \(stride)"
    case .globalAveragePooling: return "average pooling"
    case .averagePooling(let geometry):
      return "\(geometry.kernelHeight)×\(geometry.kernelWidth) average pooling"
    case .fullyConnected(let outputs): return "fully connected, \(outputs)"
    case .input, .batchNormalization, .relu, .add: return nil
    }
  }
}
