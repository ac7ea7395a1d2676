/// A network as a value: named operations in execution order, with shapes, and nothing executable.

import Kernels
import Tensors

/// A directed graph of operations from one image to the network's outputs and losses.
///
/// Nodes are in execution order; an operation's inputs are earlier nodes. Parameters carry
/// torchvision's names: `name` is the prefix that `weight`, `bias`, `running_mean`, … follow.
package struct Architecture: Sendable {
  package struct Node: Equatable, Sendable {
    package let name: String
    package let operation: any Operation
    /// Indices of earlier nodes.
    package let inputs: [Int]
    /// Of one image, or of one row of a value whose rows are not images.
    package let shape: ImageShape
    package let rows: RowCount

    package static func == (left: Self, right: Self) -> Bool {
      left.name == right.name && left.operation.isEqual(to: right.operation)
        && left.inputs == right.inputs && left.shape == right.shape && left.rows == right.rows
    }
  }

  /// The name by which a user asks for it, such as `resnet20`.
  package let name: String
  /// What it is, in words, for the start-up summary.
  package let summary: String
  /// Where bottleneck blocks have their stride, which no tensor's shape tells; nil without such blocks.
  package let stride: BottleneckStride?
  package let nodes: [Node]
  /// The nodes whose values are the network's results.
  package let outputs: [Int]
  /// The names of layers that are not trained: their parameters stay, and their normalizations use and
  /// keep their running statistics.
  package var frozen: Set<String> = []
  /// The numbers that it computes with.
  package var precision = Precision.fp32

  package var input: ImageShape { nodes[0].shape }

  /// The class scores of a classifier: its first output.
  package var scores: Node { nodes[outputs[0]] }
  /// Classes of a classifier.
  package var classes: Int { scores.shape.channels }
  /// Positions that have scores: one, but for fully convolutional forms.
  package var positions: Int { scores.shape.area }

  /// The shapes of a node's inputs.
  package func inputShapes(of node: Node) -> [ImageShape] { node.inputs.map { nodes[$0].shape } }

  /// The losses in execution order.
  package var losses: [any Loss] { nodes.compactMap { $0.operation as? any Loss } }

  /// The normalizations that end the residual branches, whose results the shortcuts are added to.
  package var residualNormalizations: [String] {
    nodes.filter { $0.operation is AdditionOperation }.compactMap {
      lastNormalization(upTo: $0.inputs[0])
    }
  }

  /// The last normalization of the branch that ends at node `index`, if no convolution follows it.
  private func lastNormalization(upTo index: Int) -> String? {
    let node = nodes[index]
    if node.operation is BatchNormalizationOperation { return node.name }
    if node.operation is ConvolutionOperation || node.inputs.isEmpty { return nil }
    return lastNormalization(upTo: node.inputs[0])
  }
}

extension Architecture {
  /// The network with some values as further outputs, after its own.
  package func adding(outputs more: [Int]) -> Architecture {
    ArchitectureBuilder(self).architecture(
      name: name, summary: summary, stride: stride, outputs: outputs + more)
  }
}

/// Builds an `Architecture` node by node; each call returns the new node's index.
package struct ArchitectureBuilder {
  package typealias Value = Int
  private var nodes: [Architecture.Node]
  private var frozen: Set<String> = []
  private let precision: Precision

  package init(input: ImageShape, precision: Precision = .fp32) {
    self.precision = precision
    nodes = [
      .init(name: "input", operation: InputOperation(), inputs: [], shape: input, rows: .images)
    ]
  }

  /// Continues a finished network; its nodes keep their indices.
  package init(_ architecture: Architecture) {
    (nodes, frozen) = (architecture.nodes, architecture.frozen)
    precision = architecture.precision
  }

  /// The network's input.
  package var input: Value { 0 }

  package func shape(of value: Value) -> ImageShape { nodes[value].shape }

  /// Appends an operation.
  ///
  /// - Precondition: it can be applied to values of the inputs' shapes.
  package mutating func append(
    _ name: String, _ operation: some Operation, _ inputs: Value...
  ) -> Value {
    append(name, operation, inputs)
  }

  package mutating func append(
    _ name: String, _ operation: any Operation, _ inputs: [Value]
  ) -> Value {
    let shapes = inputs.map { nodes[$0].shape }
    guard let shape = operation.outputShape(of: shapes) else {
      preconditionFailure("\(name), \(operation), cannot be applied to \(shapes)")
    }
    nodes.append(
      .init(
        name: name, operation: operation, inputs: inputs, shape: shape,
        rows: operation.outputRows(of: inputs.map { nodes[$0].rows })))
    return nodes.count - 1
  }

  /// A convolution without bias. `padding` nil keeps the size at stride 1 for odd kernels.
  package mutating func convolution(
    _ name: String, _ value: Value, channels: Int, kernel: Int, stride: Int = 1,
    padding: Int? = nil, groups: Int = 1
  ) -> Value {
    append(
      name,
      ConvolutionOperation(
        channels: channels, kernel: kernel, stride: stride, padding: padding ?? (kernel - 1) / 2,
        groups: groups), value)
  }

  package mutating func batchNormalization(_ name: String, _ value: Value) -> Value {
    append(name, BatchNormalizationOperation(), value)
  }

  package mutating func relu(_ value: Value) -> Value {
    append("\(nodes[value].name).relu", ReLUOperation(), value)
  }

  package mutating func add(_ first: Value, _ second: Value) -> Value {
    append("\(nodes[first].name).add", AdditionOperation(), first, second)
  }

  package mutating func zeroPaddedShortcut(
    _ name: String, _ value: Value, channels: Int, stride: Int
  ) -> Value {
    append(name, ZeroPaddedShortcutOperation(channels: channels, stride: stride), value)
  }

  package mutating func maxPooling(
    _ name: String, _ value: Value, kernel: Int, stride: Int, padding: Int
  ) -> Value {
    append(name, MaxPoolingOperation(kernel: kernel, stride: stride, padding: padding), value)
  }

  package mutating func globalAveragePooling(_ name: String, _ value: Value) -> Value {
    append(name, GlobalAveragePoolingOperation(), value)
  }

  /// A fully connected layer at each position.
  package mutating func fullyConnected(_ name: String, _ value: Value, outputs: Int) -> Value {
    append(name, FullyConnectedOperation(outputs: outputs), value)
  }

  /// The finished network.
  ///
  /// - Parameter outputs: nil: the last node.
  package func architecture(
    name: String, summary: String, stride: BottleneckStride? = nil, outputs: [Value]? = nil
  ) -> Architecture {
    Architecture(
      name: name, summary: summary, stride: stride, nodes: nodes,
      outputs: outputs ?? [nodes.count - 1], frozen: frozen, precision: precision)
  }
}
