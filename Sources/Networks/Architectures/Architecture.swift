/// A network as a value: named operations in execution order, with shapes, and nothing executable.

import Kernels
import Tensors

/// A directed graph of operations from one image to class scores.
///
/// Nodes stand in execution order; an operation's inputs are earlier nodes. Parameters carry
/// torchvision's names: `name` is the prefix that `weight`, `bias`, `running_mean`, … follow.
public struct Architecture: Sendable {
  public enum Operation: Hashable, Sendable {
    case input
    case convolution(ConvolutionGeometry)
    case batchNormalization
    case relu
    case add
    /// Shortcut A: identity, subsampled, with zero channels appended.
    case zeroPaddedShortcut(stride: Int)
    case maxPooling(ConvolutionGeometry)
    case globalAveragePooling
    /// Over a window with stride 1; for evaluation only.
    case averagePooling(ConvolutionGeometry)
    /// At each position, like a 1×1 convolution with a bias.
    case fullyConnected(outputs: Int)
  }

  public struct Node: Hashable, Sendable {
    public let name: String
    public let operation: Operation
    /// Indices of earlier nodes.
    public let inputs: [Int]
    public let shape: ImageShape
  }

  /// What batch normalization adds to variances; PyTorch's default.
  public static let normalizationEpsilon = 1e-5

  /// The name by which a user asks for it, such as `resnet20`.
  public let name: String
  /// What it is, in words, for the start-up summary.
  public let summary: String
  /// Where bottleneck blocks have their stride, which no tensor's shape tells; nil without such blocks.
  public let stride: BottleneckStride?
  public let nodes: [Node]

  public var input: ImageShape { nodes[0].shape }
  public var classes: Int { nodes[nodes.count - 1].shape.channels }
  /// Positions at which the scores stand: one, but for fully convolutional forms.
  public var positions: Int { nodes[nodes.count - 1].shape.area }

  /// The normalizations that end the residual branches, whose results the shortcuts are added to.
  public var residualNormalizations: [String] {
    nodes.filter { $0.operation == .add }.map { nodes[$0.inputs[0]] }
      .filter { $0.operation == .batchNormalization }.map(\.name)
  }
}

/// Builds an `Architecture` node by node; each call returns the new node's index.
public struct ArchitectureBuilder {
  public typealias Value = Int
  private var nodes: [Architecture.Node]

  public init(input: ImageShape) {
    nodes = [.init(name: "input", operation: .input, inputs: [], shape: input)]
  }

  /// The network's input.
  public var input: Value { 0 }

  public func shape(of value: Value) -> ImageShape { nodes[value].shape }

  private mutating func append(
    _ name: String, _ operation: Architecture.Operation, _ inputs: [Value], _ shape: ImageShape
  ) -> Value {
    nodes.append(.init(name: name, operation: operation, inputs: inputs, shape: shape))
    return nodes.count - 1
  }

  /// A convolution without bias. `padding` nil keeps the size at stride 1 for odd kernels.
  public mutating func convolution(
    _ name: String, _ value: Value, channels: Int, kernel: Int, stride: Int = 1,
    padding: Int? = nil, groups: Int = 1
  ) -> Value {
    let geometry = window(
      value, channels: channels, kernel: kernel, stride: stride,
      padding: padding ?? (kernel - 1) / 2, groups: groups)
    return append(name, .convolution(geometry), [value], geometry.output)
  }

  public mutating func batchNormalization(_ name: String, _ value: Value) -> Value {
    append(name, .batchNormalization, [value], shape(of: value))
  }

  public mutating func relu(_ value: Value) -> Value {
    append("\(nodes[value].name).relu", .relu, [value], shape(of: value))
  }

  public mutating func add(_ first: Value, _ second: Value) -> Value {
    precondition(shape(of: first) == shape(of: second), "only equal shapes can be added")
    return append("\(nodes[first].name).add", .add, [first, second], shape(of: first))
  }

  public mutating func zeroPaddedShortcut(
    _ name: String, _ value: Value, channels: Int, stride: Int
  ) -> Value {
    let shape = shape(of: value)
    precondition(channels >= shape.channels, "shortcut A appends channels, it drops none")
    let output = ImageShape(
      height: (shape.height - 1) / stride + 1, width: (shape.width - 1) / stride + 1,
      channels: channels)
    return append(name, .zeroPaddedShortcut(stride: stride), [value], output)
  }

  public mutating func maxPooling(
    _ name: String, _ value: Value, kernel: Int, stride: Int, padding: Int
  ) -> Value {
    precondition(2 * padding <= kernel, "a pooling window always holds a real input")
    let geometry = window(
      value, channels: shape(of: value).channels, kernel: kernel, stride: stride, padding: padding)
    return append(name, .maxPooling(geometry), [value], geometry.output)
  }

  public mutating func globalAveragePooling(_ name: String, _ value: Value) -> Value {
    append(
      name, .globalAveragePooling, [value],
      ImageShape(height: 1, width: 1, channels: shape(of: value).channels))
  }

  /// The mean over a window with stride 1, which fits the value's shape.
  mutating func averagePooling(_ name: String, _ value: Value, window: ImageShape) -> Value {
    let shape = shape(of: value)
    guard
      let geometry = ConvolutionGeometry(
        input: shape, kernelHeight: window.height, kernelWidth: window.width,
        outputChannels: shape.channels, stride: 1, padding: 0)
    else { preconditionFailure("a window of \(window) does not fit \(shape)") }
    return append(name, .averagePooling(geometry), [value], geometry.output)
  }

  /// A fully connected layer at each position.
  public mutating func fullyConnected(_ name: String, _ value: Value, outputs: Int) -> Value {
    let shape = shape(of: value)
    return append(
      name, .fullyConnected(outputs: outputs), [value],
      ImageShape(height: shape.height, width: shape.width, channels: outputs))
  }

  /// The finished network; its last node gives the class scores.
  public func architecture(
    name: String, summary: String, stride: BottleneckStride? = nil
  ) -> Architecture {
    Architecture(name: name, summary: summary, stride: stride, nodes: nodes)
  }

  private func window(
    _ value: Value, channels: Int, kernel: Int, stride: Int, padding: Int, groups: Int = 1
  ) -> ConvolutionGeometry {
    guard
      let geometry = ConvolutionGeometry(
        input: shape(of: value), kernelHeight: kernel, kernelWidth: kernel,
        outputChannels: channels, stride: stride, padding: padding, groups: groups)
    else {
      preconditionFailure(
        "a \(kernel)×\(kernel) window does not fit \(shape(of: value)) with padding \(padding)")
    }
    return geometry
  }
}
