/// A network of ours as an ONNX model.

import Kernels
import Networks
import ONNX

extension ONNXModel {
  /// The network in inference mode.
  ///
  /// Its input is `input`, float [batch, C, H, W] and normalized, its output `logits`, float
  /// [batch, classes]. Batch normalizations stay operators of their own, so that the tensors are
  /// those of the weights file, under the same names.
  ///
  /// - Parameters:
  ///   - state: exactly the network's tensors, in PyTorch's shapes.
  ///   - hasFixedSize: whether H and W are the architecture's; otherwise they are free like the batch.
  init(
    _ architecture: Architecture, state: [StateTensor], hasFixedSize: Bool,
    metadata: [(key: String, value: String)]
  ) {
    var translation = Translation(architecture)
    for index in architecture.nodes.indices { translation.append(index) }
    let input = architecture.input
    self.init(
      name: architecture.name, summary: architecture.summary, nodes: translation.nodes,
      constants: state.map {
        Tensor(name: $0.name, shape: $0.shape, values: .floats($0.values))
      } + translation.constants,
      inputs: [
        Port(
          name: "input",
          shape: [
            .free("batch"), .fixed(input.channels),
            hasFixedSize ? .fixed(input.height) : .free("height"),
            hasFixedSize ? .fixed(input.width) : .free("width"),
          ])
      ],
      outputs: [Port(name: "logits", shape: [.free("batch"), .fixed(architecture.classes)])],
      metadata: metadata)
  }
}

/// The operators of an architecture's nodes.
private struct Translation {
  private let architecture: Architecture
  private(set) var nodes: [ONNXModel.Node] = []
  /// Operands beside the parameters.
  private(set) var constants: [ONNXModel.Tensor] = []

  init(_ architecture: Architecture) { self.architecture = architecture }

  /// The name of node `index`'s value.
  private func value(_ index: Int) -> String {
    index == architecture.nodes.count - 1 ? "logits" : architecture.nodes[index].name
  }

  mutating func append(_ index: Int) {
    let node = architecture.nodes[index]
    let inputs = node.inputs.map(value)
    let name = value(index)
    switch node.operation {
    case .input: break
    case .averagePooling: preconditionFailure("fully convolutional forms are for evaluation only")
    case .convolution(let geometry):
      var attributes = window(geometry)
      attributes.append(("group", .integer(geometry.groups)))
      add("Conv", name, inputs + ["\(node.name).weight"], attributes)
    case .batchNormalization:
      let parameters = ["weight", "bias", "running_mean", "running_var"].map {
        "\(node.name).\($0)"
      }
      add(
        "BatchNormalization", name, inputs + parameters,
        [("epsilon", .float(Float(Architecture.normalizationEpsilon)))])
    case .relu: add("Relu", name, inputs)
    case .add: add("Add", name, inputs)
    case .zeroPaddedShortcut(let stride):
      let added = node.shape.channels - architecture.nodes[node.inputs[0]].shape.channels
      appendShortcut(name, inputs[0], stride: stride, addedChannels: added)
    case .maxPooling(let geometry): add("MaxPool", name, inputs, window(geometry))
    case .globalAveragePooling:
      add("GlobalAveragePool", "\(name).mean", inputs)
      add("Flatten", name, ["\(name).mean"], [("axis", .integer(1))])
    case .fullyConnected:
      add(
        "Gemm", name, inputs + ["\(node.name).weight", "\(node.name).bias"],
        [("transB", .integer(1))])
    }
  }

  private mutating func add(
    _ type: String, _ name: String, _ inputs: [String],
    _ attributes: [(name: String, value: ONNXModel.Node.Attribute)] = []
  ) {
    nodes.append(.init(type, name: name, inputs: inputs, attributes: attributes))
  }

  private func window(
    _ geometry: ConvolutionGeometry
  ) -> [(name: String, value: ONNXModel.Node.Attribute)] {
    [
      ("kernel_shape", .integers([geometry.kernelHeight, geometry.kernelWidth])),
      ("strides", .integers([geometry.stride, geometry.stride])),
      ("pads", .integers(Array(repeating: geometry.padding, count: 4))),
    ]
  }

  /// Shortcut A: every stride-th row and column, then zeros after the channels.
  private mutating func appendShortcut(
    _ name: String, _ input: String, stride: Int, addedChannels: Int
  ) {
    let operands: [(String, [Int64])] = [
      ("starts", [0, 0]), ("ends", [.max, .max]), ("axes", [2, 3]),
      ("steps", [Int64(stride), Int64(stride)]),
      ("pads", [0, 0, 0, 0, 0, Int64(addedChannels), 0, 0]),
    ]
    for (operand, values) in operands {
      constants.append(
        .init(name: "\(name).\(operand)", shape: [values.count], values: .integers(values)))
    }
    add(
      "Slice", "\(name).subsampled",
      [input] + ["starts", "ends", "axes", "steps"].map { "\(name).\($0)" })
    add("Pad", name, ["\(name).subsampled", "\(name).pads"])
  }
}
