/// What a network costs: parameters and multiply-adds, counted as in the papers' tables.

extension Architecture {
  /// Weights, BN scales and shifts, and the classifier's bias.
  public var parameterCount: Int {
    ParameterLayout(self).count
  }

  /// Multiply-adds of convolutions and the fully connected layer for one image, forward.
  public var multiplyAdds: Int {
    nodes.reduce(0) { $0 + multiplyAdds(of: $1) }
  }

  func multiplyAdds(of node: Node) -> Int {
    switch node.operation {
    case .convolution(let geometry): geometry.multiplyAdds
    case .fullyConnected(let outputs): nodes[node.inputs[0]].shape.count * outputs
    default: 0
    }
  }

  /// Weights and bias of a convolution or a fully connected layer.
  func weightCount(of node: Node) -> Int {
    switch node.operation {
    case .convolution(let geometry): geometry.weightCount
    case .fullyConnected(let outputs): (nodes[node.inputs[0]].shape.channels + 1) * outputs
    default: 0
    }
  }
}
