/// A network of ours as an ONNX model.

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
  /// - Throws: where an operation has no ONNX form.
  init(
    _ architecture: Architecture, state: [StateTensor], hasFixedSize: Bool,
    metadata: [(key: String, value: String)]
  ) throws(ONNXExportError) {
    /// The name of node `index`'s value.
    func value(_ index: Int) -> String {
      index == architecture.outputs[0] ? "logits" : architecture.nodes[index].name
    }
    var operators = ONNXOperators([])
    for (index, node) in architecture.nodes.enumerated() {
      let own = try node.operation.onnx(
        ONNXOperands(
          name: node.name, inputs: node.inputs.map(value),
          inputShapes: architecture.inputShapes(of: node), output: value(index),
          outputShape: node.shape))
      operators.nodes += own.nodes
      operators.constants += own.constants
    }
    let input = architecture.input
    self.init(
      name: architecture.name, summary: architecture.summary, nodes: operators.nodes,
      constants: state.map {
        Tensor(name: $0.name, shape: $0.shape, values: .floats($0.values))
      } + operators.constants,
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
